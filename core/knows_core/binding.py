"""How a function becomes a step: which of its parameters is the input, which the state, which the context."""

from __future__ import annotations

import functools
import inspect
import itertools
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from knows_core.state import WorkflowState

if TYPE_CHECKING:
    from collections.abc import Callable

Invoke = typing.Callable[[Any, Any, Any], Any]  # (input, state, context) -> the function's own answer
_EMPTY: Final = inspect.Parameter.empty
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Binding:
    """What a step's function takes, found once when the step is defined.

    `input` is the name of the input's parameter; `unbound` names parameters that nothing fills. A step that takes a
    model gets its state as an instance of the template's state model.
    """

    invoke: Invoke
    input: str | None
    takes_state: bool
    takes_model: bool
    takes_context: bool
    unbound: tuple[str, ...]
    is_async: bool


def bind(function: Callable[..., Any]) -> Binding:
    """Bind by name: `state`, `context`, and the first other parameter as the input."""
    parameters = _parameters(function)
    roles: dict[str, str] = {}  # parameter name -> role
    unbound: list[str] = []
    has_input = False
    for parameter in parameters:
        if parameter.name in ("state", "context"):
            roles[parameter.name] = parameter.name
        elif not has_input and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            roles[parameter.name], has_input = "input", True
        elif parameter.default is _EMPTY:
            unbound.append(parameter.name)
    state = next((one.annotation for one in parameters if one.name == "state"), WorkflowState)
    return Binding(
        invoke=_invoke(function, parameters, roles),
        input=next((name for name, role in roles.items() if role == "input"), None),
        takes_state="state" in roles,
        takes_model=not is_plain_state(state),
        takes_context="context" in roles,
        unbound=tuple(unbound),
        is_async=_is_async(function),
    )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions do not tell: they take their input by position
        return [inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)]
    return [one for one in signature.parameters.values() if one.kind not in _VARIADIC]


def _invoke(function: Callable[..., Any], parameters: list[inspect.Parameter], roles: dict[str, str]) -> Invoke:
    leading = itertools.takewhile(lambda one: one.name in roles and one.kind is not one.KEYWORD_ONLY, parameters)
    positional = [roles[one.name] for one in leading]
    by_name = tuple((name, role) for name, role in roles.items() if role not in positional)
    if not by_name:  # the three common forms are spared the general call
        match positional:
            case ["input", "state"]:
                return lambda value, state, _context: function(value, state)
            case ["input"]:
                return lambda value, _state, _context: function(value)
            case ["state"]:
                return lambda _value, state, _context: function(state)
            case _:
                pass
    return functools.partial(_general, function, tuple(positional), by_name)


def _general(
    function: Callable[..., Any],
    positional: tuple[str, ...],
    by_name: tuple[tuple[str, str], ...],
    value: Any,
    state: Any,
    context: Any,
) -> Any:
    given = {"input": value, "state": state, "context": context}
    return function(*[given[role] for role in positional], **{name: given[role] for name, role in by_name})


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - asked whether it is async, not whether it is there


def is_plain_state(annotation: object) -> bool:
    """Whether a `state` parameter takes the untyped WorkflowState."""
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] in ("WorkflowState", "Any")
    return any(annotation is plain for plain in (_EMPTY, Any, WorkflowState))


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The resolved annotations of a function or callable object, `return` included.

    Raises NameError (or what evaluating the annotation raises) where one names something unknown.
    """
    target: Any = function
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not inspect.isclass(target):
        target = type(target).__call__
    return typing.get_type_hints(target, include_extras=True)


def admits_none(annotation: object) -> bool:
    """Whether None is a value of the annotated type; an absent or unknown annotation admits it."""
    if annotation in (_EMPTY, None, type(None), Any, object) or isinstance(annotation, (typing.TypeVar, str)):
        return True
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return admits_none(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return None in typing.get_args(annotation)
    is_union = origin is typing.Union or type(annotation).__name__ == "UnionType"
    return is_union and any(map(admits_none, typing.get_args(annotation)))
