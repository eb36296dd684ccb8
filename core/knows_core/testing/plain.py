"""What a flow comes to by its rules alone: a recursive evaluation without machine, journal, lanes or threads.

A second opinion, as short as can be: a fork deep-copies the state for each branch and compares what they left.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from knows_core.context import StepContext
from knows_core.errors_flow import StateConflict
from knows_core.flow import Case, Parallel, Part, Scope, Sequence, Step
from knows_core.joining import Reducer
from knows_core.linking import linked
from knows_core.loops import Each, Repeat
from knows_core.state import WorkflowState
from knows_core.template import definition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knows_core.flow import Flow
    from knows_core.template import Templates, WorkflowTemplate

Model = type[BaseModel] | None  # the state model of the template that is being evaluated


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a flow came to: `failed` is the path of the failure that ended it, and then there is no result."""

    result: Any
    state: dict[str, Any]
    failed: str | None = None


class _FailedError(Exception):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(slots=True)
class _Held:
    """The state somewhere in the flow, the keys that were touched here, and those that only got a default."""

    values: dict[str, Any]
    touched: set[str] = field(default_factory=set[str])
    filled: set[str] = field(default_factory=set[str])

    def put(self, values: Mapping[str, Any], touched: set[str]) -> None:
        """Give the touched keys the values they have now, or none."""
        for key in touched:
            self.values.pop(key, None)
            if key in values:
                self.values[key] = values[key]
        self.touched |= touched
        self.filled -= touched


def evaluate(
    template: WorkflowTemplate, value: Any, state: Mapping[str, Any], templates: Templates | None = None
) -> Evaluated:
    """Evaluate a template whose steps are plain synchronous functions of an untyped state.

    Time limits, declared writes and seams are left out.
    """
    definition = linked(definition_of(template), templates)
    held = _Held(_defaults(definition.model) | copy.deepcopy(dict(state)))
    try:
        return Evaluated(_plain(definition.flow, value, held, "", definition.model), held.values)
    except _FailedError as failure:
        return Evaluated(None, held.values, failure.path)


def _plain(node: Flow[Any, Any], value: Any, held: _Held, at: str, model: Model) -> Any:
    inside = f"{at}{node.segment}/" if node.segment else at
    match node:
        case Step():
            return _step(node, value, held, at + node.name)
        case Sequence():
            return reduce(lambda result, part: _plain(part, result, held, at, model), node.parts, value)
        case Scope():
            return _plain(node.flow, value, held, inside, model)
        case Case():
            return _case(node, value, held, inside, model)
        case Repeat():
            return _repeat(node, value, held, at, model)
        case Part():
            return _part(node, value, held, at)
        case Parallel():
            return tuple(_forked([(one, value, inside) for one in node.branches], held, at + node.key, model))
        case Each():
            return _each(node, value, held, at, model)
        case _:
            raise NotImplementedError(node.kind)


def _step(node: Step[Any, Any], value: Any, held: _Held, path: str) -> Any:
    tried = WorkflowState(copy.deepcopy(held.values))
    try:
        result = node.binding.invoke(value, tried, StepContext("plain", path, 1))
    except Exception as error:
        raise _FailedError(path) from error
    before = held.values
    held.put(tried, {key for key in {*before, *tried} if _text(before, key) != _text(tried, key)})
    return result


def _text(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else ""


def _case(node: Case[Any, Any], value: Any, held: _Held, inside: str, model: Model) -> Any:
    for predicate, branch in node.choices:
        if predicate is None or predicate.binding.invoke(value, WorkflowState(copy.deepcopy(held.values)), None):
            return _plain(branch, value, held, inside, model)
    return value


def _repeat(node: Repeat[Any, Any], value: Any, held: _Held, at: str, model: Model) -> Any:
    for turn in range(node.max_times):
        value = _plain(node.flow, value, held, f"{at}{node.first_name}[{turn}]/", model)
        if node.until.binding.invoke(value, WorkflowState(copy.deepcopy(held.values)), None):
            break
    return value


def _each(node: Each[Any, Any], value: Any, held: _Held, at: str, model: Model) -> Any:
    if not isinstance(value, (list, tuple)):
        raise _FailedError(at + node.key)
    items = enumerate(cast("list[Any]", value))
    ways = [(node.flow, item, f"{at}{node.first_name}[{number}]/") for number, item in items]
    return _forked(ways, held, at + node.key, model)


def _part(node: Part[Any, Any], value: Any, held: _Held, at: str) -> Any:
    keys, definition, path = node.keys, node.definition, at + node.name
    if isinstance(keys, str):
        names = {key: key.removeprefix(f"{keys}.") for key in held.values if key.startswith(f"{keys}.")}
    else:
        renamed = {outer: inner for inner, outer in keys.items()}
        names = {key: renamed.get(key, key) for key in held.values if key in renamed or key not in keys}
    own = _Held({inner: held.values[outer] for outer, inner in names.items()})
    if any(key not in own.values for key in definition.required):
        raise _FailedError(path)
    defaults = _defaults(definition.model)
    own.touched, own.filled = (set(defaults.keys() - own.values.keys()) for _ in range(2))
    own.values = defaults | own.values
    try:
        return _plain(definition.flow, value, own, f"{path}/", definition.model)
    finally:  # what was done before a failure stays done
        outer = {key: f"{keys}.{key}" if isinstance(keys, str) else keys.get(key, key) for key in own.touched}
        held.put({outer[key]: own.values[key] for key in outer if key in own.values}, set(outer.values()))
        held.filled |= {outer[key] for key in own.filled}


def _forked(ways: list[tuple[Flow[Any, Any], Any, str]], held: _Held, path: str, model: Model) -> list[Any]:
    """Each branch on a copy of its own; the first in declared order that failed is the failure of all."""
    owns = [_Held(copy.deepcopy(held.values)) for _ in ways]
    results = [_plain(node, value, own, at, model) for (node, value, at), own in zip(ways, owns, strict=True)]
    touched = set[str]().union(*(own.touched for own in owns))
    try:
        merged = {key: _merged(key, held.values, owns, model) for key in touched}
    except StateConflict as error:
        raise _FailedError(path) from error
    present = {key: values[0] for key, values in merged.items() if values}
    held.put(present, {key for key in touched if key in present or key in held.values})
    held.filled |= {key for key in present if all(key in own.filled for own in owns if key in own.touched)}
    return results


def _merged(key: str, before: dict[str, Any], owns: list[_Held], model: Model) -> list[Any]:
    """The one value that all branches together left, or none. Raises StateConflict."""
    authors = [own for own in owns if key in own.touched]
    authors = [own for own in authors if key not in own.filled] or authors[:1]
    left = [own.values[key] for own in authors if key in own.values]
    function = _reducers(model).get(key)
    if not left:
        return []
    if len(left) == len(authors) > 1 and function is not None:
        return [_reduced(function, before.get(key), left)]
    if len(left) < len(authors) or len(set(map(repr, left))) > 1:
        raise StateConflict(where="plain", key=key, branches="several")
    return left[:1]


def _reduced(function: Callable[[Any, Any], Any], before: Any, left: list[Any]) -> Any:
    if isinstance(before, list):
        there = cast("list[Any]", before)
        if all(one[: len(there)] == there for one in left):
            return reduce(function, [one[len(there) :] for one in left], there)
    return reduce(function, left)


def _defaults(model: Model) -> dict[str, Any]:
    fields = {} if model is None else model.model_fields
    return {name: one.get_default(call_default_factory=True) for name, one in fields.items() if not one.is_required()}


def _reducers(model: Model) -> dict[str, Callable[[Any, Any], Any]]:
    fields = {} if model is None else model.model_fields
    return {name: mark.function for name, one in fields.items() for mark in one.metadata if isinstance(mark, Reducer)}
