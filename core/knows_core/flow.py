"""The flow: a small frozen tree of nodes that the machine runs and everything else reads.

The kinds of nodes are here, in `loops` and in `approving`; `building` has the functions that people make them with. A
path is made of names, never of positions: `control/execute_process`, `measure[3]/measure`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from knows_core.binding import Binding, Predicate, annotations_of, bind, is_plain_state, name_of
from knows_core.errors import ContractError
from knows_core.recovery import Fallback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knows_core.recovery import OnError, Retry
    from knows_core.signatures import Joins
    from knows_core.version import Requirement
else:
    Joins = Generic

I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)


class Flow(Joins[I_contra, O_co]):
    """Something that turns an input into a result; `a | b` makes a sequence of two, and a list in it runs in parallel.

    `kind` is the word for this sort of node in a shape.
    """

    __slots__ = ()
    kind: ClassVar[str] = "flow"

    if not TYPE_CHECKING:  # checkers read `Joins`: as methods, the overloads would hide what people read here
        __or__ = lambda self, other: Sequence((self, lift(other)))  # noqa: E731
        __ror__ = lambda self, other: Sequence((lift(other), self))  # noqa: E731

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """The nodes inside it, in order."""
        return ()

    @property
    def segment(self) -> str:
        """What it adds to the path of everything inside: its name, where it has one."""
        return getattr(self, "name", None) or ""

    @property
    def first_name(self) -> str:
        """Its own name, or the name of the first step inside."""
        return getattr(self, "name", None) or (self.inner[0].first_name if self.inner else "")

    @property
    def key(self) -> str:
        """Under what it records and reports what concerns itself; unique among its neighbours."""
        return self.first_name


@dataclass(frozen=True, eq=False)
class Step(Flow[I_contra, O_co]):
    """A function as a node of a flow. Calling the step calls the function, so that it can be tested as it is.

    `name` is the last part of the step's path; a nameless function (a lambda) has an empty one, which `check` reports.
    `timeout` is in seconds. `reads` and `writes` are state keys, `raises` errors that callers must expect; None: not
    declared. `compensate` and `look` are functions that stand beside it, as steps: they are bound and called like one.
    """

    function: Callable[..., O_co]
    name: str
    binding: Binding = field(repr=False)
    timeout: float | None = None
    isolation: str = "thread"
    reads: tuple[str, ...] | None = None
    writes: tuple[str, ...] | None = None
    retry: Retry | None = None
    on_error: OnError | None = None
    compensate: Step[Any, Any] | None = None
    effect: str | None = None
    look: Step[Any, Any] | None = None
    raises: tuple[type[Exception], ...] | None = None
    kind: ClassVar[str] = "step"

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
        return self._of(bound(instance, owner)) if bound is not None else self

    def partial(self, **fixed: Any) -> Self:
        """The same step with further parameters fixed: `grind.partial(limit=5)`. Raises ContractError."""
        unknown = [name for name in fixed if name not in self.binding.parameters]
        if unknown or not fixed:
            found, known = ", ".join(unknown) or "none", ", ".join(self.binding.parameters) or "none"
            raise ContractError(f"{self.name}.partial: expected names of its parameters ({known}), found {found}")
        return self._of(functools.partial(self.function, **fixed))

    def _of(self, function: Callable[..., Any]) -> Self:
        return cast("Self", replace(cast("Step[Any, Any]", self), function=function, binding=bind(function)))

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
    kind: ClassVar[str] = "sequence"

    def __post_init__(self) -> None:
        flat: list[Flow[Any, Any]] = []
        for part in self.parts:
            flat += part.parts if isinstance(part, Sequence) else (part,)
        object.__setattr__(self, "parts", tuple(flat))

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """Its nodes, in order."""
        return self.parts


@dataclass(frozen=True, slots=True, eq=False)
class Parallel(Flow[I_contra, O_co]):
    """Branches that run side by side on one input, each on a state of its own; the result is a tuple, or a list."""

    branches: tuple[Flow[Any, Any], ...]
    name: str | None = None
    as_list: bool = False
    kind: ClassVar[str] = "parallel"

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """Its branches, in declared order."""
        return self.branches

    @property
    def key(self) -> str:
        """Its name, or the names of all branches."""
        return self.name or "&".join(one.key for one in self.branches)


@dataclass(frozen=True, slots=True, eq=False)
class Case(Flow[I_contra, O_co]):
    """The first branch whose predicate says yes; else the last one, which has no predicate, or the input itself."""

    choices: tuple[tuple[Predicate | None, Flow[Any, Any]], ...]
    name: str | None = None
    kind: ClassVar[str] = "case"

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """Its branches, in order."""
        return tuple(branch for _, branch in self.choices)

    @property
    def has_default(self) -> bool:
        """Whether some branch is taken in any case."""
        return any(predicate is None for predicate, _ in self.choices)

    @property
    def key(self) -> str:
        """Its name, or that of its first branch with a question mark."""
        return self.name or f"{self.inner[0].key}?"


@dataclass(frozen=True, slots=True, eq=False)
class Scope(Flow[I_contra, O_co]):
    """Options for a flow as a whole; `timeout` is in seconds of owned time.

    `retry` counts for the steps inside that have none of their own. A flow to fall back on is its second branch.
    """

    flow: Flow[Any, Any]
    name: str | None = None
    timeout: float | None = None
    retry: Retry | None = None
    on_error: OnError | None = None
    compensate: Step[Any, Any] | None = None
    kind: ClassVar[str] = "scope"

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """The flow, and the one to fall back on."""
        other = self.on_error.otherwise if isinstance(self.on_error, Fallback) else None
        return (self.flow, cast("Flow[Any, Any]", other)) if isinstance(other, Flow) else (self.flow,)

    @property
    def key(self) -> str:
        """Its name, or the key of what stands first inside with a mark."""
        first = self.flow.parts[0] if isinstance(self.flow, Sequence) else self.flow
        return self.name or f"{first.key}@"


@dataclass(frozen=True, slots=True, eq=False)
class Use(Flow[I_contra, O_co]):
    """Another template, by name and range, or given; before a run, `link` puts a `Part` in its place."""

    wanted: Requirement | None
    template: Any = None
    keys: Mapping[str, str] | str = field(default_factory=dict[str, str])
    alias: str | None = None
    kind: ClassVar[str] = "use"

    @property
    def name(self) -> str:
        """Its alias, or the template's name."""
        own = self.wanted.name if self.wanted is not None else getattr(self.template, "name", None)
        return self.alias or own or type(self.template).__name__


@dataclass(frozen=True, slots=True, eq=False)
class Part(Flow[I_contra, O_co]):
    """A linked template inside another. `definition` is the template as data; `wanted` how it was asked for as text."""

    name: str
    definition: Any
    keys: Mapping[str, str] | str = field(default_factory=dict[str, str])
    wanted: str | None = None
    kind: ClassVar[str] = "template"

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """Its flow."""
        return (self.definition.flow,)


def made(function: Any, name: str | None = None, **options: Any) -> Step[Any, Any]:
    """A step of a function; of a step, one with other options. Raises ContractError for what cannot be called."""
    if isinstance(function, Step):
        was = cast("Step[Any, Any]", function)
        return replace(was, name=was.name if name is None else name, **options)
    if not callable(function):
        raise ContractError(f"step: expected a callable, found {type(function).__name__}. Give it a function.")
    return Step(function, name_of(function) if name is None else name, bind(function), **options)


def lift(value: Any) -> Flow[Any, Any]:
    """Make a node of whatever may stand in a flow: a node, a callable, a list (in parallel), or a workflow template."""
    if isinstance(value, Flow):
        return cast("Flow[Any, Any]", value)
    if isinstance(value, list) and value:
        return Parallel(tuple(map(lift, cast("list[Any]", value))), as_list=True)
    value = cast("Any", value)
    if callable(getattr(value, "execute", None)) and callable(getattr(value, "get_required_state", None)):
        return Use(None, value)
    if callable(value):
        return made(value)
    found = type(value).__name__
    raise ContractError(f"flow: expected a step, a function, a list or a template, found {found}. Give one.")
