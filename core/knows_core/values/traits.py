"""What is known of a value without knowing where it is used: its sort, what it holds, whether it may be shared.

Pure; nothing here imports pydantic, decimal, uuid or zoneinfo, although their values are understood: whoever holds one
has imported them.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
import re
import sys
import types
from datetime import date, datetime, time, timedelta, timezone
from enum import EnumMeta
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from knows_core.errors.limits import TooDeep

if TYPE_CHECKING:
    from collections.abc import Callable

_ATOMS: Final[frozenset[type]] = frozenset({
    *(type(None), bool, int, float, complex, str, bytes, range, type),
    *(date, datetime, time, timedelta, timezone),
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
})  # fmt: skip
_CHANGEABLE: Final[frozenset[type]] = frozenset((list, dict, set, bytearray))
# JSON writes a character beyond 16 bits as two surrogates, and reads two surrogates as that character.
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
DECIMAL: Final = "decimal.Decimal"
UUID: Final = "uuid.UUID"
ZONE: Final = "zoneinfo.ZoneInfo"
PYDANTIC_ZONE: Final = "pydantic_core._pydantic_core.TzInfo"  # what pydantic makes of the text of a time with a zone
_FOREIGN: Final = frozenset((DECIMAL, UUID, ZONE, PYDANTIC_ZONE))  # immutable, all of them


def is_immutable(value: object) -> bool:
    """Whether nobody can change the value in place, so that it may be shared."""
    kind = kind_of(value)
    if kind in _ATOMS:
        return True
    if kind in _CHANGEABLE:
        return False
    if kind is tuple and all(type(one) in _ATOMS for one in cast("tuple[object, ...]", value)):
        return True
    waiting: list[object] = [value]
    seen: set[int] = set()  # a tuple may stand in many places; all of them live as long as the value does
    while waiting:
        one = waiting.pop()
        kind = kind_of(one)
        if kind in _ATOMS or id(one) in seen:
            continue
        if kind is frozenset or kind is tuple or (is_named_tuple_class(kind) and not getattr(one, "__dict__", None)):
            seen.add(id(one))
            waiting += cast("frozenset[object]", one) if kind is frozenset else items_of(one)
        elif not (is_enum_class(kind) or foreign_name(kind)):
            return False
    return True


def private_copy(value: Any) -> Any:
    """A copy that shares nothing changeable with the value.

    What cannot be copied (an open connection, a lock) passes as it is: nothing recorded can hold one anyway. Raises
    TooDeep for a value that is nested too deeply.
    """
    if is_immutable(value):
        return value
    try:
        return _copied(value, {})
    except RecursionError:
        pass
    except Exception:  # noqa: BLE001 - a foreign __deepcopy__ may raise anything
        return value
    raise TooDeep(where=f"a {kind_of(value).__qualname__}", path="$", found="more than can be copied")


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """A deep copy that takes each part once; `copy.deepcopy` follows every way to a tuple that need not be copied.

    `memo` is that of deepcopy: what was copied, by the ids of the originals.
    """
    kind = kind_of(value)
    if kind in _ATOMS:
        return value
    if id(value) not in memo:
        made = _COPIERS.get(kind, _copied_object)(value, memo)
        memo.setdefault(id(value), made)  # a list in a tuple may hold that tuple, and have copied it first
    return memo[id(value)]


def _copied_list(value: list[Any], memo: dict[int, Any]) -> list[Any]:
    made = memo[id(value)] = list[Any]()
    for item in value:
        made.append(item if type(item) in _ATOMS else _copied(item, memo))
    return made


def _copied_dict(value: dict[Any, Any], memo: dict[int, Any]) -> dict[Any, Any]:
    made = memo[id(value)] = dict[Any, Any]()
    for key, item in value.items():
        made[_copied(key, memo)] = item if type(item) in _ATOMS else _copied(item, memo)
    return made


def _copied_tuple(value: tuple[Any, ...], memo: dict[int, Any]) -> tuple[Any, ...]:
    items = [_copied(item, memo) for item in value]
    return value if all(map(operator.is_, items, value)) else tuple(items)


def _copied_set(value: Any, memo: dict[int, Any]) -> Any:
    return kind_of(value)([_copied(member, memo) for member in value])


def _copied_object(value: Any, memo: dict[int, Any]) -> Any:
    held: dict[str, object] = getattr(value, "__dict__", {})
    memo.update((id(part), part) for part in held.values() if kind_of(part) is tuple and is_immutable(part))
    return copy.deepcopy(value, memo)


_COPIERS: Final[dict[Any, Callable[[Any, dict[int, Any]], Any]]] = {
    list: _copied_list,
    dict: _copied_dict,
    tuple: _copied_tuple,
    set: _copied_set,
    frozenset: _copied_set,
}


def is_plain_text(value: str) -> bool:
    """Whether a text comes back from JSON as it is: two surrogates in a row would become one character."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return _SURROGATES.search(value) is None
    return True


# ------------------------------------------------------------------ sorts of classes


def kind_of(value: object) -> Any:
    """The exact class of a value, for looking up what is done with it."""
    return type(value)


def foreign_name(kind: Any) -> str:
    """`module.name` of a known class of a module that is not imported here; empty for any other."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name not in _FOREIGN:
        return ""
    # A class can call itself as it likes.
    return name if getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind else ""


def is_plain_class(kind: Any) -> bool:
    """Whether instances are made as plain objects, with nothing behind them but attributes."""
    return kind.__new__ is object.__new__


def is_model_class(kind: object) -> TypeGuard[type[Any]]:
    """Whether a class is a pydantic model, told without importing pydantic."""
    return isinstance(kind, type) and "__pydantic_fields__" in kind.__dict__ and hasattr(kind, "model_construct")


def is_enum_class(kind: object) -> TypeGuard[type[Any]]:
    """Whether instances of a class are its members, and so the only ones of their kind."""
    return isinstance(kind, EnumMeta)


def is_named_tuple_class(kind: object) -> TypeGuard[type[Any]]:
    """Whether a class is a tuple whose items have names."""
    if not (isinstance(kind, type) and issubclass(kind, tuple)):
        return False
    names: object = getattr(cast("Any", kind), "_fields", None)
    return isinstance(names, tuple) and all(type(one) is str for one in cast("tuple[object, ...]", names))


# ------------------------------------------------------------------ what objects hold


def parts_of(value: Any) -> dict[str, Any]:
    """Everything that a dataclass instance, a named tuple or a pydantic model holds, by name."""
    kind = kind_of(value)
    if is_model_class(kind):
        return {
            "fields": {name: part for name, part in value.__dict__.items() if name in kind.__pydantic_fields__},
            "extra": value.__pydantic_extra__,
            "private": value.__pydantic_private__,
            "set": sorted(value.__pydantic_fields_set__),
        }
    if is_named_tuple_class(kind):
        return dict(zip(kind._fields, items_of(value), strict=True))
    held = attributes_of(value)
    return {field.name: held[field.name] for field in dataclasses.fields(value) if field.name in held}


def items_of(value: Any) -> list[Any]:
    """The items of a tuple, whatever its class makes of iterating."""
    return list(cast("Any", tuple).__iter__(value))


def attributes_of(value: Any) -> dict[str, Any]:
    """What an instance holds in its dict and in the slots of all its classes, cached properties left out."""
    held = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            plain = f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            if plain not in ("__dict__", "__weakref__") and hasattr(value, plain):
                held[plain] = getattr(value, plain)
    cached = functools.cached_property
    return {name: part for name, part in held.items() if not isinstance(getattr(kind_of(value), name, None), cached)}


def beside_fields(model: Any) -> dict[str, Any]:
    """What a pydantic model holds besides what pydantic knows of."""
    known = kind_of(model).__pydantic_fields__
    return {
        name: part
        for name, part in attributes_of(model).items()
        if name not in known and not name.startswith("__pydantic_")
    }
