"""A step that a former try left open: between two attempts, in the middle of an act, or waiting for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from knows_core.errors.recovery import Rejected
from knows_core.journals.envelope import in_words
from knows_core.journals.records import Settled, StepDone, StepFailed, StepRetried
from knows_core.recovery import Done, NotDone
from knows_core.state import NO_CHANGES
from knows_core.values.traits import private_copy
from knows_core.walking.beside import call_beside
from knows_core.walking.failing import AGAIN, Failure, in_doubt
from knows_core.walking.wishes import Sleep, StepError, Waiting

if TYPE_CHECKING:
    from knows_core.flow import Step
    from knows_core.journals.records import Answer, Question
    from knows_core.walking.situation import Place, Situation
    from knows_core.walking.wishes import Walk


def taken_up(step: Step[Any, Any], given: Any, path: str, now: Situation, place: Place) -> Walk:
    """Bring a step to where it can be attempted, AGAIN, or to its result. Raises StepError, Waiting."""
    past = now.ground.past
    if path in past.failed:
        raise failed_before(past.failed[path])
    if path in past.asked:
        return (yield from _decided_on(path, now, step))
    if path in past.intended:
        return (yield from _looked(step, given, path, now, place))
    pausing = past.retrying[path]
    if pausing.until is not None:
        now.interrupted = 0  # whoever paused was not at it
        # A clock that was put back must not make the pause longer than it was.
        left = min(pausing.until - now.ground.moment().timestamp(), pausing.pause)
        if left > 0:
            yield Sleep(path, left)
        yield StepRetried(path, now.ground.past.attempts.get(path, 0) + 1)
    return AGAIN


def met_before(path: str, now: Situation) -> Walk:
    """What a former try left where no step is: the result that answered for a failure, or AGAIN. Raises Waiting."""
    if path not in now.ground.met:
        return AGAIN
    past = now.ground.past
    if path in past.failed:
        raise failed_before(past.failed[path])
    return past.results[path] if path in past.results else (yield from _decided_on(path, now))


def failed_before(failed: StepFailed) -> StepError:
    """A failure that was recorded and answered by nobody before the process ended; its record stands."""
    return StepError(failed.path, failed.attempt, cast("Exception", failed.error), final=failed.final)


def _decided_on(path: str, now: Situation, step: Step[Any, Any] | None = None) -> Walk:
    """What was decided on the failure of a step, scope or part: AGAIN, or its result. Raises StepError, Waiting."""
    question, answer = now.ground.past.asked[path], now.ground.past.answers.get(path)
    if answer is None:
        now.ground.questions[path] = question
        raise Waiting(path, question.attempt)
    return (yield from _decided(step, question, answer, path, now))


def _decided(step: Step[Any, Any] | None, question: Question, answer: Answer, path: str, now: Situation) -> Walk:
    attempt = question.attempt
    if answer.choice == "retry":
        return AGAIN
    if answer.choice == "done":
        return (yield from done_as(step, answer.value, path, attempt, now))
    error = rejected(path, answer)
    yield StepFailed(path, attempt, error)
    raise StepError(path, attempt, error)


def rejected(path: str, answer: Answer) -> Rejected:
    """The failure that a person's no is."""
    return Rejected(step=path, by=answer.by, note=f": {answer.note}" if answer.note else "")


def done_as(step: Step[Any, Any] | None, result: Any, path: str, attempt: int, now: Situation) -> Walk:
    """Take a result from elsewhere for what the step gave."""
    ground = now.ground
    try:
        outlet = ground.checks.get(step, (None, None))[1] if step is not None else None
        result = outlet(result, path) if outlet is not None else result
        if step is None:
            yield Settled(path, "done", result, NO_CHANGES, now.branch)
        else:
            yield StepDone(path, attempt, result, NO_CHANGES, now.branch)
    except Exception as error:  # noqa: BLE001 - it does not fit, or cannot be stored
        yield StepFailed(path, attempt, error)
        raise StepError(path, attempt, error) from None
    if step is not None and step.compensate is not None:
        ground.finished.append((path, private_copy(result)))
    return result


def _looked(step: Step[Any, Any], given: Any, path: str, now: Situation, place: Place) -> Walk:
    """Find out whether an act took place before the process ended."""
    attempt = now.ground.past.intended[path]
    reason = "its process ended in the middle of it"
    found: Any = None
    if step.look is not None:
        try:
            found = yield from call_beside(step.look, given, path, attempt, now, place)
        except Exception as error:  # noqa: BLE001 - a look may raise anything
            reason = f"{reason}, and look raised {in_words(error, now.ground.rules.redact)}"
        else:
            reason = f"{reason}, and look could not tell"
    if isinstance(found, Done):
        now.interrupted = 0  # that try was this act's, and no other step's
        return (yield from done_as(step, found.value, path, attempt, now))
    if isinstance(found, NotDone):
        now.ground.intended.pop(path, None)
        return AGAIN
    raise (yield from in_doubt(Failure(path, attempt, RuntimeError(), given, step), reason, now)) from None
