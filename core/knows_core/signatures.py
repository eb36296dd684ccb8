"""What type checkers know of flows: which functions have which input, and what may follow what. Not for run time.

Overloads follow the rule of binding: a function that begins with `state` or `context` accepts anything, then the first
parameter is the input, then come functions without one. Async ones stand first: a coroutine is also a plain result.
"""

# The shapes of functions overlap on purpose, and the first that fits is taken.
# mypy: disable-error-code="overload-cannot-match"
# pyright: reportOverlappingOverload=false
# ruff: noqa: D102 - each protocol says what its one method is

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Protocol,
    SupportsIndex,
    TypeAlias,
    TypedDict,
    TypeVar,
    overload,
)

from knows_core.flow import Flow, Sequence, Step

if TYPE_CHECKING:
    from knows_core.recovery import OnError, Retry

I = TypeVar("I")  # noqa: E741 - the two parameters of a flow are I and O everywhere
O = TypeVar("O")  # noqa: E741
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
I_contra = TypeVar("I_contra", contravariant=True)
Turn_contra = TypeVar("Turn_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)

Later: TypeAlias = Coroutine[Any, Any, O]
Taking: TypeAlias = Callable[Concatenate[I, ...], O]


class Function(Protocol):
    """A def, a lambda or a method: a step has a `__call__` that takes anything, and must not pass for one of them."""

    @property
    def __name__(self) -> str: ...


class Plain(Function, Protocol[O_co]):
    """Any function."""

    def __call__(self, *args: Any, **kwargs: Any) -> O_co: ...


class Takes(Function, Protocol[I_contra, O_co]):
    """The first parameter is the input."""

    def __call__(self, value: I_contra, /, *args: Any, **kwargs: Any) -> O_co: ...


class StateFirst(Function, Protocol[O_co]):
    """`(state, ...)`; an input behind it cannot be told in types, so that anything is accepted."""

    def __call__(self, state: Any, *args: Any, **kwargs: Any) -> O_co: ...


class ContextFirst(Function, Protocol[O_co]):
    """`(context, ...)`."""

    def __call__(self, context: Any, *args: Any, **kwargs: Any) -> O_co: ...


class SelfFirst(Function, Protocol[O_co]):
    """A method in a class body: `self` is bound later, and what comes behind it cannot be told in types."""

    def __call__(_, self: Any, *args: Any, **kwargs: Any) -> O_co: ...  # noqa: N805  # pyright: ignore[reportSelfClsParameterName]


class NoneNeeded(Function, Protocol[O_co]):
    """`()`."""

    def __call__(self) -> O_co: ...


class StateByName(Function, Protocol[O_co]):
    """`(*, state)`."""

    def __call__(self, *, state: Any) -> O_co: ...


class ContextByName(Function, Protocol[O_co]):
    """`(*, context)`."""

    def __call__(self, *, context: Any) -> O_co: ...


class BothByName(Function, Protocol[O_co]):
    """`(*, state, context)`."""

    def __call__(self, *, state: Any, context: Any) -> O_co: ...


class Template(Protocol[O_co]):
    """What `WorkflowTemplate` asks for, with the type of the result."""

    def execute(self, state: Any, /) -> O_co: ...
    def get_required_state(self) -> list[str]: ...


class Items(Protocol[O_co]):
    """A list or a tuple, but no text, set or mapping; unlike in `list`, an int may be among items that are floats."""

    def __iter__(self) -> Iterator[O_co]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __mul__(self, value: SupportsIndex, /) -> Any: ...


Other: TypeAlias = Plain[Any] | functools.partial[Any] | Template[Any] | list[Any]
NoInput: TypeAlias = NoneNeeded[Any] | StateByName[Any] | ContextByName[Any] | BothByName[Any]
Predicate: TypeAlias = Callable[[Any], bool] | Callable[[Any, Any], bool] | Plain[bool]
When: TypeAlias = tuple[Predicate, Flow[I, O]]


class Listed(Protocol[O_co]):
    """A list that is only read."""

    def __iter__(self) -> Iterator[O_co]: ...
    def reverse(self) -> None: ...


class Turning(Generic[I_contra, Turn_contra, O_co]):
    """Every flow, with its input named twice: `repeat` compares its result with the second one."""


class Joins(Turning[I_contra, I_contra, O_co], Generic[I_contra, O_co]):
    """The two operators of every flow."""

    @overload
    def __or__(self, other: Flow[O_co, T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: StateFirst[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: StateFirst[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: ContextFirst[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: ContextFirst[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: Takes[O_co, Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: Takes[O_co, T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: NoneNeeded[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: NoneNeeded[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: StateByName[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: StateByName[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: ContextByName[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: ContextByName[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: BothByName[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: BothByName[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: functools.partial[Later[T]]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: functools.partial[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: Template[T]) -> Sequence[I_contra, T]: ...
    @overload
    def __or__(self, other: list[Flow[O_co, Any] | Other]) -> Sequence[I_contra, list[Any]]: ...
    @overload
    def __or__(self, other: Listed[Flow[O_co, Any] | Other]) -> Sequence[I_contra, list[Any]]: ...
    def __or__(self, other: Any) -> Any: ...

    @overload
    def __ror__(self, other: StateFirst[Later[I_contra]]) -> Sequence[object, O_co]: ...
    @overload
    def __ror__(self, other: StateFirst[I_contra]) -> Sequence[object, O_co]: ...
    @overload
    def __ror__(self, other: ContextFirst[Later[I_contra]]) -> Sequence[object, O_co]: ...
    @overload
    def __ror__(self, other: ContextFirst[I_contra]) -> Sequence[object, O_co]: ...
    @overload
    def __ror__(self, other: Takes[T, Later[I_contra]]) -> Sequence[T, O_co]: ...
    @overload
    def __ror__(self, other: Takes[T, I_contra]) -> Sequence[T, O_co]: ...
    @overload
    def __ror__(self, other: Plain[Later[I_contra]]) -> Sequence[object, O_co]: ...
    @overload
    def __ror__(self, other: Plain[I_contra]) -> Sequence[object, O_co]: ...
    @overload
    def __ror__(
        self, other: functools.partial[Later[I_contra]] | functools.partial[I_contra]
    ) -> Sequence[Any, O_co]: ...
    @overload
    def __ror__(self, other: Template[I_contra] | list[Any]) -> Sequence[Any, O_co]: ...
    def __ror__(self, other: Any) -> Any: ...


class Options(TypedDict, total=False):
    """The options of `step`."""

    name: str | None
    timeout: float | None
    isolation: str | None
    reads: Iterable[str] | None
    writes: Iterable[str] | None
    retry: Retry | None
    on_error: OnError | None
    compensate: Callable[..., Any] | None
    effect: str | None
    look: Callable[..., Any] | None
    raises: type[Exception] | Iterable[type[Exception]] | None


class Policies(TypedDict, total=False):
    """What a scope or a template says for the flow in it as a whole."""

    timeout: float | None
    retry: Retry | None
    on_error: OnError | None
    compensate: Callable[..., Any] | None


class ScopeOptions(Policies, total=False):
    """The options of `scope`."""

    name: str | None


class StepOf(Protocol):
    """What `step(timeout=3)` gives: a decorator."""

    @overload
    def __call__(self, function: Step[I, O], /) -> Step[I, O]: ...
    @overload
    def __call__(self, function: SelfFirst[Later[O]], /) -> Step[Any, O]: ...
    @overload
    def __call__(self, function: SelfFirst[O], /) -> Step[Any, O]: ...
    @overload
    def __call__(self, function: StateFirst[Later[O]], /) -> Step[object, O]: ...
    @overload
    def __call__(self, function: StateFirst[O], /) -> Step[object, O]: ...
    @overload
    def __call__(self, function: ContextFirst[Later[O]], /) -> Step[object, O]: ...
    @overload
    def __call__(self, function: ContextFirst[O], /) -> Step[object, O]: ...
    @overload
    def __call__(self, function: Taking[I, Later[O]], /) -> Step[I, O]: ...
    @overload
    def __call__(self, function: Taking[I, O], /) -> Step[I, O]: ...
    @overload
    def __call__(self, function: Callable[..., Later[O]], /) -> Step[object, O]: ...
    @overload
    def __call__(self, function: Callable[..., O], /) -> Step[object, O]: ...
