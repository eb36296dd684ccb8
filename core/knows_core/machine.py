"""The machine: what happens next in a run, without any IO.

`run_flow` is a generator. It yields what it wants done: a `Call` of a step, a record to keep, or a `Fork` into branches
that run side by side. It is sent the answer; a failed call comes back as an exception at the yield. Drivers grant these
wishes: the engine for real, the simulator with a crash at any of them. Resuming is not a mode: a step whose path the
past holds returns its result without a wish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core.errors import ContractError, MissingState, NotStorable
from knows_core.errors_flow import SeamMismatch, UndeclaredWrite
from knows_core.flow import Case, Each, Parallel, Part, Repeat, Scope, Sequence, Step
from knows_core.joining import merged, only_filled
from knows_core.paths import within
from knows_core.records import Decided, Entered, Joined, RunEnded, StepDone, StepFailed
from knows_core.renaming import Renaming
from knows_core.run import RunStatus
from knows_core.situation import Deadline, Place
from knows_core.state import NO_CHANGES, Attempt, Changes, WorkflowState
from knows_core.wishes import Call, Fork, Machine, Outcome, StepError, Stopped, Walk, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from collections.abc import Sequence as Several

    from knows_core.binding import Predicate
    from knows_core.flow import Flow
    from knows_core.situation import Situation

_NO_CHECKS: Final = (None, None)
_NO_BRANCH: Final = -1


def run_flow(flow: Flow[Any, Any], value: Any, situation: Situation, place: Place) -> Machine:
    """Run a flow on an input to its end, and tell how it ended; the same is the last record."""
    try:
        result = yield from _walk(flow, value, situation, place)
    except StepError as failure:
        ended = RunEnded(RunStatus.FAILED, None, failure.error, failure.path, failure.attempt)
    except Stopped as stop:
        ended = RunEnded(stop.status, None, stop.error)
    else:
        ended = RunEnded(RunStatus.COMPLETED, result)
    try:
        yield ended
    except NotStorable as error:  # the results of branches side by side lie one level deeper than each alone
        ended = RunEnded(RunStatus.FAILED, None, error)
        yield ended
    return ended


def _walk(node: Flow[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    walk = _WALKS.get(type(node))
    if walk is None:
        raise ContractError(f"flow: the machine knows no {type(node).__name__}; a `use` is linked before it runs")
    return walk(node, value, now, place)


def _sequence(node: Sequence[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    for part in node.parts:
        inner = _step(part, value, now, place) if isinstance(part, Step) else _walk(part, value, now, place)
        value = yield from inner
    return value


def _step(step: Step[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, binding, ground = place.prefix + step.name, step.binding, now.ground
    if path in ground.past.results:
        return ground.past.results[path]
    attempt, typed, changes = now.attempt(path), place.typed, NO_CHANGES
    intake, outlet = ground.checks.get(step, _NO_CHECKS)
    try:
        if intake is not None:
            value = intake(value, path)
        limit = step.timeout
        if place.deadline is not None:
            limit = place.deadline.left(limit, ground.clock(), path)
        if not binding.takes_state:
            result = yield Call(step, value, None, path, attempt, limit)
        else:
            seen = now.state if place.keys is None else place.keys.view(now.state)
            work = Attempt(seen)
            if typed is not None and step.takes_model:
                copy = typed.working_copy(work)
                result = yield Call(step, value, copy, path, attempt, limit)
                typed.take_back(copy, work)
            else:
                result = yield Call(step, value, work, path, attempt, limit)
            changes = work.changes()
            if step.writes is not None:
                _check_writes(step, path, changes, work)
            if changes is not NO_CHANGES and typed is not None:
                changes = typed.checked(path, changes, seen.after(changes))
            changes = place.told(changes)
        if outlet is not None:
            result = outlet(result, path)
        # The record is the commit: when it is refused (a value that cannot be stored) the attempt has failed.
        yield StepDone(path, attempt, result, changes, now.branch)
    except Exception as error:  # noqa: BLE001 - whatever a step raises is its failure
        blamed = error if place.deadline is None else place.deadline.blamed(error, ground.clock(), path)
        raise (yield from _failed(path, attempt, blamed)) from None
    now.take(changes)
    return result


def _failed(path: str, attempt: int, error: Exception) -> Generator[Wish, Any, StepError]:
    """Record a failure; what is given back is to be raised."""
    yield StepFailed(path, attempt, error)
    return StepError(path, attempt, error)


def _check_writes(step: Step[Any, Any], path: str, changes: Changes, work: Attempt) -> None:
    declared = step.writes or ()
    others = [key for key in (*changes.written, *changes.dropped) if key not in declared]
    without = [key for key in declared if key not in work]
    if others or without:
        found = f"it changed {', '.join(others)}" if others else f"left {', '.join(without)} without a value"
        raise UndeclaredWrite(step=path, declared=", ".join(declared) or "nothing", found=found)


# ------------------------------------------------------------------ which way


def _case(node: Case[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, verdicts = place.prefix + node.key, now.ground.past.verdicts
    if path in verdicts:
        taken = verdicts[path]
    else:
        try:
            taken = _taken(node, value, now, place)
        except Exception as error:  # noqa: BLE001 - a predicate that raises is a failure at its path
            raise (yield from _failed(path, now.attempt(path), error)) from None
        yield Decided(path, taken)
    if taken == _NO_BRANCH:
        return value
    return (yield from _walk(node.choices[taken][1], value, now, place.at(within(node, place.prefix))))


def _taken(node: Case[Any, Any], value: Any, now: Situation, place: Place) -> int:
    for number, (predicate, _) in enumerate(node.choices):
        if predicate is None or _says_yes(predicate, value, now, place):
            return number
    return _NO_BRANCH


def _says_yes(predicate: Predicate, value: Any, now: Situation, place: Place) -> bool:
    """What a predicate says; it works on a view of the state, which is dropped."""
    return bool(predicate.binding.invoke(value, Attempt(place.seen(now.state)), None))


def _repeat(node: Repeat[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    verdicts, name, turn = now.ground.past.verdicts, place.prefix + node.first_name, 0
    while True:
        path = f"{name}[{turn}]"
        value = yield from _walk(node.flow, value, now, place.at(f"{path}/"))
        turn += 1
        if path in verdicts:
            is_over = verdicts[path]
        else:
            try:
                is_over = turn >= node.max_times or _says_yes(node.until, value, now, place)
            except Exception as error:  # noqa: BLE001 - as for a case
                raise (yield from _failed(path, now.attempt(path), error)) from None
            yield Decided(path, int(is_over))
        if is_over:
            return value


# ------------------------------------------------------------------ side by side


def _parallel(node: Parallel[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, inside = place.prefix + node.key, place.at(within(node, place.prefix))
    begins = [_Branch(f"{path}#{branch.key}", branch, value, inside) for branch in node.branches]
    results = yield from _fork(path, begins, len(begins), now, place)
    return results if node.as_list else tuple(results)


def _each(node: Each[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, name = place.prefix + node.key, place.prefix + node.first_name
    if not isinstance(value, list | tuple):
        found = type(value).__name__
        error = SeamMismatch(
            where=path, expected="a list or tuple", found=found, problems="there is nothing to go over"
        )
        raise (yield from _failed(path, now.attempt(path), error)) from None
    items = cast("list[Any]", value)
    begins = [
        _Branch(f"{name}[{number}]", node.flow, item, place.at(f"{name}[{number}]/"))
        for number, item in enumerate(items)
    ]
    return (yield from _fork(path, begins, node.max_concurrency, now, place)) if begins else []


class _Branch(NamedTuple):
    """A branch that may begin: its name, its flow, its input, and where it is."""

    name: str
    flow: Flow[Any, Any]
    value: Any
    place: Place


def _fork(path: str, begins: Several[_Branch], limit: int, now: Situation, place: Place) -> Walk:
    """Run branches, each on a state of its own, and merge what they did when all are done."""
    begun: list[Situation] = []

    def branches() -> Iterable[Walk]:
        for one in begins:
            begun.append(now.forked(one.name))
            yield _walk(one.flow, one.value, begun[-1], one.place)

    outcomes: list[Outcome] = yield Fork(branches(), limit)
    now.interrupted = 0
    failure = next((one.error for one in outcomes if one.error is not None), None)
    if failure is not None:
        raise failure
    if path not in now.ground.past.joined:
        yield from _join(path, begun, now, place)
    return [one.result for one in outcomes]


def _join(path: str, begun: Several[Situation], now: Situation, place: Place) -> Walk:
    typed = place.typed
    try:
        reducers = {} if typed is None else {place.outside(key): one for key, one in typed.reducers.items()}
        changes = merged(now.state, [(one.branch, one.delta) for one in begun], reducers, path)
        if changes is NO_CHANGES:
            return
        if typed is not None:
            typed.checked(path, changes, place.seen(WorkflowState(now.state.after(changes))))
        filled = only_filled(changes, [one.delta for one in begun])
        yield Joined(path, changes, now.branch, filled)
    except Exception as error:  # noqa: BLE001 - a conflict, or whatever a reducer raises, is a failure of the branches
        raise (yield from _failed(path, now.attempt(path), error)) from None
    now.take(changes)
    now.delta.filled.update(filled)


# ------------------------------------------------------------------ inside


def _scope(node: Scope[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    inside = place.at(within(node, place.prefix))
    if node.timeout is not None:
        path, ground = place.prefix + node.key, now.ground
        spent = ground.past.entered.get(path)
        if spent is None:
            yield Entered(path, NO_CHANGES, now.branch)
        own = Deadline(ground.clock() + node.timeout - (spent or 0.0), path, node.timeout)
        sooner = own if place.deadline is None else min(own, place.deadline)
        inside = Place(inside.prefix, inside.typed, inside.keys, sooner)
    return (yield from _walk(node.flow, value, now, inside))


def _part(node: Part[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, definition = place.prefix + node.name, node.definition
    keys = Renaming(node.keys, place.keys) if node.keys or place.keys is not None else None
    inside = Place(f"{path}/", definition.typed, keys, place.deadline)
    if path not in now.ground.past.entered:
        try:
            changes = inside.told(_filled(definition, inside.seen(now.state)))
            yield Entered(path, changes, now.branch)
        except Exception as error:  # noqa: BLE001 - what the part is given does not fit, or is too large to record
            raise (yield from _failed(path, now.attempt(path), error)) from None
        now.take(changes, filled=True)
    return (yield from _walk(definition.flow, value, now, inside))


def _filled(definition: Any, seen: Any) -> Changes:
    """The defaults that a part's state model adds. Raises MissingState, StateMismatch."""
    missing = [key for key in definition.required if key not in seen]
    if missing:
        raise MissingState(template=definition, missing=", ".join(missing), found=", ".join(seen) or "an empty state")
    if definition.typed is None:
        return NO_CHANGES
    filled: dict[str, Any] = definition.typed.fill(dict(seen))
    return Changes({key: one for key, one in filled.items() if key not in seen}, ())


_WALKS: Final[dict[type[Any], Callable[..., Walk]]] = {
    Step: _step,
    Sequence: _sequence,
    Case: _case,
    Repeat: _repeat,
    Parallel: _parallel,
    Each: _each,
    Scope: _scope,
    Part: _part,
}
