"""What fits what among described values and containers of Python, by their kinds, and enums by their members."""

from __future__ import annotations

import collections
import enum
import json
import uuid
from collections import abc
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_registry.contracts.described import Typed, words
from knows_registry.contracts.described_structures import structure_rule
from knows_registry.contracts.described_verdict import YES, all_of, no, undecided

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_registry.contracts.described import Reading
    from knows_registry.contracts.described_verdict import Ask, Verdict

_REAL: Final[Mapping[str, type]] = {
    "none": type(None),
    **{one.__name__: one for one in (int, float, complex, bool, str, bytes, bytearray, slice, range, type)},
    **{one.__name__.lower(): one for one in (date, datetime, time, timedelta, tzinfo, Decimal, Fraction, Path)},
    "uuid": uuid.UUID,
    "pure_path": PurePath,
    **{one.__name__: one for one in (list, dict, set, frozenset, tuple)},
    **{one.__name__.lower(): one for one in (collections.deque, collections.OrderedDict, collections.defaultdict)},
    **{one.__name__.lower(): one for one in (collections.Counter, collections.ChainMap)},
    "typed_dict": dict,
    "named_tuple": tuple,
}
_STAY_HASHABLE: Final = ("builtins", "datetime", "decimal", "uuid", "pathlib", "enum")
_OF_ITEMS: Final = frozenset({
    *("list", "set", "frozenset", "deque", "abc.Sequence", "abc.MutableSequence", "abc.Set", "abc.MutableSet"),
    *("abc.Collection", "abc.Iterable", "abc.Container", "abc.Reversible", "abc.KeysView", "abc.ValuesView"),
})  # fmt: skip
_OF_PAIRS: Final = frozenset({
    *("dict", "ordereddict", "defaultdict", "counter", "chainmap", "abc.Mapping", "abc.MutableMapping"),
})  # fmt: skip
_ITEMS_OF: Final = {"str": "str", "bytes": "int", "bytearray": "int", "range": "int"}
# What pydantic's strict check takes for an abstract kind: subclasses of the first, and exactly the others.
_STRICT: Final[dict[str, tuple[type, tuple[str, ...]]]] = {
    "abc.Sequence": (list, ("tuple", "abc.MutableSequence")),
    "abc.MutableSequence": (list, ()),
    "abc.Set": (frozenset, ()),
    "abc.MutableSet": (set, ()),
    "abc.Mapping": (dict, ("abc.MutableMapping",)),
    "abc.MutableMapping": (dict, ()),
}
_USED_UP: Final = frozenset({
    *("abc.Iterator", "abc.Generator", "abc.AsyncIterable", "abc.AsyncIterator", "abc.AsyncGenerator"),
    *("abc.Awaitable", "abc.Coroutine"),
})  # fmt: skip
_ANYTHING: Final = {"kind": "any"}


def class_rule(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    """Whether every value of one class enters another; both are classes, or one value of a literal is produced."""
    kind, target = produced.kind, consumed.kind
    if "class" in (kind, target) or "protocol" in (kind, target):
        return _named(produced, consumed, comparison)
    if kind in _USED_UP or target in _USED_UP:
        is_same = produced.body.text == consumed.body.text
        return YES if is_same else no(f"{_word(produced)} cannot be handed over as {_word(consumed)}")
    if target in ("enum", "member"):
        return _enum(produced, consumed)
    if kind == "member":
        return undecided(f"what {words(produced.body)} is beside an enum is not described")
    if target == "callable":
        return _callable(produced, consumed, comparison)
    if target == "type":
        return _class_object(produced, consumed)
    if target in ("model", "root_model", "dataclass", "typed_dict", "named_tuple"):
        return structure_rule(produced, consumed, comparison)
    if target in _OF_ITEMS or target in _OF_PAIRS or target == "tuple":
        return _container(produced, consumed, comparison)
    return _nominal(produced, consumed)


def _word(reading: Reading) -> str:
    return words(reading.body)


def real_class(reading: Reading) -> type | None:
    """The class of Python that a kind stands for; None where the description does not tell."""
    kind = reading.kind
    if kind == "enum":
        mixed = reading.body.of.get("mixed_with")
        return enum.Enum if mixed is None else _REAL.get(mixed) if mixed in ("int", "str", "float", "bytes") else None
    if kind.startswith("abc."):
        return getattr(abc, kind.removeprefix("abc."), None)
    return _REAL.get(kind)


def values_of(reading: Reading) -> list[list[Mapping[str, Any]]]:
    """All values of a type that has only few; those that are one under several names together."""
    if reading.kind == "bool":
        return [[{"type": "bool", "value": True}], [{"type": "bool", "value": False}]]
    if reading.kind == "none":
        return [[{"type": "none", "value": None}]]
    of = reading.body.of
    if reading.kind != "enum" or "flag" in of:
        return []
    by_value: dict[str, list[Mapping[str, Any]]] = {}
    for one in of["members"]:
        group = json.dumps(one["value"]) if one["value"] != "made" else one["name"]
        by_value.setdefault(group, []).append({"type": of["class"], "value": one["name"]})
    return list(by_value.values())


# ------------------------------------------------------------------ by identity


def _named(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    """Of classes that are known by their names only: the same one, with the same arguments."""
    mine, wanted = produced.body.of, consumed.body.of
    if produced.kind != consumed.kind or produced.kind == "protocol":
        is_same = comparison.one_origin and produced.body == consumed.body
        return YES if is_same else undecided(f"whether {_word(produced)} is a {_word(consumed)} is not described")
    if mine["class"] != wanted["class"] or mine["class"].startswith("pydantic"):
        return undecided(f"whether {_word(produced)} is a {_word(consumed)} is not described")
    pairs = list(zip(produced.args, consumed.args, strict=False))
    both = [comparison.ask(one, other) for one, other in pairs] + [comparison.ask(other, one) for one, other in pairs]
    is_same = len(produced.args) == len(consumed.args) and all_of(both) is YES
    return YES if is_same else undecided(f"what {_word(produced)} may hold is not described")


def _enum(produced: Reading, consumed: Reading) -> Verdict:
    mine, wanted = produced.body.of, consumed.body.of
    if produced.kind not in ("enum", "member") or mine["class"] != wanted["class"]:
        return no(f"{_word(produced)} is no {_word(consumed)}", partly="mixed_with" in wanted)
    members = {one["name"]: one["value"] for one in wanted["members"]}
    if produced.kind == "member":
        name = produced.value["value"] if produced.value else ""
        return YES if name in members else no(f"{_word(consumed)} has no {name}")
    lacking = [one["name"] for one in mine["members"] if members.get(one["name"]) != one["value"]]
    if lacking:
        return no(f"{_word(consumed)} has no {', '.join(lacking)}, or another")
    return YES


def _nominal(produced: Reading, consumed: Reading) -> Verdict:
    kind, target = real_class(produced), real_class(consumed)
    if consumed.kind in ("abc.Hashable", "abc.Sized") or target is None or consumed.kind.startswith("abc."):
        return _abstract(produced, consumed)
    if kind is None:
        is_unknown = produced.kind == "enum"
        why = f"{_word(produced)} is no {_word(consumed)}"
        return undecided(f"whether {why.replace(' is no ', ' is a ')} is not described") if is_unknown else no(why)
    if (kind is bool and target is int) or (issubclass(kind, datetime) and target is date):
        return no(f"the strict check of {_word(consumed)} takes no {_word(produced)}")
    is_number = kind is not bool and issubclass(kind, (int, float))
    if issubclass(kind, target) or (target is float and is_number):
        return YES
    if target is complex and is_number:
        return undecided(f"not every version of pydantic takes every {_word(produced)}")
    return no(f"{_word(produced)} is no {_word(consumed)}", partly=issubclass(target, kind))


def _abstract(produced: Reading, consumed: Reading) -> Verdict:
    """Of abstract classes that say nothing about what is inside."""
    kind, target = real_class(produced), real_class(consumed)
    if kind is None or target is None or any(one.of != _ANYTHING for one in consumed.args):
        return undecided(f"whether {_word(produced)} is a {_word(consumed)} is not described")
    if not issubclass(kind, target):
        return no(f"{_word(produced)} is no {_word(consumed)}", partly=issubclass(target, kind))
    package = kind.__module__.partition(".")[0]
    stays = consumed.kind != "abc.Hashable" or kind is target or package in _STAY_HASHABLE
    stays = stays and produced.kind not in ("named_tuple", "typed_dict")  # classes of somebody's own
    return YES if stays else undecided(f"a subclass of {_word(produced)} need not be hashable")


# ------------------------------------------------------------------ containers


class _Contents(NamedTuple):
    """What is inside, with its places; `values` are those of a mapping, whose items are its keys."""

    items: list[tuple[str, Typed]]
    values: list[tuple[str, Typed]]
    is_fixed: bool = False


def _container(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    kind, target = real_class(produced), real_class(consumed)
    if kind is None or target is None:
        may_be = produced.kind in ("enum", "dataclass") or consumed.kind.startswith("abc.")
        why = f"whether {_word(produced)} is a {_word(consumed)} is not described"
        return undecided(why) if may_be else no(f"{_word(produced)} is no {_word(consumed)}")
    if not issubclass(kind, target):
        return no(f"{_word(produced)} is no {_word(consumed)}", partly=issubclass(target, kind))
    if not _is_taken(produced, kind, consumed):
        if consumed.kind == "abc.Sequence" and consumed.args[0].of == _ANYTHING:
            return undecided("a Sequence of anything may take it")  # a bare one does, one of object does not
        return no(f"the strict check of {_word(consumed)} takes no {_word(produced)}")
    inside = _contents(produced)
    if inside is None:
        return undecided(f"what is inside {_word(produced)} is not described")
    if consumed.kind == "tuple":
        return _tuple(inside, consumed, comparison)
    wanted = consumed.args or [consumed.body.part(_ANYTHING)]
    found = [comparison.ask(given, wanted[0]).at(place) for place, given in inside.items]
    if consumed.kind in _OF_PAIRS:
        value = wanted[1] if len(wanted) > 1 else Typed({"kind": "int"}, {})  # of a Counter
        found += [comparison.ask(given, value).at(place) for place, given in inside.values]
    if consumed.kind == "deque":
        found.append(undecided("not every version of pydantic takes a deque"))
    return all_of(found)


def _is_taken(produced: Reading, kind: type, consumed: Reading) -> bool:
    if consumed.kind not in _STRICT or produced.kind == consumed.kind:
        return True
    subclasses_of, exactly = _STRICT[consumed.kind]
    return issubclass(kind, subclasses_of) or produced.kind in exactly


def _tuple(inside: _Contents, consumed: Reading, comparison: Ask) -> Verdict:
    if "each" in consumed.body.of:
        each = consumed.body.part(consumed.body.of["each"])
        return all_of(comparison.ask(given, each).at(place) for place, given in inside.items)
    wanted = consumed.args
    if any(one.of.get("kind") == "unpack" for one in (*wanted, *(given for _, given in inside.items))):
        return undecided("a tuple with an unpacked part is not understood")
    if not inside.is_fixed:
        return no(f"it may have any length, not only {len(wanted)}", partly=True)
    if len(inside.items) != len(wanted):
        return no(f"it has {len(inside.items)} items, not {len(wanted)}")
    parts = zip(inside.items, wanted, strict=True)
    return all_of(comparison.ask(given, taken).at(place) for (place, given), taken in parts)


def _contents(reading: Reading) -> _Contents | None:
    kind, body = reading.kind, reading.body
    if kind in _ITEMS_OF:
        return _Contents([("[]", Typed({"kind": _ITEMS_OF[kind]}, {}))], [])
    if kind in _OF_ITEMS:
        return _Contents([("[]", reading.args[0])], [])
    if kind in _OF_PAIRS:
        value = reading.args[1] if len(reading.args) > 1 else Typed({"kind": "int"}, {})
        return _Contents([("{key}", reading.args[0])], [("{}", value)])
    if kind == "tuple" and "each" in body.of:
        return _Contents([("[]", body.part(body.of["each"]))], [])
    if kind == "tuple":
        return _Contents([(f"[{number}]", one) for number, one in enumerate(reading.args)], [], is_fixed=True)
    if kind == "typed_dict":
        values = [(f".{name}", reading.type_of(name)) for name in reading.fields]
        other = (".(other keys)", body.part(_ANYTHING))
        return _Contents([("{key}", Typed({"kind": "str"}, {}))], [*values, other])
    if kind == "named_tuple":
        return _Contents([(f".{name}", reading.type_of(name)) for name in reading.fields], [], is_fixed=True)
    return None


# ------------------------------------------------------------------ what can be called


def _callable(produced: Reading, consumed: Reading, comparison: Ask) -> Verdict:
    mine, wanted = produced.body, consumed.body
    if produced.kind != "callable":
        is_value = real_class(produced) is not None and produced.kind not in ("type", "enum")
        how = f"how {_word(produced)} is called is not described"
        return no(f"{_word(produced)} cannot be called") if is_value else undecided(how)
    result = _inside_a_call(mine.part(mine.of["result"]), wanted.part(wanted.of["result"]), comparison).at("(result)")
    if "parameters" not in wanted.of:
        return result
    if not all(isinstance(one.of.get("parameters"), list) for one in (mine, wanted)):
        return all_of([undecided("the parameters are not described"), result])
    given: list[dict[str, Any]] = mine.of["parameters"]
    taken: list[dict[str, Any]] = wanted.of["parameters"]
    if len(given) != len(taken):
        return no(f"it takes {len(given)} arguments, not {len(taken)}")
    pairs = enumerate(zip(taken, given, strict=True), start=1)
    passed = [
        _inside_a_call(wanted.part(one), mine.part(other), comparison).at(f"({place})") for place, (one, other) in pairs
    ]
    return all_of([result, *passed])


def _inside_a_call(produced: Typed, consumed: Typed, comparison: Ask) -> Verdict:
    """Nothing is validated when a value is called, so that a `bool` is an `int` there."""
    pair = (produced.of.get("kind"), consumed.of.get("kind"))
    is_bare = len(produced.of) == len(consumed.of) == 1
    if is_bare and pair in (("bool", "int"), ("datetime", "date")):
        return YES
    return comparison.ask(produced, consumed)


def _class_object(produced: Reading, consumed: Reading) -> Verdict:
    if produced.kind != "type":
        return no(f"{_word(produced)} is no class")
    is_same = produced.body == consumed.body or consumed.args[0].of == _ANYTHING
    return YES if is_same else undecided("which classes may come is not described")
