"""Everything that is wrong with a template, found without running it: binding, names, annotations, required state."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knows_core.flow import Case, Part, Scope, Sequence, Step, Use
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Repeat
from knows_core.flows.paths import DEEPEST, within
from knows_core.state import ERROR_KEY
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence as Several

    from pydantic import BaseModel

    from knows_core.flow import Flow
    from knows_core.template import Definition

_STEP_NAME = re.compile(r"[^\s/@\[\]~]{1,128}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a template from running: where it is, what is wrong, and what to do."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"


def problems_of(definition: Definition, where: str = "") -> list[Problem]:
    """What is wrong inside a template and its parts, in the order of its nodes; seams and keys are looked at apart."""
    name, model = where or definition.name, definition.model
    found = [*_of_state(name, model, definition.declared)]
    counted: Counter[str] = Counter()
    used: set[str] = set()
    for number, (path, node, depth) in enumerate(_own_nodes(definition.flow), 1):
        counted[path] += not isinstance(node, Sequence) and bool(path)
        if depth >= DEEPEST:
            what = f"nodes lie inside each other more than {DEEPEST} deep"
            return [*found, Problem(f"{name}/{path}", what, "Make templates of the inner ones, or flatten it.")]
        if isinstance(node, Part):
            used.add(path)
            found += problems_of(node.definition, f"{name}/{path}")
        elif isinstance(node, Approval):
            found += [*_of_name(f"{name}/{path}", node.name), *_of_keys(f"{name}/{path}", [node.into or ""], model)]
        elif isinstance(node, Step):
            found += _of_step(f"{name}/{path}" if node.name else f"{name}, step {number - 1 or 1}", node, model)
        else:
            found += _of_other(f"{name}/{path}", node)
    if definition.rejected:
        found.append(Problem(name, "its own validate() says that it cannot run", "Ask its author what it needs."))
    for path, count in counted.items():
        if count > 1:
            last = path.rpartition("/")[2]
            several = "templates or steps" if path in used else "steps"
            means = 'use(..., alias="...")' if path in used else f'step({last}, name="...")'
            what = f"{count} {several} have the name {last!r}"
            found.append(Problem(f"{name}/{path}", what, f"Tell them apart by a name: {means}."))
    return found


def _own_nodes(flow: Flow[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Flow[Any, Any], int]]:
    """Every node of one template; what is inside its parts is theirs."""
    yield prefix + flow.key, flow, depth
    if depth < DEEPEST and not isinstance(flow, Part):
        for inner in flow.inner:
            yield from _own_nodes(inner, within(flow, prefix), depth + 1)


def _of_step(where: str, step: Step[Any, Any], model: type[BaseModel] | None) -> Iterator[Problem]:
    yield from _of_name(where, step.name)
    for name in step.binding.unbound:
        remedy = "Give it a default, fix it with .partial(...), or call it `state` or `context` if it is one of these."
        yield Problem(where, f"nothing fills the parameter {name!r}", remedy)
    yield from _of_annotations(where, step, model)
    yield from _of_keys(where, (*(step.reads or ()), *(step.writes or ())), model)
    if step.effect is not None and step.retry is not None:
        remedy = "Take its retry away: after a failure a person, or whoever resumes the run, says what is to be done."
        yield Problem(where, 'an act with effect="once" is never retried by itself', remedy)
    for option, one in (("compensate", step.compensate), ("look", step.look)):
        yield from _of_function(f"{where}, {option}", one)
    if step.isolation == "process":
        from knows_core.flows.located import why_not_isolated  # only isolated steps pay for it

        if reason := why_not_isolated(step):
            yield Problem(where, f"it cannot run in a process of its own: {reason}", "Move it to the top of a module.")


def _of_other(where: str, node: Flow[Any, Any]) -> Iterator[Problem]:
    name = getattr(node, "name", None)
    if name is not None and not isinstance(node, Use):
        yield from _of_name(where, name)
    if isinstance(node, Scope):
        yield from _of_function(f"{where}, compensate", node.compensate)
        for option, reason, remedy in idle_options(node):
            yield Problem(where, f"its {option} would do nothing: {reason}", remedy)
    predicates = [one for one, _ in node.choices if one] if isinstance(node, Case) else []
    if isinstance(node, Repeat):
        predicates.append(node.until)
    for one in predicates:
        if one.binding.is_async or one.binding.unbound or one.binding.takes_context:
            what = f"the predicate {one.name or 'here'} is no plain (result, state) -> bool"
            yield Problem(where, what, "Compute what it needs in a step before, and let it only look.")


def idle_options(scope: Scope[Any, Any]) -> Iterator[tuple[str, str, str]]:
    """The options of a scope that nothing in it would ever feel, each with the reason and what to write instead."""
    inside = [node for _, node, _ in _own_nodes(scope.flow)]
    steps = [node for node in inside if isinstance(node, Step)]
    if scope.retry is not None and all(step.effect is not None for step in steps):
        reason = 'it speaks of steps, and there are none but templates, approvals or acts with effect="once"'
        yield (
            "retry",
            reason,
            "Give it to the template that has the steps: pipeline(..., retry=...); or use repeat(...).",
        )
    if scope.timeout is not None and not steps and not any(isinstance(node, Part | Use) for node in inside):
        reason = "it counts the time of steps, and there are none"
        yield "timeout", reason, "Say how long the question stands: approval(..., expires=...)."


def _of_keys(where: str, keys: Several[str], model: type[BaseModel] | None) -> Iterator[Problem]:
    fields = None if model is None else getattr(model, "__pydantic_fields__", None)
    if fields is not None and getattr(model, "model_config", {}).get("extra") == "forbid":
        for key in keys:
            if key and key not in fields:
                yield Problem(where, f"{key!r} is not a field of the state model", f"Use one of {', '.join(fields)}.")


def _of_function(where: str, step: Step[Any, Any] | None) -> Iterator[Problem]:
    """What is wrong with a function that stands beside a node."""
    for name in step.binding.unbound if step is not None else ():
        yield Problem(where, f"nothing fills the parameter {name!r}", "It is given (result or input, state, context).")


def _of_state(name: str, model: type[BaseModel] | None, declared: Several[str]) -> Iterator[Problem]:
    if model is not None and not is_model_class(model):
        what = f"state={getattr(model, '__name__', repr(model))} is not a pydantic model"
        yield Problem(name, what, "Give a subclass of BaseModel.")
        return
    if model is not None and not getattr(model, "__pydantic_complete__", True):
        what = f"an annotation of a field of the state model {model.__name__} cannot be resolved"
        yield Problem(name, what, "Import or define the name where the class is.")
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
        what = f"the name {path!r} has blanks, one of / @ [ ] ~, or more than 128 characters"
        yield Problem(where, what, 'Give it another: step(f, name="...").')


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
