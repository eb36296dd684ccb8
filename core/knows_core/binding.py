"""How a function becomes a step: which of its parameters is the input, which the state, which the context."""

from __future__ import annotations

import functools
import inspect
import itertools
import types
import typing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from knows_core.state import WorkflowState

if TYPE_CHECKING:
    from collections.abc import Callable

Invoke = typing.Callable[[Any, Any, Any], Any]  # (input, state, context) -> the function's own answer
_NAMELESS: Final = "<lambda>"
_BOTH: Final = 2  # parameters: result and state
_EMPTY: Final = inspect.Parameter.empty
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Binding:
    """What a step's function takes, found once when the step is defined.

    `input` is the name of the input's parameter; `unbound` names parameters that nothing fills.
    """

    invoke: Invoke
    parameters: tuple[str, ...]
    input: str | None
    takes_state: bool
    takes_context: bool
    annotated_state: bool  # as something else than WorkflowState, as far as can be told before it is resolved
    unbound: tuple[str, ...]
    is_async: bool


@dataclass(frozen=True, slots=True, eq=False)
class Predicate:
    """A pure question `(result, state) -> bool`; `name` is empty for a lambda."""

    function: Callable[..., Any]
    name: str
    binding: Binding


def asked(function: Callable[..., Any]) -> Predicate:
    """A function as a predicate: result and state by position, or whichever it takes by name, as in a step."""
    binding = bind(function)
    names = [one.name for one in _parameters(function) if one.kind is not one.KEYWORD_ONLY]
    if len(names) == _BOTH and "state" not in names:
        binding = replace(binding, invoke=_by_position(function), unbound=())
    return Predicate(function, name_of(function), binding)


def _by_position(function: Callable[..., Any]) -> Invoke:
    return lambda value, state, _context: function(value, state)


def name_of(function: Any) -> str:
    """The name of a function; empty for a lambda."""
    while isinstance(function, functools.partial):
        function = typing.cast("functools.partial[Any]", function).func
    name = getattr(function, "__name__", "")
    return "" if name == _NAMELESS else name


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
        parameters=tuple(one.name for one in parameters),
        input=next((name for name, role in roles.items() if role == "input"), None),
        takes_state="state" in roles,
        takes_context="context" in roles,
        annotated_state=not is_plain_state(state),
        unbound=tuple(unbound),
        is_async=_is_async(function),
    )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in functions do not tell: they take their input by position
        return [_positional("input")]
    named = [one for one in parameters if one.kind not in _VARIADIC]
    if not named and any(one.kind is one.VAR_POSITIONAL for one in parameters):
        # A wrapper that passes everything on: the proposal's step(result, state).
        return [_positional("input"), _positional("state")]
    return named


def _positional(name: str) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)


def _invoke(function: Callable[..., Any], parameters: list[inspect.Parameter], roles: dict[str, str]) -> Invoke:
    """The quickest way to call the function with what it takes."""
    leading = itertools.takewhile(lambda one: one.name in roles and one.kind is not one.KEYWORD_ONLY, parameters)
    positional = [roles[one.name] for one in leading]
    if len(positional) == len(roles):  # the three common forms are spared the general call
        match positional:
            case ["input", "state"]:
                return lambda value, state, _context: function(value, state)
            case ["input"]:
                return lambda value, _state, _context: function(value)
            case ["state"]:
                return lambda _value, state, _context: function(state)
            case _:
                pass
    # By position as far as a position needs it: what nothing fills there gets its own default.
    by_position = [
        one
        for one in parameters
        if one.kind is one.POSITIONAL_ONLY and (one.name in roles or one.default is not _EMPTY)
    ]
    by_name = {
        one.name: roles[one.name] for one in parameters if one.kind is not one.POSITIONAL_ONLY and one.name in roles
    }
    fillers = tuple((roles.get(one.name), one.default) for one in by_position)
    return functools.partial(_general, function, fillers, tuple(by_name.items()))


def _general(
    function: Callable[..., Any],
    fillers: tuple[tuple[str | None, Any], ...],
    by_name: tuple[tuple[str, str], ...],
    value: Any,
    state: Any,
    context: Any,
) -> Any:
    given = {"input": value, "state": state, "context": context}
    positional = [default if role is None else given[role] for role, default in fillers]
    return function(*positional, **{name: given[role] for name, role in by_name})


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - asked whether it is async, not whether it is there


def is_plain_state(annotation: Any) -> bool:
    """Whether a `state` parameter takes the untyped WorkflowState, however it is spelt."""
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] in ("WorkflowState", "Any")
    if any(annotation is plain for plain in (None, _EMPTY, Any, WorkflowState)):
        return True
    if typing.get_origin(annotation) is typing.Annotated:
        return is_plain_state(typing.get_args(annotation)[0])
    inner = [one for one in typing.get_args(annotation) if one is not type(None)]
    return is_union(annotation) and len(inner) == 1 and is_plain_state(inner[0])


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
    return is_union(annotation) and any(map(admits_none, typing.get_args(annotation)))


def is_union(annotation: Any) -> bool:
    """Whether an annotation is `X | Y`, in either spelling."""
    return typing.get_origin(annotation) is typing.Union or isinstance(annotation, types.UnionType)
