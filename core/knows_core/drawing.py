"""A template drawn as text: what it takes, its steps in order with their types, what it gives."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knows_core.flow import Step
    from knows_core.template import Definition


def tree(definition: Definition) -> list[str]:
    """The lines of the drawing; a step whose annotations cannot be resolved is drawn without types."""
    lines = [f"{definition}" + (f"  {definition.summary}" if definition.summary else "")]
    lines.append(f"state: {', '.join(_state(definition)) or 'nothing required'}")
    last = len(definition.steps) - 1
    for index, (path, step) in enumerate(definition.steps):
        lines.append(f"{'└─' if index == last else '├─'} {path}{_types(step)}")
    return lines


def _state(definition: Definition) -> list[str]:
    optional: list[str] = []
    if definition.typed is not None:
        fields: dict[str, Any] = getattr(definition.model, "__pydantic_fields__", {})
        optional = [f"[{name}]" for name in fields if name not in definition.required]
    return [*definition.required, *optional]


def _types(step: Step[Any, Any]) -> str:
    try:
        annotations = step.annotations
    except Exception:  # noqa: BLE001 - `check` tells what is wrong with an annotation, the drawing goes on
        return ""
    taken = annotations.get(step.binding.input) if step.binding.input else None
    given = annotations.get("return")
    if taken is None and given is None:
        return ""
    return f"  ({type_name(taken) if step.binding.input else ''}) -> {type_name(given)}"


def type_name(annotation: Any) -> str:
    """An annotation in few words."""
    if annotation is None:
        return "any"
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")
