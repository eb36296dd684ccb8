"""What people make flows with: `step`, `parallel`, `case`, `each`, `repeat`, `scope`, `use`, `approval`.

Each checks what it is given at once, and makes one frozen node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from knows_core.binding import asked
from knows_core.errors import ContractError
from knows_core.flow import Case, Flow, Parallel, Scope, Step, Use, lift
from knows_core.flows.approving import approval
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.stepping import policies, seconds, step
from knows_core.version import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack, overload

    from knows_core.recovery import OnError, Retry
    from knows_core.signatures import (
        A,
        B,
        C,
        ContextFirst,
        D,
        E,
        I,
        Items,
        Later,
        NoInput,
        O,
        Other,
        Plain,
        Predicate,
        ScopeOptions,
        StateFirst,
        Takes,
        Turning,
        When,
    )

__all__ = ["approval", "case", "each", "parallel", "repeat", "scope", "step", "use"]


if TYPE_CHECKING:

    @overload
    def parallel(a: Flow[I, A], /, *, name: str | None = None) -> Flow[I, tuple[A]]: ...
    @overload
    def parallel(a: Flow[I, A], b: Flow[I, B], /, *, name: str | None = None) -> Flow[I, tuple[A, B]]: ...
    @overload
    def parallel(
        a: Flow[I, A], b: Flow[I, B], c: Flow[I, C], /, *, name: str | None = None
    ) -> Flow[I, tuple[A, B, C]]: ...
    @overload
    def parallel(
        a: Flow[I, A], b: Flow[I, B], c: Flow[I, C], d: Flow[I, D], /, *, name: str | None = None
    ) -> Flow[I, tuple[A, B, C, D]]: ...
    @overload
    def parallel(
        a: Flow[I, A], b: Flow[I, B], c: Flow[I, C], d: Flow[I, D], e: Flow[I, E], /, *, name: str | None = None
    ) -> Flow[I, tuple[A, B, C, D, E]]: ...
    @overload
    def parallel(*branches: Flow[I, Any] | Other, name: str | None = None) -> Flow[I, tuple[Any, ...]]: ...


def parallel(*branches: Any, name: str | None = None) -> Flow[Any, Any]:
    """Run branches side by side on one input; the result is the tuple of their results, in declared order.

    Each works on a state of its own, as it was when they began. What they wrote is merged when all are done: one key
    written by two is refused, unless the state model says how with a `Reducer`. When one fails the others still come
    to their end, and resuming makes only what is missing.
    """
    if not branches:
        raise ContractError("parallel: expected branches, found none")
    return Parallel(tuple(map(lift, branches)), name)


if TYPE_CHECKING:

    @overload
    def case(a: When[object, A], /, *, name: str | None = None) -> Flow[Any, Any | A]: ...
    @overload
    def case(a: When[object, A], b: When[object, B], /, *, name: str | None = None) -> Flow[Any, Any | A | B]: ...
    @overload
    def case(a: When[I, A], /, *, name: str | None = None) -> Flow[I, I | A]: ...
    @overload
    def case(a: When[I, A], b: When[I, B], /, *, name: str | None = None) -> Flow[I, I | A | B]: ...
    @overload
    def case(a: When[I, A], last: Flow[I, B], /, *, name: str | None = None) -> Flow[I, A | B]: ...
    @overload
    def case(a: When[I, A], b: When[I, B], last: Flow[I, C], /, *, name: str | None = None) -> Flow[I, A | B | C]: ...
    @overload
    def case(a: When[I, A], /, *, default: Flow[I, B], name: str | None = None) -> Flow[I, A | B]: ...
    @overload
    def case(
        a: When[I, A], b: When[I, B], /, *, default: Flow[I, C], name: str | None = None
    ) -> Flow[I, A | B | C]: ...
    @overload
    def case(
        *choices: When[I, Any] | tuple[Predicate, Other] | Flow[I, Any] | Other,
        default: Flow[I, Any] | Other | None = None,
        name: str | None = None,
    ) -> Flow[I, Any]: ...


def case(*choices: Any, default: Any = None, name: str | None = None) -> Flow[Any, Any]:
    """Run the first branch whose predicate says yes: `case((is_hot, cool), (is_cold, heat), keep)`.

    The last choice may be a flow without a predicate, which is taken when none says yes (also `default=`); without one
    the input is handed on. A predicate is a pure `(result, state) -> bool`. Its verdict is recorded, so that a resumed
    run takes the same branch.
    """
    given = list(choices)
    last: list[Any] = [] if default is None else [default]
    if given and not isinstance(given[-1], tuple):
        last.append(given.pop())
    if len(last) > 1 or not given or not all(map(_is_pair, given)):
        raise ContractError(
            "case: expected (predicate, flow) pairs, and at most one flow without a predicate at the end"
        )
    pairs = [(asked(_callable("case", predicate)), lift(flow)) for predicate, flow in given]
    return Case((*pairs, *((None, lift(flow)) for flow in last)), name)


if TYPE_CHECKING:

    @overload
    def each(flow: Flow[I, O], *, max_concurrency: int = 4, name: str | None = None) -> Flow[Items[I], list[O]]: ...
    @overload
    def each(
        flow: StateFirst[Later[O]], *, max_concurrency: int = 4, name: str | None = None
    ) -> Flow[Items[object], list[O]]: ...
    @overload
    def each(
        flow: StateFirst[O], *, max_concurrency: int = 4, name: str | None = None
    ) -> Flow[Items[object], list[O]]: ...
    @overload
    def each(
        flow: ContextFirst[Later[O]], *, max_concurrency: int = 4, name: str | None = None
    ) -> Flow[Items[object], list[O]]: ...
    @overload
    def each(
        flow: ContextFirst[O], *, max_concurrency: int = 4, name: str | None = None
    ) -> Flow[Items[object], list[O]]: ...
    @overload
    def each(
        flow: Takes[I, Later[O]], *, max_concurrency: int = 4, name: str | None = None
    ) -> Flow[Items[I], list[O]]: ...
    @overload
    def each(flow: Takes[I, O], *, max_concurrency: int = 4, name: str | None = None) -> Flow[Items[I], list[O]]: ...
    @overload
    def each(flow: NoInput, *, max_concurrency: int = 4, name: str | None = None) -> Flow[Items[object], list[Any]]: ...


def each(flow: Any, *, max_concurrency: int = 4, name: str | None = None) -> Flow[Any, Any]:
    """Run a flow over every item of the list (or tuple) that comes in; the result is the list of results.

    At most `max_concurrency` items are under way at once, each on a state of its own, merged as in `parallel`. After a
    failure no further item begins; resuming makes only the items that are missing.
    """
    return Each(lift(flow), _whole("each: max_concurrency", max_concurrency), name)


if TYPE_CHECKING:

    @overload
    def repeat(
        flow: Turning[I, O, O], *, until: Predicate, max_times: int = 100, name: str | None = None
    ) -> Flow[I, O]: ...
    @overload
    def repeat(
        flow: Plain[Later[O]], *, until: Predicate, max_times: int = 100, name: str | None = None
    ) -> Flow[Any, O]: ...
    @overload
    def repeat(flow: Plain[O], *, until: Predicate, max_times: int = 100, name: str | None = None) -> Flow[Any, O]: ...


def repeat(flow: Any, *, until: Callable[..., Any], max_times: int = 100, name: str | None = None) -> Flow[Any, Any]:
    """Run a flow again and again, each turn on the result of the one before, until a predicate says yes.

    After `max_times` turns the flow goes on with the last result all the same: a `case` behind it can tell the two.
    """
    return Repeat(lift(flow), asked(_callable("repeat: until", until)), _whole("repeat: max_times", max_times), name)


if TYPE_CHECKING:

    @overload
    def scope(flow: Flow[I, O], **options: Unpack[ScopeOptions]) -> Flow[I, O]: ...
    @overload
    def scope(flow: StateFirst[Later[O]], **options: Unpack[ScopeOptions]) -> Flow[object, O]: ...
    @overload
    def scope(flow: StateFirst[O], **options: Unpack[ScopeOptions]) -> Flow[object, O]: ...
    @overload
    def scope(flow: ContextFirst[Later[O]], **options: Unpack[ScopeOptions]) -> Flow[object, O]: ...
    @overload
    def scope(flow: ContextFirst[O], **options: Unpack[ScopeOptions]) -> Flow[object, O]: ...
    @overload
    def scope(flow: Takes[I, Later[O]], **options: Unpack[ScopeOptions]) -> Flow[I, O]: ...
    @overload
    def scope(flow: Takes[I, O], **options: Unpack[ScopeOptions]) -> Flow[I, O]: ...
    @overload
    def scope(flow: NoInput, **options: Unpack[ScopeOptions]) -> Flow[object, Any]: ...


def scope(
    flow: Any,
    *,
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    on_error: OnError | None = None,
    compensate: Callable[..., Any] | None = None,
) -> Flow[Any, Any]:
    """Give a flow options as a whole. `timeout` is in seconds of owned time, all attempts and resumes together.

    `retry` counts for every step inside that has none of its own. `on_error`: a `Fallback` stands for the result of the
    whole scope; `Continue`, `Suspend`, `Fail` and a handler answer for the step that failed, where it has no answer of
    its own. `compensate(result, state, context)` undoes the scope once it is finished, instead of what its steps
    declare. A template inside is one step of the scope: no policy reaches into it, only the time limit does. A `retry`
    without a step that could take it, and a `timeout` around approvals alone, are refused by `check`. Raises
    ContractError.
    """
    return Scope(lift(flow), name, seconds(timeout), **policies(retry, on_error, compensate))


def use(
    template: Any, range: str | None = None, *, keys: Mapping[str, str] | str | None = None, alias: str | None = None
) -> Flow[Any, Any]:
    """Use another template, named with a range (`use("troubleshooting", "^1.2")`) or given, as a part of this flow.

    Without a range it is any version. A template that is given comes in its own, and takes no range.

    The parts of one flow share the state. `keys` maps keys of the used template to keys of this flow
    (`{"equipment_id": "pump_id"}`); a text is a name space, under which all its keys lie (`pump`: `pump.equipment_id`).
    One version of a name is used per composition; `alias` names a second one, or the same one a second time. Raises
    InvalidVersion, ContractError.
    """
    wanted: Requirement | None = None
    if isinstance(template, str):
        name, at, _ = template.partition("@")
        if at and range is not None:
            raise ContractError(f"use: expected one range, found {template!r} and {range!r}. Write use({name!r}, ...).")
        wanted = Requirement.parse(template) if at else Requirement(template, "*" if range is None else range)
    elif range is not None:
        own = getattr(template, "name", None) or type(template).__name__
        raise ContractError(
            f"use: {own} is given, and comes in its own version; found the range {range!r}."
            f" Leave it out, or name the template: use({own!r}, {range!r})."
        )
    if alias is not None:
        Requirement(alias)  # the same letters as in a name
    return Use(wanted, None if wanted is not None else template, keys if keys is not None else {}, alias)


def _is_pair(choice: Any) -> bool:
    return isinstance(choice, tuple) and len(cast("tuple[Any, ...]", choice)) == 2  # noqa: PLR2004 - a pair


def _callable(place: str, given: Any) -> Any:
    found = type(given).__name__
    if isinstance(given, Step):
        return cast("Step[Any, Any]", given).function
    if isinstance(given, Flow) or not callable(given):
        raise ContractError(f"{place}: expected a predicate (result, state) -> bool, found {found}")
    return given


def _whole(place: str, number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ContractError(f"{place}: expected a whole number from 1, found {number!r}")
    return number
