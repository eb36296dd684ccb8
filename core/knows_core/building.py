"""What people make flows with: `step`, `parallel`, `case`, `each`, `repeat`, `scope`, `use`.

Each checks what it is given at once, and makes one frozen node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.binding import asked
from knows_core.errors import ContractError
from knows_core.flow import Case, Each, Flow, Parallel, Repeat, Scope, Step, Use, lift, made
from knows_core.version import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_ISOLATIONS = ("thread", "process")


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
        "timeout": _seconds(timeout),
        "isolation": _one_of(isolation, _ISOLATIONS),
        "reads": _keys("reads", reads),
        "writes": _keys("writes", writes),
    }
    given = {option: value for option, value in options.items() if value is not None}
    return made(function, name, **given) if function is not None else lambda other: made(other, name, **given)


def parallel(*branches: Any, name: str | None = None) -> Any:
    """Run branches side by side on one input; the result is the tuple of their results, in declared order.

    Each works on a state of its own, as it was when they began. What they wrote is merged when all are done: one key
    written by two is refused, unless the state model says how with a `Reducer`. When one fails the others still come
    to their end, and resuming makes only what is missing.
    """
    if not branches:
        raise ContractError("parallel: expected branches, found none")
    return Parallel(tuple(map(lift, branches)), name)


def case(*choices: Any, default: Any = None, name: str | None = None) -> Any:
    """Run the first branch whose predicate says yes: `case((is_hot, cool), (is_cold, heat), keep)`.

    The last choice may be a flow without a predicate, which is taken when none says yes (also `default=`); without one
    the input is handed on. A predicate is a pure `(result, state) -> bool`. Its verdict is recorded, so that a resumed
    run takes the same branch.
    """
    last = [] if default is None else [default]
    if choices and not isinstance(choices[-1], tuple):
        *choices, last_choice = choices  # type: ignore[assignment]
        last.append(last_choice)
    if len(last) > 1 or not choices or not all(isinstance(one, tuple) and len(one) == 2 for one in choices):  # noqa: PLR2004 - a pair
        raise ContractError("case: expected (predicate, flow) pairs, and at most one flow without a predicate at the end")
    pairs = [(asked(_callable("case", predicate)), lift(flow)) for predicate, flow in choices]
    return Case((*pairs, *((None, lift(flow)) for flow in last)), name)


def each(flow: Any, *, max_concurrency: int = 4, name: str | None = None) -> Any:
    """Run a flow over every item of the list (or tuple) that comes in; the result is the list of results.

    At most `max_concurrency` items are under way at once, each on a state of its own, merged as in `parallel`. After a
    failure no further item begins; resuming makes only the items that are missing.
    """
    return Each(lift(flow), _whole("each: max_concurrency", max_concurrency), name)


def repeat(flow: Any, *, until: Callable[..., Any], max_times: int = 100, name: str | None = None) -> Any:
    """Run a flow again and again, each turn on the result of the one before, until a predicate says yes.

    After `max_times` turns the flow goes on with the last result all the same: a `case` behind it can tell the two.
    """
    return Repeat(lift(flow), asked(_callable("repeat: until", until)), _whole("repeat: max_times", max_times), name)


def scope(flow: Any, *, name: str | None = None, timeout: float | None = None) -> Any:
    """Give a flow options as a whole. `timeout` is in seconds of owned time, all attempts and resumes together."""
    return Scope(lift(flow), name, _seconds(timeout))


def use(
    template: Any, range: str = "*", *, keys: Mapping[str, str] | str | None = None, alias: str | None = None
) -> Any:
    """Use another template, named with a range (`use("troubleshooting", "^1.2")`) or given, as a part of this flow.

    The parts of one flow share the state. `keys` maps keys of the used template to keys of this flow
    (`{"equipment_id": "pump_id"}`); a text is a name space, under which all its keys lie (`"pump"`: `pump.equipment_id`).
    One version of a name is used per composition; `alias` names a second one, or the same one a second time. Raises
    InvalidVersion.
    """
    wanted = Requirement(template, range) if isinstance(template, str) and "@" not in template else None
    if wanted is None and isinstance(template, str):
        wanted = Requirement.parse(template)
    if alias is not None:
        Requirement(alias)  # the same letters as in a name
    return Use(wanted, None if wanted is not None else template, keys if keys is not None else {}, alias)


def _callable(place: str, given: Any) -> Any:
    if isinstance(given, Step):
        return given.function
    if isinstance(given, Flow) or not callable(given):
        raise ContractError(f"{place}: expected a predicate (result, state) -> bool, found {type(given).__name__}")
    return given


def _whole(place: str, number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ContractError(f"{place}: expected a whole number from 1, found {number!r}")
    return number


def _seconds(timeout: Any) -> float | None:
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
