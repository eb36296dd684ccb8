"""The flow: a small frozen tree of nodes that the machine runs and everything else reads.

Today it holds steps and sequences; every further kind of node is a class here and a branch in its readers.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from knows_core.binding import Binding, annotations_of, bind, is_plain_state
from knows_core.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable

I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)
T = TypeVar("T")

_NAMELESS = "<lambda>"


class Flow(Generic[I_contra, O_co]):
    """Something that turns an input into a result; `a | b` makes a sequence of two."""

    __slots__ = ()

    def __or__(self, other: Flow[O_co, T] | Callable[..., T]) -> Sequence[I_contra, T]:
        return Sequence((self, lift(other)))

    def __ror__(self, other: Callable[..., Any]) -> Sequence[Any, O_co]:
        return Sequence((lift(other), self))


@dataclass(frozen=True, eq=False)
class Step(Flow[I_contra, O_co]):
    """A function as a node of a flow. Calling the step calls the function, so that it can be tested as it is.

    `name` is the last part of the step's path; a nameless function (a lambda) has an empty one, which `check` reports.
    """

    function: Callable[..., O_co]
    name: str
    binding: Binding = field(repr=False)

    def __post_init__(self) -> None:
        copied = {name: getattr(self.function, name, None) for name in ("__doc__", "__module__", "__qualname__")}
        self.__dict__.update(copied, __name__=self.name, __wrapped__=self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> O_co:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object | None, owner: type | None = None) -> Self:
        """A step defined in a class becomes, on an instance, the step of the bound method."""
        if instance is None:
            return self
        bound = getattr(self.function, "__get__", None)  # a partial or a callable object binds no instance
        return cast("Self", step(bound(instance, owner), name=self.name)) if bound is not None else self

    @functools.cached_property
    def takes_model(self) -> bool:
        """Whether its state is annotated as a model rather than as a WorkflowState, under whatever name."""
        if not self.binding.annotated_state:
            return False
        try:
            return not is_plain_state(self.annotations.get("state"))
        except Exception:  # noqa: BLE001 - `check` tells what is wrong with the annotation
            return True

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        """The resolved annotations of the function. Raises what evaluating them raises."""
        return annotations_of(self.function)


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Flow[I_contra, O_co]):
    """Nodes that run one after the other, each on the result of the one before."""

    parts: tuple[Flow[Any, Any], ...]

    def __post_init__(self) -> None:
        flat: list[Flow[Any, Any]] = []
        for part in self.parts:
            flat += part.parts if isinstance(part, Sequence) else (part,)
        object.__setattr__(self, "parts", tuple(flat))


@overload
def step(function: Callable[..., T], /, *, name: str | None = None) -> Step[Any, T]: ...
@overload
def step(*, name: str | None = None) -> Callable[[Callable[..., T]], Step[Any, T]]: ...
def step(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a step of a function, as a decorator or around any callable: `step(f, name="other")`.

    The first parameter that is not named `state` or `context` is the input: the result of the node before.
    """
    if function is None:

        def decorate(given: Callable[..., Any]) -> Step[Any, Any]:
            return step(given, name=name)

        return decorate
    if isinstance(function, Step):
        function = function.function
    if not callable(function):
        raise ContractError(f"step: expected a callable, found {type(function).__name__}. Give it a function.")
    own_name = name if name is not None else _name_of(function)
    made: Step[Any, Any] = Step(function, own_name, bind(function))
    return made


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "")
    return "" if name == _NAMELESS else name


def lift(value: Any) -> Flow[Any, Any]:
    """Make a node of whatever may stand in a flow: a node, a callable, or any workflow template (one opaque step)."""
    if isinstance(value, Flow):
        return cast("Flow[Any, Any]", value)
    if callable(getattr(value, "execute", None)) and callable(getattr(value, "get_required_state", None)):
        return _opaque(value)
    if callable(value):
        return step(value)
    found = type(value).__name__
    raise ContractError(f"flow: expected a step, a function or a template, found {found}. Give it one of these.")


def _opaque(template: Any) -> Step[Any, Any]:
    def execute(state: Any) -> Any:
        return template.execute(state)

    return step(execute, name=getattr(template, "name", None) or type(template).__name__)


def steps_of(flow: Flow[Any, Any]) -> list[tuple[str, Step[Any, Any]]]:
    """Every step of a flow with its path, in order."""
    if isinstance(flow, Sequence):
        return [found for part in flow.parts for found in steps_of(part)]
    if isinstance(flow, Step):
        return [(flow.name, flow)]
    raise ContractError(f"flow: no reader knows the node {type(flow).__name__}")
