"""What is known of a template version without running it: what its manifest tells, or its definition once imported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.flow import Flow
    from knows_core.flows.migration import Migration
    from knows_core.journals.records import Shape
    from knows_core.template import Definition
    from knows_core.version import Requirement


class Used(NamedTuple):
    """One use of another template by name: where it stands, the wanted range, the alias or an empty text.

    `keys` is the mapping of state keys, or the name space as a text.
    """

    path: str
    name: str
    range: str
    alias: str = ""
    keys: Mapping[str, str] | str = ""


class Profile(NamedTuple):
    """A template version as data: everything that listing, showing, locking and checking across plugins need.

    `contract` and `shape` are those of the template alone, before its uses by name are linked; `uses` names them. So
    the digests are the same wherever it is installed, whatever versions are found for what it uses. They equal those
    that a run is bound to where a template uses nothing by name; else the run's are those of the whole composition.
    `types` is how strictly its seams are checked, those around what it uses among them.

    `lineage` and `defaults` are what a comparison wants beside the contract, and in no digest: by the name under which
    a class stands in the contract, which class it is and which it derives from, the nearest first; by the key, the
    defaults of the state model as data. `flow` is the flow as `flow_told` tells it, `migrations` are those that it
    declares, without their functions. But for `lineage` they are None where they are not known: manifests of older
    makers do not tell them.
    """

    name: str
    version: str
    summary: str
    contract: Mapping[str, Any]
    contract_digest: str
    shape: Shape
    shape_digest: str
    uses: tuple[Used, ...] = ()
    yanked: str = ""
    deprecated: str = ""
    successor: str = ""
    types: str = "strict"
    lineage: Mapping[str, list[str]] = {}  # a named tuple has no factories, and nobody writes to it
    defaults: Mapping[str, Any] | None = None
    flow: Mapping[str, Any] | None = None
    migrations: tuple[Migration, ...] | None = None

    @property
    def definitions(self) -> dict[str, Any]:
        """The definitions of the contract, each with its lineage."""
        return with_lineage(self.contract["definitions"], self.lineage)

    @property
    def required_state(self) -> list[str]:
        """The keys that must have a value at the start, by the template alone."""
        return [key for key, one in self.contract["state_in"].items() if one["required"]]


def profile_of(definition: Definition) -> Profile:
    """The profile of a template at hand, nothing linked. Notices are not in it: a manifest carries those."""
    from knows_core.contract import defaults_in, lineage_in  # whoever reads a manifest needs none of these
    from knows_core.describing.digests import digest_of
    from knows_core.flows.paths import placed, shape_in
    from knows_registry.manifests.flow_told import flow_told

    contract, shape = definition.contract, shape_in(definition.flow)
    return Profile(
        name=definition.name,
        version=str(definition.version),
        summary=definition.summary,
        contract=contract,
        contract_digest=digest_of(contract),
        shape=shape,
        shape_digest=digest_of(shape),
        uses=tuple(used for path, node, _ in placed(definition.flow) for used in _used(path, node)),
        types=definition.types,
        lineage=lineage_in(definition),
        defaults=defaults_in(definition),
        flow=flow_told(definition),
        migrations=tuple(replace(one, state=None) for one in definition.migrations),
    )


def with_lineage(definitions: Mapping[str, Any], lineage: Mapping[str, list[str]]) -> dict[str, Any]:
    """Definitions, each with its lineage where that is known."""
    return {name: {**one, "lineage": lineage[name]} if name in lineage else one for name, one in definitions.items()}


def _used(path: str, node: Flow[Any, Any]) -> Iterator[Used]:
    wanted: Requirement | None = getattr(node, "wanted", None) if node.kind == "use" else None
    if wanted is not None:
        use: Any = node
        keys = use.keys if isinstance(use.keys, str) else dict(use.keys)
        yield Used(path, wanted.name, str(wanted.range), use.alias or "", keys)
