"""What the codec does with instances of declared classes: whether they can be made again from their parts, and how."""

from __future__ import annotations

import dataclasses
from enum import Flag
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.values.declared import schema_id
from knows_core.values.refusals import Refused
from knows_core.values.traits import (
    attributes_of,
    beside_fields,
    is_enum_class,
    is_model_class,
    is_named_tuple_class,
    is_plain_class,
    is_plain_text,
    items_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MODEL_PARTS: Final = {"fields", "extra", "private", "set"}


def is_object_class(kind: Any) -> bool:
    """Whether instances are recorded by their parts: of a dataclass, a named tuple or a pydantic model."""
    return is_model_class(kind) or is_named_tuple_class(kind) or dataclasses.is_dataclass(kind)


def check_declared(kind: Any, types: Mapping[str, type] | None) -> None:
    """Refuse an instance of a class that could not be found again."""
    found = None if types is None else types.get(schema_id(kind))
    if found is kind:
        return
    name = f"{kind.__qualname__}, which the template does not declare"
    if found is not None:
        raise Refused(name, "It declares another class of the same name: give one of them a name of its own.")
    raise Refused(name, "Name it in an annotation of the step or in the state model, so that it can be read back.")


def check_whole(value: Any, kind: Any) -> None:
    """Refuse an object whose parts are not all that it is."""
    if is_model_class(kind):
        held, fields = set(value.__dict__) & set(kind.__pydantic_fields__), set(kind.__pydantic_fields__)
        held |= set(beside_fields(value))
    elif is_named_tuple_class(kind):
        held, fields = set(attributes_of(value)), set[str]()
        if len(items_of(value)) != len(kind._fields):
            raise Refused(f"{kind.__qualname__} with more or less items than names", "Make it by calling its class.")
    elif is_plain_class(kind):
        held, fields = set(attributes_of(value)), {field.name for field in dataclasses.fields(kind)}
    else:
        raise Refused(f"{kind.__qualname__} with more behind it than its fields", "Record its fields by themselves.")
    if held == fields:
        return
    if extra := held - fields:
        hint = "Declare what it holds as fields."
        if "__orig_class__" in extra:
            hint = "Make it by calling its class without [...], which leaves a note on it."
        raise Refused(f"{kind.__qualname__} with {', '.join(sorted(extra))}, which are not fields", hint)
    raise Refused(f"{kind.__qualname__} without {', '.join(sorted(fields - held))}", "Give every field a value.")


def encode_member(value: Any, kind: Any) -> dict[str, Any]:
    """A member of an enum, by its name; flags that were combined, by their bits."""
    if kind.__members__.get(value._name_) is value and is_plain_text(value._name_):
        return {"$": "enum", "id": schema_id(kind), "name": value._name_}
    if issubclass(kind, Flag) and type(value._value_) is int:
        return {"$": "enum", "id": schema_id(kind), "bits": hex(value._value_)}
    raise Refused(f"{kind.__qualname__} without a name", "Record one of its members.")


def decode_member(data: dict[str, Any], types: Mapping[str, type] | None) -> Any:
    """The member again; its name, for people, without the template."""
    if types is None:
        return data["name"] if "name" in data else int(data["bits"], 16)
    kind: Any = types[data["id"]]
    if not is_enum_class(kind):
        raise TypeError(f"{data['id']} is no enum")
    if "name" in data:
        return kind.__members__[data["name"]]
    found = kind(int(data["bits"], 16)) if issubclass(kind, Flag) else None
    if type(found) is not kind:
        raise ValueError(f"{kind.__qualname__} has no such flags")
    return found


def readable(parts: dict[str, Any]) -> Any:
    """An object as the dict of its fields, for people."""
    return parts["fields"] if set(parts) == _MODEL_PARTS else parts


def make_object(kind: Any, parts: dict[str, Any]) -> Any:
    """An instance of a class from its parts. Nothing of the class is called; raises ValueError for other fields."""
    if is_model_class(kind):
        return _make_model(kind, parts)
    if is_named_tuple_class(kind):
        _same_names(parts, kind._fields, kind)
        return cast("Any", tuple).__new__(kind, [parts[name] for name in kind._fields])
    if not (hasattr(kind, "__dataclass_fields__") and is_plain_class(kind)):
        raise TypeError(f"{kind.__qualname__} is not made of fields")
    _same_names(parts, [field.name for field in dataclasses.fields(kind)], kind)
    made: Any = object.__new__(kind)
    for name, part in parts.items():
        object.__setattr__(made, name, part)
    return made


def _make_model(kind: Any, parts: dict[str, Any]) -> Any:
    _same_names(parts["fields"], kind.__pydantic_fields__, kind)
    made: Any = object.__new__(kind)
    object.__setattr__(made, "__dict__", parts["fields"])
    object.__setattr__(made, "__pydantic_extra__", parts["extra"])
    object.__setattr__(made, "__pydantic_private__", parts["private"])
    object.__setattr__(made, "__pydantic_fields_set__", set(parts["set"]))
    return made


def _same_names(recorded: Iterable[str], declared: Iterable[str], kind: type) -> None:
    if set(recorded) != set(declared):
        differing = ", ".join(sorted(set(recorded) ^ set(declared)))
        raise ValueError(f"{kind.__qualname__} has other fields than when it was recorded: {differing}")
