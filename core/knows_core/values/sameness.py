"""Whether two values are the same: the same types and the same bits, however deep and however often they share parts.

Stricter than `==`: `1`, `1.0` and `True` differ, so do `Decimal("1.0")` and `Decimal("1.00")`; a NaN is itself.
"""

from __future__ import annotations

import struct
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from knows_core.values.traits import (
    DECIMAL,
    PYDANTIC_ZONE,
    UUID,
    ZONE,
    attributes_of,
    beside_fields,
    foreign_name,
    is_enum_class,
    is_model_class,
    is_named_tuple_class,
    is_plain_class,
    items_of,
    kind_of,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DEEPEST: Final = 200
_MOST_ODD: Final = 64  # members of a set that are looked for one by one
_BY_EQUALITY: Final[frozenset[Any]] = frozenset((
    *(str, int, bool, type(None), bytes, bytearray, date, timedelta),
))  # fmt: skip

_Pair = tuple[Any, Any, int]


def same(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two values have the same types and the same bits, and their dicts the same order.

    Deeper than 200 levels, or for objects whose parts are not known, the answer is a cautious no.
    """
    waiting: list[_Pair] = [(one, other, depth)]
    # One difference ends it all, so that a pair once looked into need not be looked into again. The pairs are held, so
    # that no other object gets one of their ids.
    seen: dict[tuple[int, int], tuple[Any, Any]] = {}
    while waiting:
        a, b, level = waiting.pop()
        if a is b:
            # What could not be copied is handed out itself: whether it was changed cannot be told, nor recorded.
            continue
        kind = kind_of(a)
        if kind is not type(b) or level > _DEEPEST:
            return False
        if kind in _BY_EQUALITY:
            if a != b:
                return False
            continue
        if seen and (id(a), id(b)) in seen:
            continue
        before = len(waiting)
        if not _INSIDE.get(kind, _inside)(a, b, level + 1, waiting):
            return False
        if len(waiting) > before:
            seen[id(a), id(b)] = a, b
    return True


def _inside(a: Any, b: Any, level: int, waiting: list[_Pair]) -> bool:
    """What is done with all kinds that have no line of their own; False where they differ already."""
    kind = kind_of(a)
    if is_enum_class(kind):  # a member is the only one of its kind; combined flags may be made anew
        return bool(a._name_ == b._name_ and _pairs([(a._value_, b._value_)], level, waiting))
    if is_model_class(kind):
        return _models(a, b, level, waiting)
    if is_named_tuple_class(kind):
        alike = _items(items_of(a), items_of(b), level, waiting)
        return alike and _parts(attributes_of(a), attributes_of(b), level, waiting)
    foreign = _FOREIGN.get(foreign_name(kind))
    if foreign is not None:
        return foreign(a, b)
    # A class of Python's own: one made in C may hold what no attribute shows.
    listable = is_plain_class(kind) and (hasattr(a, "__dict__") or hasattr(a, "__slots__"))
    return listable and _parts(attributes_of(a), attributes_of(b), level, waiting)


def _models(a: Any, b: Any, level: int, waiting: list[_Pair]) -> bool:
    """Models: fields, extra and private attributes, which fields were set, and whatever lies beside them."""
    was, now = parts_of(a), parts_of(b)
    alike = was["set"] == now["set"] and _parts(was["fields"], now["fields"], level, waiting)
    alike = alike and _pairs([(was["extra"], now["extra"]), (was["private"], now["private"])], level, waiting)
    return alike and _parts(beside_fields(a), beside_fields(b), level, waiting)


def _pairs(pairs: Iterable[tuple[Any, Any]], level: int, waiting: list[_Pair]) -> bool:
    """Compare plain items at once, and leave the others for later."""
    for a, b in pairs:
        if a is b:
            continue
        if type(a) in _BY_EQUALITY:
            if type(a) is not type(b) or a != b:
                return False
        else:
            waiting.append((a, b, level))
    return True


def _items(a: Any, b: Any, level: int, waiting: list[_Pair]) -> bool:
    return len(a) == len(b) and _pairs(zip(a, b, strict=True), level, waiting)


def _parts(a: dict[Any, Any], b: dict[Any, Any], level: int, waiting: list[_Pair]) -> bool:
    """Dicts: keys and values in their order, which comes back, and so counts."""
    if len(a) != len(b):
        return False
    for (key, one), (other_key, other) in zip(a.items(), b.items(), strict=True):
        if key is not other_key:
            if type(key) is not str:
                waiting.append((key, other_key, level))
            elif type(other_key) is not str or key != other_key:
                return False
        if one is other:
            continue
        if type(one) in _BY_EQUALITY:
            if type(one) is not type(other) or one != other:
                return False
        else:
            waiting.append((one, other, level))
    return True


def _members(a: Any, b: Any, level: int, _waiting: list[_Pair]) -> bool:
    """Sets: each member of one has its own among those of the other."""
    if len(a) != len(b):
        return False
    by_hash: dict[int, list[Any]] = {}
    for member in b:
        by_hash.setdefault(hash(member), []).append(member)
    odd = [member for member in a if not _taken(member, by_hash.get(hash(member), []), level)]
    # A NaN, and whatever holds one, has a hash of its own each time.
    left = [member for members in by_hash.values() for member in members]
    return len(odd) <= _MOST_ODD and all(_taken(member, left, level) for member in odd)


def _taken(member: Any, among: list[Any], level: int) -> bool:
    for index, other in enumerate(among):
        if same(member, other, level):
            del among[index]
            return True
    return False


def _floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def _times(a: Any, b: Any) -> bool:
    naive = a.replace(tzinfo=None) == b.replace(tzinfo=None)
    return bool(naive and a.fold == b.fold and _zones(a.tzinfo, b.tzinfo))


def _zones(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) is timezone:
        # `==` would ignore the name; this tells it, and whether there is one of its own.
        return bool(a.__getinitargs__() == b.__getinitargs__())  # type: ignore[attr-defined]
    key = getattr(a, "key", None)
    return bool(a == b) or (isinstance(key, str) and foreign_name(type(a)) == ZONE and key == b.key)


_INSIDE: Final[dict[Any, Callable[[Any, Any, int, list[_Pair]], bool]]] = {
    list: _items,
    tuple: _items,
    dict: _parts,
    set: _members,
    frozenset: _members,
    float: lambda a, b, _level, _waiting: _floats(a) == _floats(b),
    complex: lambda a, b, _level, _waiting: _floats(a.real, a.imag) == _floats(b.real, b.imag),
    range: lambda a, b, _level, _waiting: (a.start, a.stop, a.step) == (b.start, b.stop, b.step),
    datetime: lambda a, b, _level, _waiting: _times(a, b),
    time: lambda a, b, _level, _waiting: _times(a, b),
    timezone: lambda a, b, _level, _waiting: _zones(a, b),
}
_FOREIGN: Final[dict[str, Callable[[Any, Any], bool]]] = {
    DECIMAL: lambda a, b: bool(a.as_tuple() == b.as_tuple()),
    UUID: lambda a, b: bool(a == b and a.is_safe is b.is_safe),
    ZONE: _zones,
    PYDANTIC_ZONE: _zones,
}
