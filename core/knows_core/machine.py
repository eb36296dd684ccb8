"""The machine: what happens next in a run, without any IO.

`run_flow` is a generator. It yields what it wants done: a `Call` of a step, a record to keep, or a `Fork` into branches
that run side by side. It is sent the answer; a failed call comes back as an exception at the yield. Drivers grant these
wishes: the engine for real, the simulator with a crash at any of them. Resuming is not a mode: a step whose path the
past holds returns its result without a wish.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.errors import ContractError, MissingState, NotStorable
from knows_core.errors.flow import ScopeTimeout, SeamMismatch
from knows_core.flow import Case, Parallel, Part, Scope, Sequence, Step
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.paths import within
from knows_core.flows.renaming import Renaming
from knows_core.journals.records import Decided, Entered, RunEnded, Settled
from knows_core.run import RunStatus
from knows_core.state import NO_CHANGES, Attempt, Changes
from knows_core.values.traits import private_copy
from knows_core.walking.asking import approval_walk, waited
from knows_core.walking.calling import step_walk
from knows_core.walking.failing import AGAIN, Failure, answered, failed_at, may_answer, unanswered
from knows_core.walking.forking import Branch, Unjoined, fork_walk
from knows_core.walking.opened import met_before
from knows_core.walking.situation import Deadline, Place, Policy
from knows_core.walking.undoing import undone
from knows_core.walking.wishes import Machine, StepError, Stopped, Waiting, Walk, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from knows_core.binding import Predicate
    from knows_core.flow import Flow
    from knows_core.walking.situation import Situation

_NO_BRANCH: Final = -1


def run_flow(flow: Flow[Any, Any], value: Any, situation: Situation, place: Place) -> Machine:
    """Run a flow on an input to its end, and tell how it ended; the same is the last record."""
    ended = situation.ground.past.failure or (yield from _walked(flow, value, situation, place))
    if ended.status is RunStatus.COMPLETED:
        try:
            yield ended
        except NotStorable as error:  # the results of branches side by side lie one level deeper than each alone
            ended = RunEnded(RunStatus.FAILED, None, error)
        else:
            return ended
    if ended.status is RunStatus.FAILED:
        try:
            ended = yield from undone(ended, flow, situation, place)
        except Waiting as decision:
            ended = waited(decision, situation, RunStatus.COMPENSATION_FAILED)
    yield ended
    return ended


def _walked(flow: Flow[Any, Any], value: Any, now: Situation, place: Place) -> Generator[Wish, Any, RunEnded]:
    try:
        result = yield from _walk(flow, value, now, place)
    except StepError as failure:
        return RunEnded(RunStatus.FAILED, None, failure.error, failure.path, failure.attempt)
    except Waiting as decision:
        return waited(decision, now, RunStatus.FAILED)
    except Stopped as stop:
        return RunEnded(stop.status, None, stop.error)
    return RunEnded(RunStatus.COMPLETED, result)


def _walk(node: Flow[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    walk = _WALKS.get(type(node))
    if walk is None:
        raise ContractError(f"flow: the machine knows no {type(node).__name__}; a `use` is linked before it runs")
    return walk(node, value, now, place)


def _sequence(node: Sequence[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    for part in node.parts:
        inner = step_walk(part, value, now, place) if isinstance(part, Step) else _walk(part, value, now, place)
        value = yield from inner
    return value


# ------------------------------------------------------------------ which way


def _case(node: Case[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, past = place.prefix + node.key, now.ground.past
    if path in past.verdicts:
        taken = past.verdicts[path]
    else:
        before = yield from met_before(path, now)
        if before is not AGAIN:
            return before
        try:
            taken = _taken(node, value, now, place)
        except Exception as error:  # noqa: BLE001 - a predicate that raises is a failure at its path
            return (yield from unanswered(path, error, value, now, place))
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
    past, name, turn = now.ground.past, place.prefix + node.first_name, 0
    while True:
        path = f"{name}[{turn}]"
        value = yield from _walk(node.flow, value, now, place.at(f"{path}/"))
        turn += 1
        if path in past.verdicts:
            is_over = past.verdicts[path]
        else:
            before = yield from met_before(path, now)
            if before is not AGAIN:
                return before
            try:
                is_over = turn >= node.max_times or _says_yes(node.until, value, now, place)
            except Exception as error:  # noqa: BLE001 - as for a case
                return (yield from unanswered(path, error, value, now, place))
            yield Decided(path, int(is_over))
        if is_over:
            return value


# ------------------------------------------------------------------ side by side


def _parallel(node: Parallel[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, inside = place.prefix + node.key, place.at(within(node, place.prefix))
    is_one_step = len(node.branches) == 1 and node.name is None  # its path is that of its branch
    before = AGAIN if is_one_step else (yield from met_before(path, now))
    if before is not AGAIN:
        return before
    begins = [
        Branch(f"{path}#{branch.key}", functools.partial(_walk, branch, value, place=inside))
        for branch in node.branches
    ]
    try:
        results = yield from fork_walk(path, begins, len(begins), now, place)
    except Unjoined as failed:
        if is_one_step:
            raise (yield from failed_at(path, now.attempt(path), failed.error)) from None
        return (yield from unanswered(path, failed.error, value, now, place))
    return results if node.as_list else tuple(results)


def _each(node: Each[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, name = place.prefix + node.key, place.prefix + node.first_name
    before = yield from met_before(path, now)
    if before is not AGAIN:
        return before
    if not isinstance(value, list | tuple):
        found = type(value).__name__
        error = SeamMismatch(
            where=path, expected="a list or tuple", found=found, problems="there is nothing to go over"
        )
        return (yield from unanswered(path, error, value, now, place))
    items = cast("list[Any]", value)
    begins = [
        Branch(f"{name}[{number}]", functools.partial(_walk, node.flow, item, place=place.at(f"{name}[{number}]/")))
        for number, item in enumerate(items)
    ]
    try:
        return (yield from fork_walk(path, begins, node.max_concurrency, now, place)) if begins else []
    except Unjoined as failed:
        return (yield from unanswered(path, failed.error, value, now, place))


# ------------------------------------------------------------------ inside


def _scope(node: Scope[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, past = place.prefix + node.key, now.ground.past
    inside = place.at(within(node, place.prefix))
    before = yield from met_before(path, now)
    if before is not AGAIN:
        return before
    if path in past.verdicts:  # it has fallen back
        return (yield from _walk(node.inner[past.verdicts[path]], value, now, inside))
    deadline = inside.deadline
    if node.timeout is not None:
        spent = past.entered.get(path)
        if spent is None:
            yield Entered(path, NO_CHANGES, now.branch)
        own = Deadline(now.ground.clock() + node.timeout - (spent or 0.0), path, node.timeout)
        deadline = own if deadline is None else min(own, deadline)
    answers = place.policy.answers if node.on_error is None else (node.on_error, *place.policy.answers)
    policy = Policy(node.retry or place.policy.retry, answers)
    try:
        result = yield from _walk(node.flow, value, now, replace(inside, deadline=deadline, policy=policy))
    except StepError as failure:
        return (yield from _out_of_scope(node, path, failure, value, now, inside))
    if node.compensate is not None:
        try:
            yield Settled(path, "scope", result, NO_CHANGES, now.branch)
        except NotStorable as error:
            raise (yield from failed_at(path, now.attempt(path), error)) from None
        now.ground.finished.append((path, private_copy(result)))
    return result


def _out_of_scope(
    node: Scope[Any, Any], path: str, failure: StepError, value: Any, now: Situation, inside: Place
) -> Walk:
    """What follows when a failure that nothing inside has answered leaves a scope."""
    if _is_beyond(failure, inside):
        raise failure
    error, falls_back = failure.error, len(node.inner) > 1
    own = Failure(path, failure.attempt, error, value)
    if isinstance(error, ScopeTimeout) and error.scope == path:  # the scope itself failed: nobody was asked inside
        answers = () if falls_back else (node.on_error, *inside.policy.answers)
        try:
            return (yield from answered(own, now, inside, answers, told=failure))
        except StepError as left:
            if not falls_back or left.final:
                raise
    elif not may_answer(node.on_error, failure):
        raise failure
    elif not falls_back:
        return (yield from answered(own, now, inside, (node.on_error,), told=failure))
    yield Decided(path, 1)
    return (yield from _walk(node.inner[1], value, now, inside))


def _is_beyond(failure: StepError, place: Place) -> bool:
    """Whether nothing at a place may answer a failure: it is final, or the time of something around is over."""
    error, deadline = failure.error, place.deadline
    return failure.final or (isinstance(error, ScopeTimeout) and deadline is not None and error.scope == deadline.scope)


def _part(node: Part[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    path, definition, past = place.prefix + node.name, node.definition, now.ground.past
    before = yield from met_before(path, now)
    if before is not AGAIN:
        return before
    keys = Renaming(node.keys, place.keys) if node.keys or place.keys is not None else None
    inside = Place(f"{path}/", definition.typed, keys, place.deadline)
    if path not in past.entered:
        try:
            changes = inside.told(_filled(definition, inside.seen(now.state)))
            yield Entered(path, changes, now.branch)
        except Exception as error:  # noqa: BLE001 - what the part is given does not fit, or is too large to record
            return (yield from unanswered(path, error, value, now, place))
        now.take(changes, filled=True)
    try:
        return (yield from _walk(definition.flow, value, now, inside))
    except StepError as failure:  # for the flow around it, a part is one step
        if not place.policy.answers or _is_beyond(failure, place):
            raise
        failure.asked = True
        own = Failure(path, failure.attempt, failure.error, value)
        return (yield from answered(own, now, place, (None, *place.policy.answers), told=failure))


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
    Step: step_walk,
    Approval: approval_walk,
    Sequence: _sequence,
    Case: _case,
    Repeat: _repeat,
    Parallel: _parallel,
    Each: _each,
    Scope: _scope,
    Part: _part,
}
