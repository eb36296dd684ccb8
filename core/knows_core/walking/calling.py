"""Walking one step: its attempts, and the functions that stand beside it.

The attempt of a plain step is what a run does most, so `step_walk` is written out; everything that most steps never
meet (failures, what a former try left open, functions beside the step) has rooms of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knows_core.errors.flow import UndeclaredWrite
from knows_core.journals.records import StepDone, StepIntended
from knows_core.state import NO_CHANGES, Attempt, WorkflowState
from knows_core.values.traits import private_copy
from knows_core.walking.failing import AGAIN, failed_attempt
from knows_core.walking.opened import taken_up
from knows_core.walking.wishes import Call

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from knows_core.flow import Step
    from knows_core.rules import Validator
    from knows_core.state import Changes
    from knows_core.walking.situation import Place, Situation
    from knows_core.walking.wishes import Walk, Wish

_NO_CHECKS: Final = (None, None)


def step_walk(step: Step[Any, Any], given: Any, now: Situation, place: Place) -> Walk:  # noqa: C901, PLR0912, PLR0915 - see the head of the room
    """Make a step, or return what its journal holds."""
    path, binding, ground = place.prefix + step.name, step.binding, now.ground
    if path in ground.met:
        if path in ground.past.results:
            return ground.past.results[path]
        result = yield from taken_up(step, given, path, now, place)
        if result is not AGAIN:
            return result
    typed, (intake, outlet), validators = place.typed, ground.checks.get(step, _NO_CHECKS), ground.validators
    attempt = now.attempt(path)
    while True:
        value, changes, returned = given, NO_CHANGES, False
        try:
            if intake is not None:
                value = intake(value, path)
            limit = step.timeout
            if place.deadline is not None:
                limit = place.deadline.left(limit, ground.clock(), path)
            if validators:
                _ask("before", path, value, place.seen(now.state), validators)
            if step.effect is not None:
                yield from _intended(path, attempt, now)
            if not binding.takes_state:
                result = yield Call(step, value, None, path, attempt, limit)
                returned = True
            else:
                seen = now.state if place.keys is None else place.keys.view(now.state)
                work = Attempt(seen)
                if typed is not None and step.takes_model:
                    copy = typed.working_copy(work)
                    result = yield Call(step, value, copy, path, attempt, limit)
                    returned = True
                    typed.take_back(copy, work)
                else:
                    result = yield Call(step, value, work, path, attempt, limit)
                    returned = True
                changes = work.changes()
                if step.writes is not None:
                    _check_writes(step, path, changes, work)
                if changes is not NO_CHANGES and typed is not None:
                    changes = typed.checked(path, changes, seen.after(changes))
                changes = place.told(changes)
            if outlet is not None:
                result = outlet(result, path)
            if validators:
                after = now.state if changes is NO_CHANGES else WorkflowState(now.state.after(changes))
                _ask("after", path, result, place.seen(after), validators)
            # The record is the commit: when it is refused (a value that cannot be stored) the attempt has failed.
            yield StepDone(path, attempt, result, changes, now.branch)
        except Exception as error:  # noqa: BLE001 - whatever a step raises is its failure
            answer = yield from failed_attempt(step, given, path, attempt, error, now, place, returned=returned)
            if answer is AGAIN:
                attempt += 1
                continue
            return answer
        now.take(changes)
        if step.compensate is not None:
            ground.finished.append((path, private_copy(result)))  # as it is now: the next step may change it
        return result


def _intended(path: str, attempt: int, now: Situation) -> Generator[Wish, Any, None]:
    """Record that an act is about to be made; a run that is stopped before it leaves no doubt about it."""
    yield StepIntended(path, attempt)
    now.ground.intended[path] = attempt


def _ask(when: str, path: str, value: Any, state: Mapping[str, Any], validators: tuple[Validator, ...]) -> None:
    """Ask every validator; they see a private view of the state, which is dropped."""
    for validator in validators:
        validator(when, path, value, Attempt(WorkflowState(state)))


def _check_writes(step: Step[Any, Any], path: str, changes: Changes, work: Attempt) -> None:
    declared = step.writes or ()
    others = [key for key in (*changes.written, *changes.dropped) if key not in declared]
    without = [key for key in declared if key not in work]
    if others or without:
        found = f"it changed {', '.join(others)}" if others else f"left {', '.join(without)} without a value"
        raise UndeclaredWrite(step=path, declared=", ".join(declared) or "nothing", found=found)
