"""How one described type differs from its successor: a flat list of differences, each with its place and its rule.

Two versions of one template describe their classes under the same names, so that a class is followed into its fields.
Only where there is no more structure in common, `described_fit` says which of the two takes more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_registry.contracts.contract_pairs import have_values, is_one_class, paired, places
from knows_registry.contracts.described import bound_words, read, value_words, words
from knows_registry.contracts.described_bounds import NARROWING, UNDERSTOOD, follows
from knows_registry.contracts.described_fit import fits
from knows_registry.contracts.described_verdict import YES, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_registry.contracts.described import Marks, Reading, Typed
    from knows_registry.contracts.described_verdict import Verdict

_DEEPEST: Final = 40
_MOST_QUESTIONS: Final = 5_000
# What a class says beside these is understood by nobody.
_TOLD_APART: Final = ("kind", "name", "fields", "extra", "extras", "members", "class", "lineage")
_FIELD_PARTS: Final = ("name", "type", "required", "default")


class Side(StrEnum):
    """Whether values go in there, or come out."""

    IN = "in"
    OUT = "out"


class Difference(NamedTuple):
    """One difference: where it is, which rule of `contract_rules` it falls under, what was and what is."""

    path: str
    rule: str
    was: str
    now: str
    why: str = ""


def differences(old: Typed, new: Typed, path: str, side: Side) -> list[Difference]:
    """Every difference between two descriptions of what stands at one border of a template."""
    return list(dict.fromkeys(_Walk(side).walk(old, new, path)))


class _Walk:
    """One walk along two descriptions; it remembers where it is, so that a class that refers to itself ends."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._open: list[tuple[str, str]] = []
        self._questions = 0

    def walk(self, old: Typed, new: Typed, path: str) -> Iterator[Difference]:
        """What differs, outer before inner."""
        self._questions += 1
        pair = (old.text, new.text)
        is_same = pair[0] == pair[1] and old.definitions == new.definitions
        if is_same or pair in self._open:
            return
        if len(self._open) >= _DEEPEST or self._questions > _MOST_QUESTIONS:
            yield Difference(path, "undecided", words(old), words(new), "it is nested too deeply to compare")
            return
        self._open.append(pair)
        yield from self._compared(old, new, path)
        self._open.pop()

    def _compared(self, old: Typed, new: Typed, path: str) -> Iterator[Difference]:
        was, now = read(old, produced=False), read(new, produced=False)
        why = was.opaque or now.opaque
        if why:
            if old.text != new.text:
                yield Difference(path, "undecided", words(old), words(new), why)
        elif (was.kind == "union") != (now.kind == "union"):
            yield from self._unions(was, now, old, new, path)
        else:
            yield from self._marks(was, now, old, new, path)
            yield from self._kinds(was, now, path)

    def _kinds(self, was: Reading, now: Reading, path: str) -> Iterator[Difference]:
        old, new = was.body, now.body
        parts = places(was, now)
        if was.kind == now.kind == "union":
            yield from self._unions(was, now, old, new, path)
        elif was.kind == now.kind == "newtype" and old.of["class"] == new.of["class"]:
            yield from self.walk(old.part(old.of["of"]), new.part(new.of["of"]), path)
        elif was.kind == now.kind and is_one_class(was, now):
            yield from self._structure(was, now, path)
        elif was.kind == now.kind and have_values(was, now):
            yield from self._values(was, now, path)
        elif parts is not None:
            for place, one, other in parts:
                yield from self.walk(one, other, path + place)
        else:
            yield from self._judged(old, new, path)

    # -------------------------------------------------------------- where there is no more structure

    def _judged(self, old: Typed, new: Typed, path: str) -> Iterator[Difference]:
        forth, back = _verdict(old, new), _verdict(new, old)
        needed, other = (forth, back) if self._side is Side.IN else (back, forth)
        if needed is YES and other is YES:
            is_renamed = old.text != new.text and _name(old) != _name(new)
            if is_renamed:
                yield Difference(path, "class-renamed", words(old), words(new))
            return
        if needed.answer is Answer.UNDECIDED:
            rule = "undecided"
        elif forth is YES or back is YES:
            rule = "type-wider" if forth is YES else "type-narrower"
        else:
            rule = "type-replaced"
        yield Difference(path, rule, words(old), words(new), f"{needed.path} {needed.reason}".strip())

    # -------------------------------------------------------------- marks

    def _marks(self, was: Reading, now: Reading, old: Typed, new: Typed, path: str) -> Iterator[Difference]:
        before, after = _bounds(was), _bounds(now)
        forth = all(follows(one, before) for one in after)
        back = all(follows(one, after) for one in before)
        told = (_told(before), _told(after))
        if not forth and (self._side is Side.IN or back):
            yield Difference(path, "bound-tighter", *told)
        elif not back:
            yield Difference(path, "bound-looser", *told)
        gone = [one for one in _odd(was) if one not in _odd(now)]
        come = [one for one in _odd(now) if one not in _odd(was)]
        if not gone and not come:
            return
        narrows = all(rule in NARROWING for rule, _ in (*gone, *come))
        is_clear = narrows and (not come if self._side is Side.IN else not gone)
        rule = "undecided" if not is_clear else "bound-looser" if gone else "bound-tighter"
        named = ", ".join(dict.fromkeys(rule for rule, _ in (*gone, *come)))
        yield Difference(path, rule, words(old), words(new), "" if is_clear else f"{named} is not understood")

    # -------------------------------------------------------------- classes, enums, literals

    def _structure(self, was: Reading, now: Reading, path: str) -> Iterator[Difference]:
        before, after = was.fields, now.fields
        if was.kind == "named_tuple" and list(before) != list(after):
            yield Difference(path, "type-replaced", _listed(before), _listed(after), "its items have places")
            return
        if was.kind == "protocol":
            if was.body.of["members"] != now.body.of["members"]:
                yield Difference(path, "undecided", words(was.body), words(now.body), "protocols are not compared")
            return
        yield from self._own_rules(was, now, path)
        for name in dict.fromkeys([*before, *after]):
            place = f"{path}.{name}"
            if name not in after:
                refuses = now.body.of.get("extra") == "forbid"
                yield Difference(place, "field-refused" if refuses else "field-removed", words(was.type_of(name)), "")
            elif name not in before:
                rule = "field-new-required" if after[name]["required"] else "field-new-optional"
                yield Difference(place, rule, "", words(now.type_of(name)))
            else:
                yield from _field(before[name], after[name], place)
                yield from self.walk(was.type_of(name), now.type_of(name), place)

    def _own_rules(self, was: Reading, now: Reading, path: str) -> Iterator[Difference]:
        """What a class says beside its fields."""
        old, new = was.body, now.body
        forbade, forbids = old.of.get("extra") == "forbid", new.of.get("extra") == "forbid"
        told = (old.of.get("extra", "ignore"), new.of.get("extra", "ignore"))
        if forbade != forbids or told[0] != told[1]:
            yield Difference(path, "extra-forbidden" if forbids else "extra-allowed", *told)
        if "extras" in old.of and "extras" in new.of:
            yield from self.walk(old.part(old.of["extras"]), new.part(new.of["extras"]), f"{path}.(extra)")
        differing = [
            key for key in sorted({*old.of, *new.of}) if key not in _TOLD_APART and old.of.get(key) != new.of.get(key)
        ]
        common = [name for name in was.fields if name in now.fields]
        if common != [name for name in now.fields if name in was.fields]:
            differing.append("order of the fields")
        for key in differing:
            why = f"the {key} of {words(now.body)} changed"
            yield Difference(path, "undecided", shown(old.of.get(key)), shown(new.of.get(key)), why)

    def _values(self, was: Reading, now: Reading, path: str) -> Iterator[Difference]:
        before, after = _members(was), _members(now)
        gone = [one for one in before if one not in after]
        come = [one for one in after if one not in before]
        if gone:
            yield Difference(path, "value-removed", ", ".join(gone), "")
        if come:
            yield Difference(path, "value-added", "", ", ".join(come))
        yield from () if was.kind == "literal" else self._own_rules(was, now, path)

    # -------------------------------------------------------------- unions

    def _unions(self, was: Reading, now: Reading, old: Typed, new: Typed, path: str) -> Iterator[Difference]:
        """Members that correspond are followed; of the others it is asked whether the whole takes them anyway."""
        if (was.kind == "union" and now.kind != "union" and was.is_marked) or (
            now.kind == "union" and was.kind != "union" and now.is_marked
        ):
            yield from self._judged(old, new, path)
            return
        before = was.args if was.kind == "union" else [old]
        after = now.args if now.kind == "union" else [new]
        pairs, gone, come = paired(before, after)
        for one, other in pairs:
            yield from self.walk(one, other, path)
        gone = [one for one in gone if _verdict(one, new) is not YES]
        come = [one for one in come if _verdict(one, old) is not YES]
        anything = {one.of.get("kind") for one in (*before, *after)} & {"any"}
        if (gone and come) or anything:
            yield from self._judged(old, new, path)
        elif gone or come:
            yield Difference(path, "type-narrower" if gone else "type-wider", words(old), words(new))


def _verdict(produced: Typed, consumed: Typed) -> Verdict:
    """Which of two versions of a type takes more: `anything` takes all, and not everything is taken elsewhere."""
    if "any" in (produced.of.get("kind"), consumed.of.get("kind")):
        taken = consumed.of == {"kind": "any"}
        return YES if taken else YES._replace(answer=Answer.NO, reason="anything may come")
    return fits(produced.of, consumed.of, produced.definitions, consumed.definitions, one_origin=True)


def _name(typed: Typed) -> str:
    return str(read(typed, produced=False).body.of.get("name", ""))


def _field(was: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Difference]:
    if was["required"] != now["required"]:
        told = ("required" if one["required"] else "may be left out" for one in (was, now))
        yield Difference(path, "field-now-required" if now["required"] else "field-now-optional", *told)
    elif was.get("default") != now.get("default"):
        yield Difference(path, "default-changed", shown(was.get("default")), shown(now.get("default")))
    facts = sorted({key for key in (*was, *now) if key not in _FIELD_PARTS and was.get(key) != now.get(key)})
    if facts:
        old, new = (", ".join(shown(one.get(key)) for key in facts) for one in (was, now))
        yield Difference(path, "undecided", old, new, f"its {', '.join(facts)} changed")


def _members(reading: Reading) -> list[str]:
    if reading.kind == "literal":
        return [value_words(one) for one in reading.body.of["values"]]
    return [f"{one['name']} = {shown(one['value'])}" for one in reading.body.of["members"]]


def _bounds(reading: Reading) -> Marks:
    return tuple(one for one in reading.bounds if one[0] in UNDERSTOOD)


def _odd(reading: Reading) -> list[tuple[str, str]]:
    marks = [(rule, shown(limit)) for rule, limit in reading.bounds if rule not in UNDERSTOOD]
    return [*marks, *((one, "") for one in reading.unread)]


def _told(bounds: Marks) -> str:
    return ", ".join(bound_words(*one) for one in bounds) or "any"


def _listed(fields: Mapping[str, Any]) -> str:
    return ", ".join(fields)


def shown(value: Any) -> str:
    """A default, or whatever else a description holds, as a person would write it."""
    if not isinstance(value, dict):
        return "none" if value is None else str(value)
    told = cast("dict[str, Any]", value)
    return value_words(told) if told.keys() == {"type", "value"} else str(told)
