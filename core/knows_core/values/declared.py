"""The classes that a template declares: dataclasses, named tuples, pydantic models and enums that its annotations name.

They are the only classes that can come back from a journal.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.values.traits import is_enum_class, is_model_class, is_named_tuple_class, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# The fields of a class, each with its annotation as text; the members of an enum, each with `= ` and its value.
Outline = list[list[str]]
_VALUE: Final = "= "
_ABSENT: Final = object()
_GIVEN: Final = ("pydantic", "pydantic_core", "pydantic_settings", "typing", "typing_extensions", "abc")
_TOLD: Final = frozenset((str, int, float, bool, type(None), bytes))


@dataclass(slots=True)
class Declared:
    """What was found: classes by schema id, their outlines, and sentences on what could not be resolved."""

    classes: dict[str, type] = field(default_factory=dict[str, type])
    outlines: dict[str, Outline] = field(default_factory=dict[str, Outline])
    faults: list[str] = field(default_factory=list[str])


def schema_id(kind: type) -> str:
    """The name under which a class stands in records."""
    return f"{kind.__module__}:{kind.__qualname__}"


def held_at(module: str, name: str) -> Any:
    """What a module that this process has imported already holds under a qualified name; else a stand-in."""
    first, *rest = name.split(".")
    # Not by getattr: a module may import what it is asked for.
    found = vars(sys.modules[module]).get(first, _ABSENT) if module in sys.modules else _ABSENT
    for one in rest:
        found = getattr(found, one, _ABSENT) if isinstance(found, type) else _ABSENT
    return found


def lineage_of(kind: type) -> list[str]:
    """A class and those that it derives from, the nearest first, by schema id; empty where its name does not find it.

    A class that a function makes shares its name with every other one that it makes. What pydantic and typing give
    is left out, generic models with arguments too: it tells no two classes apart, and differs by their version.
    """
    found = [one for one in kind.__mro__ if held_at(one.__module__, one.__qualname__) is one]
    if kind not in found:
        return []
    own = [one for one in found if one.__module__.partition(".")[0] not in _GIVEN and one is not object]
    return [schema_id(one) for one in own if "[" not in one.__qualname__]


class Ambiguous:
    """Stands for classes of one name: a record could not say which of them it means."""


def is_of_enum(outline: Outline) -> bool:
    """Whether an outline tells the members of an enum, and not the fields of a class."""
    return bool(outline) and all(text.startswith(_VALUE) for _, text in outline)


def declared_in(annotations: Iterable[Any]) -> Declared:
    """Every class that can be recorded and that the annotations name, those of their fields included."""
    found = Declared()
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id is used twice
    waiting = list(annotations)
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        # What stands behind generics, NewType and `type X = ...` is declared with them.
        waiting += [*typing.get_args(one), *_behind(one)]
        if is_enum_class(kind_of(one)):  # a member in a Literal
            waiting.append(kind_of(one))
        if isinstance(one, type):
            waiting += _noted(cast("type[Any]", one), found)
    return found


def _behind(annotation: Any) -> list[Any]:
    kinds = (typing.get_origin(annotation), getattr(annotation, "__supertype__", None))
    alias = [annotation.__value__] if kind_of(annotation).__name__ == "TypeAliasType" else []
    return [one for one in (*kinds, *alias) if one is not None]


def _noted(kind: type[Any], found: Declared) -> list[Any]:
    """Note a class if it is one that can be recorded; the annotations of its fields."""
    if is_enum_class(kind):
        members = [(name, one) for name, one in kind.__members__.items() if one._name_ == name]  # without aliases
        _note(kind, [[name, f"{_VALUE}{_value(one._value_)}"] for name, one in members], found)
        return []
    annotations = _fields(kind, found)
    if annotations is None:
        return []
    if not typing.is_typeddict(kind):
        _note(kind, [[name, _text(one)] for name, one in annotations.items()], found)
    return list(annotations.values())


def _note(kind: type, outline: Outline, found: Declared) -> None:
    name = schema_id(kind)
    found.classes[name] = Ambiguous if name in found.classes else kind
    found.outlines[name] = outline


def _fields(kind: type[Any], found: Declared) -> dict[str, Any] | None:
    """The annotations of the fields of a class by their names; None for one that has no fields."""
    if is_model_class(kind):
        return {name: one.annotation for name, one in kind.__pydantic_fields__.items()}
    if not (dataclasses.is_dataclass(kind) or typing.is_typeddict(kind) or is_named_tuple_class(kind)):
        return None
    try:
        annotations = typing.get_type_hints(kind)
    except Exception as error:  # noqa: BLE001 - evaluating an annotation runs the author's expression
        found.faults.append(f"the fields of {kind.__qualname__} cannot be resolved ({type(error).__name__}: {error})")
        return None
    # Those of collections.namedtuple are not annotated.
    return {name: annotations.get(name, Any) for name in kind._fields} if is_named_tuple_class(kind) else annotations


def _value(value: object) -> str:
    """The value of a member, as a text that is the same in every process."""
    if type(value) in _TOLD:
        return repr(value) if type(value) is not int else hex(value)
    if type(value) is tuple:
        return f"({', '.join(map(_value, cast('tuple[object, ...]', value)))})"
    return schema_id(type(value))


def _text(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not typing.get_args(annotation)
    return schema_id(cast("type[Any]", annotation)) if plain else str(annotation)
