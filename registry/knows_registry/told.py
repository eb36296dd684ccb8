"""The definition of a template as its profile tells it: a flow that can be linked and checked, and never run."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, cast

from knows_core import Requirement, Version
from knows_core.binding import Binding, Predicate
from knows_core.flow import Case, Flow, Parallel, Part, Scope, Sequence, Step, Use
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.paths import shape_in
from knows_core.recovery import Continue, Fallback
from knows_core.template import Definition
from knows_core.values.declared import Declared
from knows_registry.contracts.described import Typed
from knows_registry.contracts.described_judgement import DESCRIPTIONS
from knows_registry.manifests.manifest import ManifestBroken, manifest_profile
from knows_registry.manifests.manifest_place import manifest_file
from knows_registry.manifests.manifest_text import BadManifest
from knows_registry.manifests.profile import with_lineage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.checking.judgement import Judgement
    from knows_core.recovery import OnError
    from knows_registry.discover import Offer
    from knows_registry.manifests.profile import Profile, Used


@dataclass(frozen=True, eq=False)
class Told(Definition):
    """A template without functions and classes: its state keys come from its profile, its types are `Typed`."""

    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    judgement: ClassVar[Judgement] = DESCRIPTIONS

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The keys of its state model with their descriptions."""
        return dict(self.told["fields"])

    @functools.cached_property
    def own_required(self) -> list[str]:
        """The keys that it declares to need, and those without default."""
        return list(self.told["required"])

    @functools.cached_property
    def reduced(self) -> frozenset[str]:
        """The keys that several branches may write."""
        return frozenset(self.told["reduced"])

    @functools.cached_property
    def classes(self) -> Declared:
        """None: they were looked at when the profile was made."""
        return Declared()


def told_definition(offer: Offer) -> Definition | None:
    """The definition of an installed offer as its manifest tells it; None where that does not tell its flow.

    It can be linked and checked, and not run. Nothing is imported. Raises ManifestBroken.
    """
    profile = manifest_profile(offer)
    if profile is None or offer.entry is None:
        return None
    try:
        return definition_in(profile)
    except BadManifest as error:
        file, distribution = manifest_file(offer.entry), offer.entry.distribution
        raise ManifestBroken(file=file, distribution=distribution, reason=str(error)) from None


def definition_in(profile: Profile) -> Definition | None:
    """What the flow in a profile defines; None where the profile does not tell its flow. Raises BadManifest."""
    if profile.flow is None:
        return None
    try:
        found = _Reader(profile).template(profile.flow, profile.name, profile.version, profile.types)
    except BadManifest:
        raise
    except Exception as error:  # whatever stands in a file that was edited by hand
        raise _bad(profile, f"cannot be read ({type(error).__name__}: {error})") from error
    if shape_in(found.flow) != profile.shape:
        raise _bad(profile, "has not the shape that the template has")
    return found


def _bad(profile: Profile, why: str) -> BadManifest:
    return BadManifest(f"the flow of {profile.name}@{profile.version} {why}")


def _never(*_: object) -> NoReturn:  # pragma: no cover - what is only told is never run
    raise AssertionError


_NOTHING: Final = Binding(_never, (), None, False, False, False, (), False)


class _Reader:
    def __init__(self, profile: Profile) -> None:
        flow = cast("Any", profile.flow)
        self._definitions = with_lineage(flow["definitions"], flow.get("lineage", {}))
        self._uses: Iterator[Used] = iter(profile.uses)  # in the order of their nodes

    def template(self, told: Mapping[str, Any], name: str, version: str, types: str) -> Told:
        """A template, the root or one that was given to it."""
        fields = {one["key"]: self._typed(one["type"]) for one in told.get("fields", ())}
        keys = {"fields": fields, "required": told.get("required", []), "reduced": told.get("reduced", [])}
        declared = tuple(told.get("declared", ()))
        return Told(name, Version(version), self._node(told["node"]), None, declared, types=types, told=keys)

    def _typed(self, of: Mapping[str, Any]) -> Typed:
        return Typed(dict(of), self._definitions)

    def _node(self, told: Mapping[str, Any]) -> Flow[Any, Any]:
        kind, name = told["kind"], told.get("name")
        match kind:
            case "step":
                return self._step(told, told["name"])
            case "approval":
                payload = self._typed(told["payload"]) if "payload" in told else None
                return Approval(told["name"], payload=payload, into=told.get("into"))
            case "use":
                return _use(next(self._uses))
            case "template":
                inner = self.template(told, told["template"], told["version"], told["types"])
                return Part(told["name"], inner, told.get("keys", {}))
            case _:
                return self._around(told, kind, name, tuple(map(self._node, told.get("inner", ()))))

    def _around(
        self, told: Mapping[str, Any], kind: str, name: str | None, inner: tuple[Flow[Any, Any], ...]
    ) -> Flow[Any, Any]:
        """A node with others inside."""
        match kind:
            case "sequence":
                return Sequence(inner)
            case "parallel":
                return Parallel(inner, name, told.get("as_list", False))
            case "case":
                asked = [None if one is None else _predicate(one) for one in told["asked"]]
                return Case(tuple(zip(asked, inner, strict=True)), name)
            case "each":
                return Each(inner[0], 1, name)
            case "repeat":
                return Repeat(inner[0], _predicate(told["until"]), 1, name)
            case "scope":
                return Scope(inner[0], name, on_error=self._on_error(told, *inner[1:]))
            case _:
                raise ValueError(f"expected a kind of node, found {kind!r}")

    def _step(self, told: Mapping[str, Any], name: str) -> Step[Any, Any]:
        taken, given = told.get("takes"), told["gives"]
        binding = Binding(_never, (), None if taken is None else "value", "state" in told, False, False, (), False)
        keys: Any = {word: tuple(told[word]) for word in ("reads", "writes") if word in told}
        step: Step[Any, Any] = Step(_never, name, binding, on_error=self._on_error(told), **keys)
        annotations = {"return": self._typed(given)} | ({"value": self._typed(taken)} if taken is not None else {})
        step.__dict__["annotations"] = annotations  # which a function would be asked for
        return step

    def _on_error(self, told: Mapping[str, Any], *otherwise: Flow[Any, Any]) -> OnError | None:
        answer: dict[str, Any] = told.get("on_error") or {"kind": None}
        match answer["kind"]:
            case None:
                return None
            case "continue":
                return Continue()
            case "flow":
                return Fallback(*otherwise)
            case "value":
                return Fallback(self._typed(answer["gives"]))
            case _:
                return _never


def _predicate(name: str) -> Predicate:
    return Predicate(_never, name, _NOTHING)


def _use(used: Used) -> Use[Any, Any]:
    return Use(Requirement(used.name, used.range), keys=used.keys, alias=used.alias or None)
