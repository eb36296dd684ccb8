"""One annotation as data: forms of typing, containers, and classes by their identity.

`describe` describes what is inside: the search that asks knows how deep it is.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from typing import TYPE_CHECKING, Any, Final, ForwardRef, Literal, TypeVar, Union, cast

from knows_core.describing.marks import told, unread_name
from knows_core.fitting.reading import CALLABLE, NOT_A_VALUE
from knows_core.values.declared import schema_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.describing.marks import Descriptor

    Describe = Callable[[Any], Descriptor]

_QUALIFIERS: Final = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
_ANYTHING: Final = (Any, object, NOT_A_VALUE)
_NAMES: Final = {
    **{f"builtins:{name}": name for name in ("int", "float", "complex", "bool", "str", "bytes", "bytearray")},
    **{f"builtins:{name}": name for name in ("list", "dict", "set", "frozenset", "tuple", "type", "slice", "range")},
    **{f"datetime:{name}": name for name in ("date", "datetime", "time", "timedelta", "tzinfo")},
    **{f"collections:{name}": name.lower() for name in ("deque", "OrderedDict", "defaultdict", "Counter", "ChainMap")},
    "builtins:NoneType": "none",
    "decimal:Decimal": "decimal",
    "fractions:Fraction": "fraction",
    "uuid:UUID": "uuid",
    "pathlib:Path": "path",
    "pathlib:PurePath": "pure_path",
}
_PAIRS: Final = frozenset({"dict", "ordereddict", "defaultdict", "chainmap", "abc.Mapping", "abc.MutableMapping"})
_MORE_ARGS: Final = {"abc.ItemsView": 2, "abc.AsyncGenerator": 2, "abc.Generator": 3, "abc.Coroutine": 3}
_BARE_HAS_ONE: Final = frozenset({"list", "set", "frozenset", "deque", "counter", "type"})


class Members(list["Descriptor"]):
    """The members of a union, which have no order yet."""


# ------------------------------------------------------------------ forms of typing


def is_anything(annotation: Any) -> bool:
    """Whether it says nothing about the value: `Any`, `object`, or no annotation."""
    return any(annotation is one for one in _ANYTHING)


def form(annotation: Any, describe: Describe) -> Descriptor | None:
    """What is no class: a union, a literal, a variable, a text, and the like."""
    origin = typing.get_origin(annotation)
    args = typing.get_args(annotation)
    if annotation is None:
        return {"kind": "none"}
    if is_anything(annotation):
        return {"kind": "any"}
    if annotation is typing.Never or annotation is typing.NoReturn:
        return {"kind": "never"}
    if origin is Union or origin is types.UnionType:
        return {"kind": "union", "of": Members(map(describe, args))}
    if origin is Literal:
        return _literal(args)
    if getattr(origin, "_name", "") in _QUALIFIERS:
        return describe(args[0])
    if isinstance(annotation, dataclasses.InitVar):
        return describe(cast("Any", annotation).type)
    return _named_form(annotation, origin, args, describe)


def _named_form(annotation: Any, origin: Any, args: tuple[Any, ...], describe: Describe) -> Descriptor | None:
    if isinstance(annotation, typing.NewType):
        return {
            "kind": "newtype",
            "class": schema_id(cast("Any", annotation)),
            "of": describe(annotation.__supertype__),
        }
    if isinstance(annotation, (str, ForwardRef)):
        return {"kind": "text", "text": annotation if isinstance(annotation, str) else annotation.__forward_arg__}
    if _is_variable(annotation):
        return _variable(annotation, describe)
    if annotation is typing.LiteralString:
        return {"kind": "str"}
    if getattr(origin, "_name", "") in ("Unpack", "Concatenate", "TypeGuard", "TypeIs"):
        return {"kind": origin._name.lower(), "args": [describe(one) for one in args]}
    if origin is CALLABLE or annotation is CALLABLE:  # also for the one of typing
        return _callable(args or (..., Any), describe)
    is_special = type(annotation).__module__ in ("typing", "typing_extensions") and not isinstance(annotation, type)
    if origin is None and is_special:
        return {"kind": "special", "name": str(getattr(annotation, "_name", None) or type(annotation).__name__)}
    return None


def _is_variable(annotation: Any) -> bool:
    return type(annotation).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple") and hasattr(annotation, "__name__")


def _variable(variable: Any, describe: Describe) -> Descriptor:
    found: Descriptor = {"kind": "variable", "name": str(variable.__name__)}
    if not isinstance(variable, TypeVar):
        return found | {"sort": type(variable).__name__}
    if variable.__bound__ is not None:
        found["bound"] = describe(variable.__bound__)
    if variable.__constraints__:
        found["constraints"] = [describe(one) for one in variable.__constraints__]
    has_default = getattr(variable, "has_default", None)
    if has_default is not None and has_default():
        found["otherwise"] = describe(cast("Any", variable).__default__)
    return found


def _literal(values: tuple[Any, ...]) -> Descriptor:
    """The values of a literal; None is a type of its own, so that it may as well stand beside the literal."""
    told_values = [told(one) or {"type": "unread", "value": unread_name(one)} for one in values if one is not None]
    members = Members([{"kind": "literal", "values": told_values}] if told_values else [])
    return {
        "kind": "union",
        "of": Members([*members, *([{"kind": "none"}] if any(one is None for one in values) else [])]),
    }


def _callable(args: tuple[Any, ...], describe: Describe) -> Descriptor:
    parameters, result = args[0], args[-1]
    found: Descriptor = {"kind": "callable", "result": describe(result)}
    if parameters is Ellipsis:
        return found
    if isinstance(parameters, list):
        return found | {"parameters": [describe(one) for one in cast("list[Any]", parameters)]}
    return found | {"parameters": describe(parameters)}


# ------------------------------------------------------------------ classes


def class_(annotation: Any, describe: Describe) -> Descriptor:
    """A class without structure, with its type arguments: a well-known one by its kind, any other by its identity."""
    origin = typing.get_origin(annotation)
    kind: Any = origin or annotation
    if not isinstance(kind, type):
        return {"kind": "unread", "name": unread_name(annotation)}
    if is_enum(kind):
        return _enum(kind)
    args = typing.get_args(annotation) if hasattr(annotation, "__args__") else None
    name = _well_known(kind)
    if name == "tuple":
        return _tuple(args, describe)
    found: Descriptor = {"kind": name} if name else {"kind": "class", "class": schema_id(kind)}
    if args is None:
        args = (Any,) * _count_of_args(kind, name)
    return found | ({"args": [describe(one) for one in args]} if args else {})


def is_enum(kind: Any) -> bool:
    """Whether a class is an enum with members, not one of the classes that enums are made from."""
    return issubclass(kind, enum.Enum) and bool(kind.__members__)


def _enum(kind: Any) -> Descriptor:
    """Which class it is, and its members by name, aliases among them."""
    members = [{"name": name, "value": told(one.value) or "made"} for name, one in sorted(kind.__members__.items())]
    found: Descriptor = {"kind": "enum", "class": schema_id(kind), "members": members}
    if kind._member_type_ is not object:
        found["mixed_with"] = kind._member_type_.__name__
    if issubclass(kind, enum.Flag):
        found["flag"] = True
    finder = inspect.unwrap(kind._missing_.__func__)
    return found if finder.__module__ == "enum" else {**found, "unread": [f"_missing_ {unread_name(finder)}"]}


def _well_known(kind: Any) -> str:
    if kind.__module__ == "collections.abc":
        return f"abc.{kind.__name__}"
    return _NAMES.get(f"{kind.__module__.partition('.')[0]}:{kind.__qualname__}", "")


def _count_of_args(kind: Any, name: str) -> int:
    """How many type arguments a bare class leaves open."""
    if name in _PAIRS:
        return 2
    if name in _MORE_ARGS:
        return _MORE_ARGS[name]
    if name.startswith("abc."):
        return 1 if hasattr(kind, "__class_getitem__") else 0
    return 1 if name in _BARE_HAS_ONE else len(getattr(kind, "__parameters__", ()))


def _tuple(args: tuple[Any, ...] | None, describe: Describe) -> Descriptor:
    if args is None:
        args = (Any, ...)
    if args[-1:] == (Ellipsis,):
        return {"kind": "tuple", "each": describe(args[0])}
    return {"kind": "tuple", "args": [describe(one) for one in args]}
