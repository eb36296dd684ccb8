"""What is done with a value without knowing it: is it immutable, a private copy of it, is it still the same.

Pure; nothing here imports pydantic, although its models are understood.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import struct
import types
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final, TypeGuard, cast

from knows_core.errors import ContractError

_ATOMS: Final[frozenset[type]] = frozenset({
    *(type(None), bool, int, float, complex, str, bytes, range, type),
    *(date, datetime, time, timedelta, timezone),
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
})  # fmt: skip
_DEEPEST: Final = 200


def is_immutable(value: object) -> bool:
    """Whether nobody can change the value in place, so that it may be shared."""
    if type(value) in _ATOMS:
        return True
    if isinstance(value, (tuple, frozenset)):
        try:
            return all(map(is_immutable, cast("tuple[object, ...]", value)))
        except RecursionError:  # deeper than can be looked into
            return False
    return False


def private_copy(value: Any) -> Any:
    """A copy that shares nothing changeable with the value.

    What cannot be copied (an open connection, a lock) passes as it is: nothing recorded can hold one anyway. Raises
    ContractError for a value that is nested too deeply.
    """
    if is_immutable(value):
        return value
    try:
        return copy.deepcopy(value)
    except RecursionError:
        pass
    except Exception:  # noqa: BLE001 - a foreign __deepcopy__ may raise anything
        return value
    raise ContractError(f"a {type(value).__name__} is nested too deeply to be copied. Flatten it.")


def same(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two values have the same types and the same bits; `1`, `1.0` and `True` differ, a NaN is itself.

    Deeper than 200 levels, or for objects whose parts are not known, the answer is a cautious no.
    """
    if one is other:
        # An object that could not be copied is handed out itself: whether it was changed cannot be told, nor recorded.
        return True
    kind = kind_of(one)
    if kind is not type(other) or depth > _DEEPEST:
        return False
    if kind in _ATOMS:
        return _same_atom(one, other)
    if kind is dict:
        # The order of keys is part of the value: it comes back, so it counts.
        return list(one) == list(other) and all(same(one[key], other[key], depth + 1) for key in one)
    if kind in (list, tuple):
        return len(one) == len(other) and all(same(a, b, depth + 1) for a, b in zip(one, other, strict=True))
    if kind in (set, frozenset):
        return bool(one == other) and sorted(map(_tagged, one)) == sorted(map(_tagged, other))
    if is_model_class(kind):
        return same(parts_of(one), parts_of(other), depth + 1)
    # A class of Python's own: one made in C may hold what no attribute shows.
    listable = is_plain_class(kind) and (hasattr(one, "__dict__") or hasattr(one, "__slots__"))
    return listable and same(attributes_of(one), attributes_of(other), depth + 1)


def _tagged(value: object) -> str:
    return f"{type(value).__qualname__} {value!r}"


def is_plain_class(kind: Any) -> bool:
    """Whether instances are made as plain objects, with nothing behind them but attributes."""
    return kind.__new__ is object.__new__


def _same_atom(one: Any, other: Any) -> bool:
    if type(one) is float:
        return struct.pack("<d", one) == struct.pack("<d", other)
    if type(one) is datetime:
        zones = one.tzinfo == other.tzinfo and one.tzname() == other.tzname()
        return bool(one == other) and zones and one.fold == other.fold
    return bool(one == other)


def kind_of(value: object) -> Any:
    """The exact class of a value, for looking up what is done with it."""
    return type(value)


def is_model_class(kind: object) -> TypeGuard[type[Any]]:
    """Whether a class is a pydantic model, told without importing pydantic."""
    return isinstance(kind, type) and "__pydantic_fields__" in kind.__dict__ and hasattr(kind, "model_construct")


def parts_of(value: Any) -> dict[str, Any]:
    """Everything that a dataclass instance or a pydantic model holds, by name."""
    kind = kind_of(value)
    if is_model_class(kind):
        return {
            "fields": {name: part for name, part in value.__dict__.items() if name in kind.__pydantic_fields__},
            "extra": value.__pydantic_extra__,
            "private": value.__pydantic_private__,
            "set": sorted(value.__pydantic_fields_set__),
        }
    held = attributes_of(value)
    return {field.name: held[field.name] for field in dataclasses.fields(value) if field.name in held}


def attributes_of(value: Any) -> dict[str, Any]:
    """What an instance holds in its dict and in the slots of all its classes, cached properties left out."""
    held = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        for name in kind.__dict__.get("__slots__", ()) if not isinstance(kind.__dict__.get("__slots__"), str) else ():
            plain = f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            if plain not in ("__dict__", "__weakref__") and hasattr(value, plain):
                held[plain] = getattr(value, plain)
    cached = functools.cached_property
    return {name: part for name, part in held.items() if not isinstance(getattr(kind_of(value), name, None), cached)}
