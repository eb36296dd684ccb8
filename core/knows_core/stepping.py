"""How a function is declared a step: `step`, and what its options may be."""

# The shapes of functions overlap on purpose, and the first that fits is taken.
# mypy: disable-error-code="overload-cannot-match"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from knows_core.errors import ContractError
from knows_core.flow import made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack, overload

    from knows_core.flow import Step
    from knows_core.signatures import ContextFirst, I, Later, O, Options, SelfFirst, StateFirst, StepOf, Taking

_ISOLATIONS = ("thread", "process")


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
) -> Any:
    """Make a step of a function, as a decorator or around any callable: `step(f, name="other")`.

    The first parameter that is not named `state` or `context` is the input: the result of the node before. `timeout`
    is in seconds, for one attempt: a sync step that exceeds it is abandoned, its late result and writes are dropped,
    and only `isolation="process"` (default `"thread"`) stops it for real. `reads` and `writes` are the state keys that
    it uses, for the checks of a composition; one that declares `writes` may write no other key, and leaves a value in
    each. Raises ContractError.
    """
    options = {
        "timeout": seconds(timeout),
        "isolation": _one_of(isolation, _ISOLATIONS),
        "reads": _keys("reads", reads),
        "writes": _keys("writes", writes),
    }
    given = {option: value for option, value in options.items() if value is not None}
    return made(function, name, **given) if function is not None else functools.partial(made, name=name, **given)


def seconds(timeout: Any) -> float | None:
    """A timeout as it was given. Raises ContractError for what is no time above 0."""
    if timeout is None or (isinstance(timeout, int | float) and 0 < timeout < float("inf")):
        return timeout
    raise ContractError(f"timeout: expected seconds above 0, found {timeout!r}")


def _one_of(isolation: str | None, known: tuple[str, ...]) -> str | None:
    if isolation is None or isolation in known:
        return isolation
    raise ContractError(f"isolation: expected {' or '.join(map(repr, known))}, found {isolation!r}")


def _keys(option: str, keys: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(keys, str):
        raise ContractError(f"{option}: expected a list of keys, found a text. Write [{keys!r}].")
    return None if keys is None else tuple(keys)
