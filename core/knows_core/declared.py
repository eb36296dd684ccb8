"""The classes that a template declares: the dataclasses and pydantic models which its annotations name.

They are the only classes that can come back from a journal.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from knows_core.values import is_model_class, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

Outline = list[list[str]]  # the fields of a class in order, each with its annotation as text


@dataclass(slots=True)
class Declared:
    """What was found: classes by schema id, their outlines, and sentences on what could not be resolved."""

    classes: dict[str, type] = field(default_factory=dict[str, type])
    outlines: dict[str, Outline] = field(default_factory=dict[str, Outline])
    faults: list[str] = field(default_factory=list[str])


def schema_id(kind: type) -> str:
    """The name under which a class stands in records."""
    return f"{kind.__module__}:{kind.__qualname__}"


def declared_in(annotations: Iterable[Any]) -> Declared:
    """Every dataclass and pydantic model that the annotations name, those of their fields included."""
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
        if isinstance(one, type):
            waiting += _fields(cast("type[Any]", one), found)
    return found


def _behind(annotation: Any) -> list[Any]:
    kinds = (typing.get_origin(annotation), getattr(annotation, "__supertype__", None))
    alias = [annotation.__value__] if kind_of(annotation).__name__ == "TypeAliasType" else []
    return [one for one in (*kinds, *alias) if one is not None]


def _fields(kind: type[Any], found: Declared) -> list[Any]:
    """Note a class if it is one that can be recorded; the annotations of its fields."""
    if is_model_class(kind):
        annotations = {name: one.annotation for name, one in kind.__pydantic_fields__.items()}
    elif dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        try:
            annotations = typing.get_type_hints(kind)
        except Exception as error:  # noqa: BLE001 - evaluating an annotation runs the author's expression
            found.faults.append(
                f"the fields of {kind.__qualname__} cannot be resolved ({type(error).__name__}: {error})"
            )
            return []
    else:
        return []
    if not typing.is_typeddict(kind):
        found.classes[schema_id(kind)] = kind
        found.outlines[schema_id(kind)] = [[name, _text(one)] for name, one in annotations.items()]
    return list(annotations.values())


def _text(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not typing.get_args(annotation)
    return schema_id(cast("type[Any]", annotation)) if plain else str(annotation)
