"""What stands beside a type, as data: bounds, marks that nothing here understands, and plain values such as defaults.

The classes are known by name, as in types_bounds: nothing here imports pydantic.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final, cast

from knows_core.fitting.bounds import _CLASSES
from knows_core.values.declared import schema_id
from knows_core.values.traits import kind_of

Descriptor = dict[str, Any]  # JSON values

_DEEPEST_VALUE: Final = 20
_LARGEST_INT: Final = 10_000  # bits; Python refuses to write much larger ones in decimal figures
_SCALARS: Final[tuple[type, ...]] = (type(None), bool, int, float, str)
_WRITTEN_OUT: Final = frozenset({
    *("builtins.complex", "builtins.range", "datetime.date", "datetime.datetime", "datetime.time"),
    *("datetime.timedelta", "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID"),
    *("zoneinfo.ZoneInfo", "ipaddress.IPv4Address", "ipaddress.IPv6Address"),
})  # fmt: skip
_FOR_PEOPLE: Final = frozenset({
    *("annotated_types.DocInfo", "typing_extensions.Doc", "typing_extensions.deprecated", "warnings.deprecated"),
    *("pydantic.json_schema.WithJsonSchema", "pydantic.json_schema.SkipJsonSchema", "pydantic.json_schema.Examples"),
})  # fmt: skip
# Marks of pydantic and annotated_types that only carry values; None among them means "not asked for".
_CARRIERS: Final = {
    "Strict": ("strict",),
    "AllowInfNan": ("allow_inf_nan",),
    "FailFast": ("fail_fast",),
    "UuidVersion": ("uuid_version",),
    "PathType": ("path_type",),
    "Unit": ("unit",),
    "Tag": ("tag",),
    "Discriminator": ("discriminator",),
    "UrlConstraints": (
        *("max_length", "allowed_schemes", "host_required"),
        *("default_host", "default_port", "default_path", "preserve_empty_path"),
    ),
    "StringConstraints": (
        *("strip_whitespace", "to_upper", "to_lower", "strict", "min_length", "max_length", "pattern", "ascii_only"),
    ),
}
_FIELD_FLAGS: Final = ("exclude", "frozen", "init_var", "kw_only", "validate_default")


def text_of(value: Any) -> str:
    """The canonical JSON text, by which descriptions are sorted and told apart."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


# ------------------------------------------------------------------ values


class _NotPlainError(ValueError):
    pass


def told(value: Any) -> Descriptor | None:
    """A value as its type and plain data; None where it is made of more than that."""
    try:
        return _told(value)
    except Exception:  # noqa: BLE001 - a foreign value may raise anything when it is looked at
        return None


def _told(value: Any) -> Descriptor | None:
    kind = kind_of(value)
    if isinstance(value, enum.Enum):
        return {"type": schema_id(kind), "value": value.name} if isinstance(value.name, str) else None
    if kind in _SCALARS or kind in (list, dict):
        return {"type": "none" if value is None else kind.__name__, "value": _plain(value)}
    if kind in (tuple, set, frozenset):
        members = [_told(one) for one in value]
        if None in members:
            return None
        return {"type": kind.__name__, "value": members if kind is tuple else sorted(members, key=text_of)}
    if kind is bytes:
        return {"type": "bytes", "value": value.hex()}
    if kind is re.Pattern:
        flags = value.flags & ~re.UNICODE  # every text pattern has it
        return {"type": "pattern", "value": value.pattern, "flags": flags} if flags else _told(value.pattern)
    if isinstance(value, type):
        return {"type": "class", "value": schema_id(kind_of_class(value))}
    if kind.__module__.partition(".")[0] == "pathlib":
        return {"type": "path", "value": value.as_posix()}
    if f"{kind.__module__}.{kind.__qualname__}" in _WRITTEN_OUT:
        return {"type": kind.__name__.lower(), "value": str(value)}
    return None


def kind_of_class(value: Any) -> Any:
    """The class that a generic alias such as `list[int]` stands for; any other class is itself."""
    return getattr(value, "__origin__", value)


def _plain(value: Any, depth: int = 0) -> Any:
    """A JSON copy of a value that is JSON already, but for numbers that JSON cannot write."""
    kind = kind_of(value)
    if depth > _DEEPEST_VALUE:
        raise _NotPlainError
    if kind is list:
        return [_plain(one, depth + 1) for one in value]
    if kind is dict:
        if not all(type(name) is str for name in value):
            raise _NotPlainError
        return {name: _plain(one, depth + 1) for name, one in value.items()}
    if kind is float and not math.isfinite(value):
        return repr(value)
    if kind is int and value.bit_length() > _LARGEST_INT:
        return hex(value)
    if kind not in _SCALARS:
        raise _NotPlainError
    return value


# ------------------------------------------------------------------ marks


@dataclasses.dataclass(slots=True)
class _Marks:
    bounds: list[list[Any]] = dataclasses.field(default_factory=list[list[Any]])
    unread: list[str] = dataclasses.field(default_factory=list[str])
    field: Descriptor = dataclasses.field(default_factory=dict[str, Any])


def marked(described: Descriptor, metadata: Iterable[Any]) -> Descriptor:
    """A description with what stands beside the type, under that which it already has.

    Bounds are sorted by their rule. What is not understood keeps its order, for validators run in order.
    """
    marks = _Marks()
    for one in metadata:
        _sort(one, marks)
    bounds = list({text_of(one): one for one in (*described.get("bounds", ()), *marks.bounds)}.values())
    unread = [*described.get("unread", ()), *marks.unread]
    return {
        **described,
        **({"bounds": sorted(bounds, key=lambda bound: str(bound[0]))} if bounds else {}),
        **({"unread": unread} if unread else {}),
        **({"field": {**described.get("field", {}), **marks.field}} if marks.field else {}),
    }


def _sort(one: Any, marks: _Marks) -> None:
    module, name = type(one).__module__, type(one).__name__
    is_known = _is_known(kind_of(one))
    if one is None or f"{module}.{name}" in _FOR_PEOPLE:
        return
    if module == "annotated_types" and name in _CLASSES:
        marks.bounds.append([_CLASSES[name], _limit(getattr(one, _CLASSES[name]))])
    elif module == "annotated_types" and name == "Timezone":
        marks.bounds.append(["timezone", "any" if one.tz is ... else _limit(one.tz)])
    elif is_known and name == "FieldInfo":
        _take_in(one, marks)
    elif is_known and name in _CARRIERS:
        _carry({rule: getattr(one, rule, None) for rule in _CARRIERS[name]}, marks)
    elif is_known and name == "_PydanticGeneralMetadata":
        _carry(cast("dict[str, Any]", vars(one)), marks)
    elif hasattr(one, "__is_annotated_types_grouped_metadata__") and isinstance(one, Iterable):
        for each in cast("Iterable[Any]", one):
            _sort(each, marks)
    else:
        marks.unread.append(unread_name(one))


def _is_known(kind: Any) -> bool:
    return str(kind.__module__).partition(".")[0] in ("annotated_types", "pydantic")


def _carry(values: dict[str, Any], marks: _Marks) -> None:
    marks.bounds += [[rule, _limit(value)] for rule, value in values.items() if value is not None]


def _take_in(field: Any, marks: _Marks) -> None:
    for one in field.metadata:
        _sort(one, marks)
    required = {} if field.is_required() else {"default": default_of(field)}
    marks.field |= {**field_facts(field), **required}


def _limit(value: Any) -> Any:
    found = told(value)
    if found is None:
        return unread_name(value)
    return found["value"] if type(value) in _SCALARS or found["type"] == "str" else found


def unread_name(one: Any) -> str:
    """What a person would call an object that is not understood; never an address or a text that holds one."""
    try:
        return _unread_name(one)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything when it is looked at
        return type(one).__qualname__


def _unread_name(one: Any) -> str:
    kind = kind_of(one)
    if kind in _SCALARS:
        return text_of(_plain(one))
    name = getattr(one, "__qualname__", None) or getattr(one, "__name__", None)  # an alias has only this one
    if isinstance(name, str):  # also a class or a function; a method of a C class has no module
        place = getattr(one, "__module__", None) or getattr(getattr(one, "__objclass__", None), "__module__", "")
        return f"{place}:{name}"
    if not dataclasses.is_dataclass(one):
        return str(kind.__qualname__)
    held = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    if _is_known(kind):  # a later pydantic may give its marks one more field, with a default
        held = {name: value for name, value in held.items() if not _is_as_given(one, name, value)}
    parts = {name: _limit(value) for name, value in held.items() if callable(value) or told(value) is not None}
    return f"{kind.__qualname__} {text_of(parts)}" if parts else str(kind.__qualname__)


def _is_as_given(one: Any, name: str, value: Any) -> bool:
    default = one.__dataclass_fields__[name].default
    return type(default) is type(value) and bool(default == value)


# ------------------------------------------------------------------ fields


def field_facts(field: Any) -> Descriptor:
    """What a pydantic field says beside its type and default, without what is only for people."""
    facts: Descriptor = {}
    aliases = {
        "validation_alias": field.alias if field.validation_alias is None else field.validation_alias,
        "serialization_alias": field.alias if field.serialization_alias is None else field.serialization_alias,
    }
    facts |= {name: _alias(alias) for name, alias in aliases.items() if alias is not None}
    facts |= {flag: True for flag in _FIELD_FLAGS if getattr(field, flag, None)}
    if getattr(field, "init", None) is False:
        facts["init"] = False
    if field.discriminator is not None:
        inner = getattr(field.discriminator, "discriminator", field.discriminator)
        facts["discriminator"] = _limit(inner)
    if getattr(field, "exclude_if", None) is not None:
        facts["exclude_if"] = unread_name(field.exclude_if)
    return facts


def _alias(alias: Any) -> Any:
    if isinstance(alias, str):
        return alias
    several = getattr(alias, "choices", None)
    return {"path": list(alias.path)} if several is None else {"choices": [_alias(one) for one in several]}


def default_of(field: Any) -> Any:
    """The default of a field as data, or the mark `made` where a function makes it or it is no plain value."""
    if getattr(field, "default_factory", None) not in (None, dataclasses.MISSING):
        return "made"
    found = told(field.default)
    return "made" if found is None else found
