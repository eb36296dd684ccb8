"""What fits what among described classes with fields: field by field, where the classes themselves are gone.

A class with more fields may be a subclass, and one that lacks a field is none. Which it is, the lineages tell where
both are known: an instance of the class itself, or of one that derives from it, goes over as it is. Else it is
undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knows_registry.contracts.described import read, words
from knows_registry.contracts.described_bounds import UNDERSTOOD
from knows_registry.contracts.described_verdict import YES, Answer, all_of, no, undecided

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from knows_registry.contracts.described import Reading, Typed
    from knows_registry.contracts.described_verdict import Ask, Verdict

# Settings of a model that change nothing about which values pass and what they become.
_NEUTRAL: Final = frozenset({
    *("frozen", "strict", "from_attributes", "validate_assignment", "serialize_by_alias"),
    *("validate_by_name", "validate_by_alias"),
})  # fmt: skip
_SCALARS: Final = frozenset({
    *("int", "float", "complex", "bool", "str", "bytes", "none", "date", "datetime", "time", "timedelta"),
    *("decimal", "uuid", "path", "pure_path", "enum", "literal"),
})  # fmt: skip
_WHOLE_CHECKS: Final = ("model_validator", "root_validator")
_ORDERED: Final = ("list", "tuple", "abc.Sequence", "abc.MutableSequence")
_HASHED: Final = ("set", "frozenset", "abc.Set", "abc.MutableSet")
_KEYED: Final = ("dict", "abc.Mapping", "abc.MutableMapping")
_Inside = frozenset[str]
_Seen = frozenset[tuple[str, _Inside]]
_NOWHERE: Final[_Inside] = frozenset()


def structure_rule(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    """Whether every value of one class with fields enters another."""
    if produced.kind != consumed.kind:
        may_be = produced.kind == "enum" and "mixed_with" in produced.body.of
        why = f"{words(produced.body)} is no {words(consumed.body)}"
        return undecided("what an enum is mixed with is not described") if may_be else no(why)
    if consumed.kind == "typed_dict":
        return _typed_dict(produced, consumed, comparison)
    lacking = [name for name in consumed.fields if name not in produced.fields]
    if lacking:
        return no(f"{words(produced.body)} has no {', '.join(lacking)}")
    if comparison.one_origin and _structure(produced) == _structure(consumed):
        return _fields(produced, consumed, comparison)
    if consumed.lineage and consumed.lineage[0] in produced.lineage:
        return _instances(produced, consumed, comparison)
    if consumed.kind in ("model", "root_model"):
        return _model(produced, consumed, comparison)
    return undecided(f"whether {words(produced.body)} and {words(consumed.body)} are one class is not described")


def _fields(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    names = consumed.fields
    return all_of(comparison.ask(produced.type_of(name), consumed.type_of(name)).at(f".{name}") for name in names)


def _structure(reading: Reading) -> dict[str, Any]:
    return {name: one for name, one in reading.body.of.items() if name != "lineage"}


def _instances(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    """Whether instances of a class pass as they are, also those of a subclass, which may have other validators."""
    name = words(consumed.body)
    if consumed.body.of.get("config", {}).get("revalidate_instances"):
        return undecided(f"{name} validates its instances anew")
    is_other = produced.lineage[0] != consumed.lineage[0]
    if is_other and any(one.startswith(_WHOLE_CHECKS) for one in consumed.body.of.get("unread", ())):
        return undecided(f"{name} has validators that {words(produced.body)} may have changed")
    found = _fields(produced, consumed, comparison)
    if found is YES:
        return found
    # The class was another when one of the two was described, or a field of the subclass is wider than it should be.
    return undecided(f"{words(produced.body)} derives from {name}, and differs there: {found.reason}").at(found.path)


# ------------------------------------------------------------------ TypedDict


def _typed_dict(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    if consumed.body.of.keys() & {"config", "extra"}:
        return undecided(f"{words(consumed.body)} has a configuration of its own")
    return all_of(_key(name, produced, consumed, comparison).at(f".{name}") for name in consumed.fields)


def _key(name: str, produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    needs = consumed.fields[name]["required"]
    if name not in produced.fields:
        return no("the key is not declared") if needs else undecided("the key is not declared")
    if needs and not produced.fields[name]["required"]:
        return no("the key may be missing", partly=True)
    return comparison.ask(produced.type_of(name), consumed.type_of(name))


# ------------------------------------------------------------------ models


def _model(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    more = [name for name in produced.fields if name not in consumed.fields]
    if more:
        of = f"{words(produced.body)} with {', '.join(more)}"
        return undecided(f"whether {of} is a subclass of {words(consumed.body)} is not described")
    forth = _fields(produced, consumed, comparison)
    back = _fields(consumed, produced, comparison)
    one_name = produced.body.of["name"] == consumed.body.of["name"]
    if forth.answer is not Answer.NO and back.answer is Answer.NO and one_name:  # a generic one of other arguments
        return undecided(f"whether it is validated anew as {words(consumed.body)} is not described")
    comparison.converts = True
    return all_of([forth, back, *map(undecided, _doubts(produced, consumed))])


def _doubts(produced: Reading, consumed: Reading) -> Iterator[str]:
    """Why a dump of one model might not validate as the other, or might not be the whole value."""
    for one in (produced, consumed):
        if one.body.of.get("unread"):
            yield f"{words(one.body)} has functions of its own: {', '.join(one.body.of['unread'])}"
        odd = one.body.of.get("config", {}).keys() - _NEUTRAL
        if odd or "extras" in one.body.of:
            yield f"{words(one.body)} has a configuration of its own"
    if produced.body.of.get("extra") == "allow" and consumed.body.of.get("extra") != "allow":
        yield f"{words(produced.body)} may hold extra fields"
    if any(one.keys() & {"exclude", "exclude_if", "discriminator"} for one in produced.fields.values()):
        yield f"{words(produced.body)} does not dump every field"


# ------------------------------------------------------------------ what a dump would lose


def lost_in_a_dump(typed: Typed, seen: _Seen = frozenset(), inside: _Inside = _NOWHERE) -> str:
    """The part of a consumed type whose values a dump and strict validation might not bring back; empty if none.

    What is inside a `hash` (a key, a member of a set) would be dumped to a dict, which has none. Inside a `union` an
    instance of a subclass is dumped with all its fields, and what is inside a `closed` model takes no extra fields.
    """
    reading = read(typed, produced=True)
    kind, here = reading.kind, (reading.body.text, inside)
    odd = [*reading.unread, *(rule for rule, _ in reading.bounds if rule not in UNDERSTOOD)]
    if reading.opaque or odd:
        return words(typed)
    if kind in _SCALARS or here in seen:
        return ""
    seen |= {here}
    if kind == "union":
        others = [one for one in reading.args if one.of.get("kind") != "none"]
        if sum(not _is_scalar(one) for one in others) > 1:
            return words(typed)
        return _first(others, seen, inside | {"union"} if len(others) > 1 else inside)
    if "hash" in inside and kind != "tuple":
        return words(typed)
    if kind in (*_ORDERED, *_HASHED, *_KEYED):
        return _lost_items(reading, seen, inside)
    if kind in ("model", "root_model"):
        return _lost_fields(reading, seen, inside)
    is_open = kind == "typed_dict" and "closed" not in inside and "config" not in reading.body.of
    is_known = kind == "named_tuple" or is_open
    return _first(map(reading.type_of, reading.fields), seen, inside) if is_known else words(typed)


def _lost_items(reading: Reading, seen: _Seen, inside: _Inside) -> str:
    if reading.kind in _KEYED:
        key, value = reading.args
        return lost_in_a_dump(key, seen, inside | {"hash"}) or lost_in_a_dump(value, seen, inside)
    each = reading.body.of.get("each")
    items = reading.args if each is None else [reading.body.part(each)]
    return _first(items, seen, inside | {"hash"} if reading.kind in _HASHED else inside)


def _lost_fields(reading: Reading, seen: _Seen, inside: _Inside) -> str:
    forbids = reading.body.of.get("extra") == "forbid"
    if any(_doubts(reading, reading)) or (forbids and "union" in inside):
        return words(reading.body)
    within = (inside - {"closed"}) | ({"closed"} if forbids else _NOWHERE)
    return _first(map(reading.type_of, reading.fields), seen, within)


def _first(several: Iterable[Typed], seen: _Seen, inside: _Inside) -> str:
    return next(filter(None, (lost_in_a_dump(one, seen, inside) for one in several)), "")


def _is_scalar(typed: Typed) -> bool:
    return read(typed, produced=True).kind in _SCALARS
