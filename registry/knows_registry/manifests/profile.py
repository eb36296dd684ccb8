"""What is known of a template version without running it: what its manifest tells, or its definition once imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.journals.records import Shape
    from knows_core.named_uses import NamedUse
    from knows_core.template import Definition


class Used(NamedTuple):
    """One use of another template by name: where it stands, the wanted range, the alias or an empty text.

    `given` and `taken` describe what comes into it there and what is wanted of its result, as
    `knows_core.describing.descriptors` does; None where the flow does not say. In `given`, what another used
    template gives is the class `result of:PATH`. A `taken` of the kind `all_of` means that several steps take the
    result, each in its own way.
    `keys` is the mapping of state keys, or the name space as a text.
    """

    path: str
    name: str
    range: str
    alias: str = ""
    given: Mapping[str, Any] | None = None
    taken: Mapping[str, Any] | None = None
    keys: Mapping[str, str] | str = ""


class Profile(NamedTuple):
    """A template version as data: everything that listing, showing, locking and checking across plugins need.

    `contract` and `shape` are those of the template alone, before its uses by name are linked; `uses` names them. So
    the digests are the same wherever it is installed, whatever versions are found for what it uses. They equal those
    that a run is bound to where a template uses nothing by name; else the run's are those of the whole composition.
    `types` is how strictly its seams are checked, those around what it uses among them.

    `lineage` and `defaults` are what a comparison wants beside the contract, and in no digest: by the name under which
    a class stands in the contract, which class it is and which it derives from, the nearest first; by the key, the
    defaults of the state model as data. None where a manifest does not tell the defaults.
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
    from knows_core.contract import defaults_in, lineage_in  # as below: whoever reads a manifest needs none of these
    from knows_core.describing.digests import digest_of
    from knows_core.flows.paths import shape_in
    from knows_core.named_uses import named_uses

    contract, shape = definition.contract, shape_in(definition.flow)
    return Profile(
        name=definition.name,
        version=str(definition.version),
        summary=definition.summary,
        contract=contract,
        contract_digest=digest_of(contract),
        shape=shape,
        shape_digest=digest_of(shape),
        uses=tuple(map(_used, named_uses(definition))),
        types=definition.types,
        lineage=lineage_in(definition),
        defaults=defaults_in(definition),
    )


def _used(one: NamedUse) -> Used:
    node, given, taken = one.node, [_described(each) for each in one.given], [_described(each) for each in one.taken]
    return Used(
        path=one.path,
        name=node.wanted.name if node.wanted is not None else "",
        range=str(node.wanted.range) if node.wanted is not None else "",
        alias=node.alias or "",
        given=given[0] if given else None,
        taken={"kind": "all_of", "of": taken} if len(taken) > 1 else taken[0] if taken else None,
        keys=node.keys if isinstance(node.keys, str) else dict(node.keys),
    )


def _described(annotation: Any) -> dict[str, Any]:
    """An annotation as `knows_core.describing.descriptors.described` has it, its definitions with their lineage."""
    from knows_core.describing.descriptors import described_together

    found = described_together({"it": annotation})
    definitions = with_lineage(found.definitions, found.lineage)
    return found.types["it"] | ({"definitions": definitions} if definitions else {})


def with_lineage(definitions: Mapping[str, Any], lineage: Mapping[str, list[str]]) -> dict[str, Any]:
    """Definitions, each with its lineage where that is known."""
    return {name: {**one, "lineage": lineage[name]} if name in lineage else one for name, one in definitions.items()}
