"""Everything that is wrong with a template, found without running it: binding, names, annotations, required state."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knows_core.state import ERROR_KEY
from knows_core.values import is_model_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

    from knows_core.flow import Step

_STEP_NAME = re.compile(r"[^\s/@\[\]]{1,128}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a template from running: where it is, what is wrong, and what to do."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"


def problems_of(
    name: str, steps: list[tuple[str, Step[Any, Any]]], model: type[BaseModel] | None, declared: Sequence[str]
) -> list[Problem]:
    """All problems of a template, in the order of its steps."""
    found = [*_of_state(name, model, declared)]
    for number, (path, step) in enumerate(steps, 1):
        where = f"{name}/{path}" if path else f"{name}, step {number}"
        found += _of_name(where, path)
        found += _of_binding(where, step)
        found += _of_annotations(where, step, model)
    counted = Counter(path for path, _ in steps if path)
    for path, count in counted.items():
        if count > 1:
            remedy = f'Tell them apart by a name: step({path}, name="...").'
            found.append(Problem(f"{name}/{path}", f"{count} steps have the name {path!r}", remedy))
    return found


def _of_state(name: str, model: type[BaseModel] | None, declared: Sequence[str]) -> Iterator[Problem]:
    if model is not None and not is_model_class(model):
        what = f"state={getattr(model, '__name__', repr(model))} is not a pydantic model"
        yield Problem(name, what, "Give a subclass of BaseModel.")
        return
    fields = None if model is None else list(model.__pydantic_fields__)
    for key in declared:
        if not isinstance(key, str) or key == ERROR_KEY:
            yield Problem(name, f"required_state has {key!r}", "Give texts other than 'error'.")
        elif fields is not None and key not in fields:
            what = f"required_state has {key!r}, which is not a field of the state model"
            yield Problem(name, what, f"Use one of {', '.join(fields)}, or add the field.")


def _of_name(where: str, path: str) -> Iterator[Problem]:
    if not path:
        yield Problem(where, "a step without a name", 'Give it one: step(f, name="...").')
    elif not _STEP_NAME.fullmatch(path):
        what = f"the name {path!r} has blanks, one of / @ [ ], or more than 128 characters"
        yield Problem(where, what, 'Give it another: step(f, name="...").')


def _of_binding(where: str, step: Step[Any, Any]) -> Iterator[Problem]:
    for name in step.binding.unbound:
        remedy = "Give it a default, or call it `state` or `context` if it is meant to be one of these."
        yield Problem(where, f"nothing fills the parameter {name!r}", remedy)


def _of_annotations(where: str, step: Step[Any, Any], model: type[BaseModel] | None) -> Iterator[Problem]:
    try:
        annotations = step.annotations
    except Exception as error:  # noqa: BLE001 - evaluating an annotation runs the author's expression
        what = f"an annotation cannot be resolved ({type(error).__name__}: {error})"
        yield Problem(where, what, "Import or define the name before the template is made.")
        return
    if step.takes_model and annotations.get("state") is not model:
        wanted = getattr(annotations.get("state"), "__name__", annotations.get("state"))
        has = model.__name__ if model is not None else "none"
        what = f"its state is annotated {wanted}, the template's state model is {has}"
        yield Problem(where, what, f"Say pipeline(..., state={wanted}), or annotate it WorkflowState.")
