"""How a function is declared a step: `step`, and what its options may be."""

# The shapes of functions overlap on purpose, and the first that fits is taken.
# mypy: disable-error-code="overload-cannot-match"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from knows_core.errors import ConfigError, ContractError
from knows_core.flow import Flow, Step, lift, made
from knows_core.recovery import Continue, Fail, Fallback, Retry, Suspend, classes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack, overload

    from knows_core.recovery import OnError
    from knows_core.signatures import ContextFirst, I, Later, O, Options, SelfFirst, StateFirst, StepOf, Taking

_ISOLATIONS = ("thread", "process")
# What a step may not say where it stands beside another: an undoing is a step of its own, a look is only asked.
_WITHOUT_EFFECT = {
    "compensate": ("compensate",),
    "look": ("retry", "on_error", "compensate", "effect", "look", "writes"),
}


if TYPE_CHECKING:

    @overload
    def step(function: Step[I, O], /, **options: Unpack[Options]) -> Step[I, O]: ...
    @overload
    def step(function: SelfFirst[Later[O]], /, **options: Unpack[Options]) -> Step[Any, O]: ...
    @overload
    def step(function: SelfFirst[O], /, **options: Unpack[Options]) -> Step[Any, O]: ...
    @overload
    def step(function: StateFirst[Later[O]], /, **options: Unpack[Options]) -> Step[object, O]: ...
    @overload
    def step(function: StateFirst[O], /, **options: Unpack[Options]) -> Step[object, O]: ...
    @overload
    def step(function: ContextFirst[Later[O]], /, **options: Unpack[Options]) -> Step[object, O]: ...
    @overload
    def step(function: ContextFirst[O], /, **options: Unpack[Options]) -> Step[object, O]: ...
    @overload
    def step(function: Taking[I, Later[O]], /, **options: Unpack[Options]) -> Step[I, O]: ...
    @overload
    def step(function: Taking[I, O], /, **options: Unpack[Options]) -> Step[I, O]: ...
    @overload
    def step(function: Callable[..., Later[O]], /, **options: Unpack[Options]) -> Step[object, O]: ...
    @overload
    def step(function: Callable[..., O], /, **options: Unpack[Options]) -> Step[object, O]: ...
    @overload
    def step(function: None = None, /, **options: Unpack[Options]) -> StepOf: ...


def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float | None = None,
    isolation: str | None = None,
    reads: Iterable[str] | None = None,
    writes: Iterable[str] | None = None,
    retry: Retry | None = None,
    on_error: OnError | None = None,
    compensate: Callable[..., Any] | None = None,
    effect: str | None = None,
    look: Callable[..., Any] | None = None,
    raises: type[Exception] | Iterable[type[Exception]] | None = None,
) -> Any:
    """Make a step of a function, as a decorator or around any callable: `step(f, name="other")`.

    The first parameter that is not named `state` or `context` is the input: the result of the node before. `timeout`
    is in seconds, for one attempt: a sync step that exceeds it is abandoned, its late result and writes are dropped,
    and only `isolation="process"` (default `"thread"`) stops it for real. `reads` and `writes` are the state keys that
    it uses, for the checks of a composition; one that declares `writes` may write no other key, and leaves a value in
    each.

    `retry` says when a failed attempt is followed by another, `on_error` what happens when none is: a verdict, or a
    handler `(ErrorContext) -> verdict or None`. `compensate(result, state, context)` undoes the finished step when the
    run fails. `effect="once"` is for an act that must never be repeated blindly: after a crash in the middle
    `look(input, state, context)` answers `Done(result)`, `NotDone()` or None, and without an answer a person decides.

    `raises` are the classes of errors that callers must expect from the step. Those that no policy in the template
    takes away are in its contract; nothing else follows from it. Raises ContractError, ConfigError.
    """
    options = {
        "timeout": seconds(timeout),
        "isolation": _one_of("isolation", isolation, _ISOLATIONS),
        "reads": _keys("reads", reads),
        "writes": _keys("writes", writes),
        "effect": _one_of("effect", effect, ("once",)),
        "look": beside("look", look),
        "raises": _errors(raises),
        **policies(retry, on_error, compensate),
    }
    was = cast("Step[Any, Any]", function).effect if isinstance(function, Step) else None
    if look is not None and effect is None and was is None:
        raise ContractError('look: it is asked for a step with effect="once" only. Say that, or leave it out.')
    given = {option: value for option, value in options.items() if value is not None}
    return made(function, name, **given) if function is not None else functools.partial(made, name=name, **given)


def seconds(time: Any, option: str = "timeout") -> float | None:
    """A time as it was given. Raises ContractError for what is no time above 0."""
    if time is None or (isinstance(time, int | float) and 0 < time < float("inf")):
        return time
    raise ContractError(f"{option}: expected seconds above 0, found {time!r}")


def policies(retry: Any, on_error: Any, compensate: Any) -> dict[str, Any]:
    """The policies of a step or scope, checked. Raises ConfigError, ContractError."""
    if retry is not None and not isinstance(retry, Retry):
        raise ConfigError(name="retry", expected="a Retry(...)", found=retry)
    if isinstance(on_error, Fallback):
        # What could not be a value is a flow: a step, a function, a list of both is ambiguous and stays a value.
        other: Any = on_error.otherwise
        on_error = Fallback(cast("Any", lift(other))) if _is_flow(other) or _can_run(other) else on_error
    elif not (on_error is None or isinstance(on_error, Continue | Suspend | Fail) or _is_handler(on_error)):
        expected = "Fallback(...), Continue(), Suspend(), Fail() or a handler (ErrorContext) -> verdict"
        raise ConfigError(name="on_error", expected=expected, found=on_error)
    return {"retry": retry, "on_error": on_error, "compensate": beside("compensate", compensate)}


def _is_flow(value: object) -> bool:
    return isinstance(value, Flow)


def _can_run(value: Any) -> bool:
    return callable(getattr(value, "execute", None)) or (callable(value) and not isinstance(value, type))


def _is_handler(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | Flow)


def beside(option: str, function: Any) -> Any:
    """A function that stands beside a step, as one. Raises ContractError."""
    if isinstance(function, Step) and isinstance(function.on_error, Fallback) and _is_flow(function.on_error.otherwise):
        raise ContractError(f"{option}: {function.name} falls back on a flow, which stands nowhere in the template.")
    if isinstance(function, Step):
        own = cast("Step[Any, Any]", function)
        ignored = [name for name in _WITHOUT_EFFECT[option] if getattr(own, name) is not None]
        if ignored:
            raise ContractError(f"{option}: {', '.join(ignored)} of {own.name} would do nothing. Leave it out.")
    if function is None or isinstance(function, Step):
        return cast("Any", function)
    if not callable(function) or _is_flow(function):
        raise ContractError(f"{option}: expected a function, found {type(function).__name__}")
    return made(function, option)


def _one_of(option: str, given: str | None, known: tuple[str, ...]) -> str | None:
    if given is None or given in known:
        return given
    raise ContractError(f"{option}: expected {' or '.join(map(repr, known))}, found {given!r}")


def _errors(raises: Any) -> tuple[type[Exception], ...] | None:
    kinds = None if raises is None else classes_of(raises)
    if kinds is None and raises is not None:
        raise ContractError(f"raises: expected classes of exceptions, found {raises!r}. Write raises=[ValueError].")
    return kinds


def _keys(option: str, keys: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(keys, str):
        raise ContractError(f"{option}: expected a list of keys, found a text. Write [{keys!r}].")
    return None if keys is None else tuple(keys)
