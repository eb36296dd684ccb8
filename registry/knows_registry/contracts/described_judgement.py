"""The judgement on types that are only described: `knows_core.checking.judgement` answered without the classes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.checking.judgement import UNKNOWN
from knows_core.describing.descriptors import described
from knows_core.types import Fit, Verdict
from knows_registry.contracts.described import Typed, opened, read, words
from knows_registry.contracts.described_fit import fits
from knows_registry.contracts.described_verdict import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from knows_core.checking.judgement import Judgement

_FITS: Final = {Answer.YES: Fit.FITS, Answer.UNDECIDED: Fit.RUN_TIME, Answer.NO: Fit.DOES_NOT_FIT}
_ANYTHING: Final = Typed({"kind": "any"}, {})


class _Descriptions:
    """Types are `Typed`. What descriptions cannot decide is checked at run time."""

    def fits(self, produced: Any, consumed: Any) -> Verdict:
        one, other = _typed(produced), _typed(consumed)
        found = fits(one.of, other.of, one.definitions, other.definitions)
        sides = f"{words(one)} -> {words(other)}"
        return Verdict(_FITS[found.answer], ": ".join(filter(None, (found.path, sides, found.reason))), found.partly)

    def of_value(self, value: Any) -> Any:
        return value  # where a flow is described, so is the type of a value in it

    def item_of(self, one: Any) -> Any:
        meant = read(_typed(one), produced=True)
        if meant.kind == "list":
            return self.either(meant.args)
        if meant.kind == "tuple":
            each = [meant.body.part(meant.body.of["each"])] if "each" in meant.body.of else []
            return self.either([*meant.args, *each])
        return UNKNOWN

    def either(self, several: Iterable[Any]) -> Any:
        members = [each for one in several for each in _members(_typed(one))]
        found = {(one.text, str(one.definitions if '"ref"' in one.text else "")): one for one in members}
        distinct = [found[key] for key in sorted(found)]  # one order, in which descriptions hold their unions too
        if not distinct or any(read(one, produced=True).kind == "any" for one in distinct):
            return UNKNOWN
        return distinct[0] if len(distinct) == 1 else _together("union", "of", distinct)

    def list_of(self, item: Any) -> Any:
        return _together("list", "args", [_typed(item)])

    def tuple_of(self, items: Iterable[Any]) -> Any:
        return _together("tuple", "args", list(map(_typed, items)))


DESCRIPTIONS: Final[Judgement] = _Descriptions()


def _typed(one: Any) -> Typed:
    if isinstance(one, Typed):
        return opened(one)
    return _ANYTHING if one is UNKNOWN else Typed(described(one), {})


def _members(one: Typed) -> list[Typed]:
    """What a union is a union of; else the type itself."""
    return list(map(one.part, one.of["of"])) if set(one.of) == {"kind", "of"} and one.of["kind"] == "union" else [one]


def _together(kind: str, field: str, members: Iterable[Typed]) -> Typed:
    """One description of several, whose classes of one name and several structures get names of their own."""
    definitions: dict[str, Any] = {}
    of: list[Any] = []
    for one in map(opened, members):
        names = _free_names(one.definitions, definitions)
        definitions |= {names[name]: _renamed(body, names) for name, body in one.definitions.items()}
        of.append(_renamed(one.of, names))
    return Typed({"kind": kind, field: of}, definitions)


def _free_names(own: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, str]:
    """The names of classes as they are where they mean the same, else all of them others: they refer to each other."""
    if all(taken.get(name, body) == body for name, body in own.items()):
        return {name: name for name in own}
    known = {**taken, **own}
    number = next(one for one in itertools.count(2) if not any(f"{name}#{one}" in known for name in own))
    return {name: f"{name}#{number}" for name in own}


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    if isinstance(part, list):
        return [_renamed(one, names) for one in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    held = cast("dict[str, Any]", part)
    if isinstance(held.get("ref"), str):
        held = held | {"ref": names.get(held["ref"], held["ref"])}
    return {key: _renamed(one, names) for key, one in held.items()}
