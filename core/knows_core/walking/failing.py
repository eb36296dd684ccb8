"""What follows a failure: another attempt, a result in place of the one that is missing, a question, or the end.

The order is: the retry policy, the handlers of plugins, the step's own answer, those of the scopes around it and of its
template, from the inside out. What is decided is recorded together with the failure, so that nobody is asked twice.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core.errors import StepTimeout, WorkerDied
from knows_core.errors.flow import ScopeTimeout
from knows_core.errors.recovery import NOES, HandlerFailed, InDoubt, Rejected
from knows_core.flow import Flow
from knows_core.journals.envelope import code_of, describe, error_record, in_words, safe_text
from knows_core.journals.records import Asked, Question, Settled, StepFailed, StepRetried
from knows_core.recovery import Continue, ErrorContext, Fail, Fallback, Retry, Suspend
from knows_core.state import ERROR_KEY, NO_CHANGES, Attempt, Changes, WorkflowState
from knows_core.values.traits import private_copy
from knows_core.walking.situation import Retrying
from knows_core.walking.wishes import Sleep, StepError, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from knows_core.flow import Step
    from knows_core.recovery import Handler, OnError, Verdict
    from knows_core.walking.situation import Place, Situation
    from knows_core.walking.wishes import Walk, Wish


class _Again(Enum):
    AGAIN = "again"


AGAIN: Final = _Again.AGAIN  # what follows is another attempt


class Failure(NamedTuple):
    """A failure at a path: what came in there, and, where that was a step, the step."""

    path: str
    attempt: int
    error: Exception
    given: Any
    step: Step[Any, Any] | None = None


def failed_attempt(
    step: Step[Any, Any],
    given: Any,
    path: str,
    attempt: int,
    error: Exception,
    now: Situation,
    place: Place,
    *,
    returned: bool,
) -> Walk:
    """Say what follows a failed attempt of a step: AGAIN, or the result to go on with. Raises StepError, Waiting.

    `returned` tells that the step itself had come to its end: what it gave was refused afterwards.
    """
    if place.deadline is not None:
        error = place.deadline.blamed(error, now.ground.clock(), path)
    failure = Failure(path, attempt, error, given, step)
    if step.effect is not None and (returned or _is_cut_short(error)):
        how = "what it gave back was refused" if returned else "it was cut short"
        raise (yield from in_doubt(failure, f"{how}: {type(error).__name__}", now)) from None
    now.ground.intended.pop(path, None)
    if isinstance(error, ScopeTimeout):  # no policy inside the scope can help
        yield StepFailed(path, attempt, error)
        raise StepError(path, attempt, error)
    policy = step.retry or place.policy.retry
    if policy is not None and step.effect is None and policy.answers(error):
        pause = _pause(policy, failure, now, place)
        if pause is not None:
            return (yield from _paused(failure, pause, now))
    return (yield from answered(failure, now, place, (step.on_error, *place.policy.answers)))


def _is_cut_short(error: Exception) -> bool:
    return isinstance(error, StepTimeout | ScopeTimeout | WorkerDied)


# ------------------------------------------------------------------ another attempt


def _pause(policy: Retry, failure: Failure, now: Situation, place: Place) -> float | None:
    """Seconds before the next attempt; None where there is to be none."""
    ground, path = now.ground, failure.path
    before, moment = _before(now, path), ground.moment().timestamp()
    chance = f"{ground.run} {path} {before.retries if before else 0}"
    pause = policy.pause(before.retries if before else 0, ground.rules.limits, chance)
    since = before.since if before else moment
    if pause is None or (policy.limit is not None and moment + pause - since > policy.limit):
        return None
    is_late = place.deadline is not None and ground.clock() + pause >= place.deadline.at
    return None if is_late else pause


def _before(now: Situation, path: str) -> Retrying | None:
    return now.ground.retrying.get(path) or now.ground.past.retrying.get(path)


def _paused(failure: Failure, pause: float, now: Situation) -> Walk:
    path, before, moment = failure.path, _before(now, failure.path), now.ground.moment().timestamp()
    until = moment + pause
    counted = Retrying((before.retries if before else 0) + 1, None, before.since if before else moment)
    now.ground.retrying[path] = counted
    yield StepFailed(path, failure.attempt, failure.error, until)
    if pause > 0:
        yield Sleep(path, pause)
    yield StepRetried(path, failure.attempt + 1)
    return AGAIN


# ------------------------------------------------------------------ answers


def answered(
    failure: Failure,
    now: Situation,
    place: Place,
    answers: tuple[OnError | None, ...],
    *,
    told: StepError | None = None,
) -> Walk:
    """Ask who may answer a failure for which there is no further attempt, and do what they say.

    The first of `answers` belongs to what failed, the others to what is around it. `told` is the failure where it is
    one from inside: it is recorded, and the handlers of plugins have been asked about it. Raises StepError, Waiting.
    """
    path, attempt, error = failure.path, failure.attempt, failure.error
    # The time of a scope is over for the scope, at whose path nobody has been asked about it yet.
    is_new = told is None or (isinstance(error, ScopeTimeout) and error.scope == path)
    try:
        verdict = _verdict(failure, now, place, answers, now.ground.rules.handlers if is_new else ())
    except HandlerFailed as broken:
        error, verdict, told = broken, Fail(), None
    if told is not None and isinstance(verdict, Suspend) and code_of(error) == Rejected.code:
        verdict = None  # a person has said no to it inside: nobody is asked again
    if isinstance(verdict, float):
        return (yield from _paused(failure, verdict, now))
    now.ground.retrying.pop(path, None)
    if told is None:
        yield StepFailed(path, attempt, error, None, isinstance(verdict, Fail))
    if isinstance(verdict, Suspend):
        raise (yield from _asked("failure", failure, verdict.reason, now)) from None
    if isinstance(verdict, Fallback | Continue):
        return (yield from _settled(failure, verdict, now, told))
    failed = StepError(path, attempt, error) if told is None else told
    failed.final = isinstance(verdict, Fail)
    raise failed


def may_answer(answer: OnError | None, failure: StepError) -> bool:
    """Whether a scope has an answer for a failure inside; a handler and Fail() had their say there, but on a no."""
    if isinstance(answer, Fallback | Continue | Suspend):
        return True
    return answer is not None and not failure.asked and code_of(failure.error) in NOES


def failed_at(path: str, attempt: int, error: Exception) -> Generator[Wish, Any, StepError]:
    """Record a failure that only a scope around it may answer; what is given back is to be raised."""
    yield StepFailed(path, attempt, error)
    return StepError(path, attempt, error)


def unanswered(path: str, error: Exception, value: Any, now: Situation, place: Place) -> Walk:
    """What follows a failure that no step had: it is answered like one, but trying again would not help."""
    failure = Failure(path, now.attempt(path), error, value)
    return (yield from answered(failure, now, place, (None, *place.policy.answers)))


def _verdict(
    failure: Failure,
    now: Situation,
    place: Place,
    answers: tuple[OnError | None, ...],
    handlers: tuple[Handler, ...],
) -> Fallback | Continue | Suspend | Fail | float | None:
    """The first answer, of the handlers before all others; for a Retry, the pause. Raises HandlerFailed."""
    context: ErrorContext | None = None
    for number, answer in enumerate((*handlers, *answers), -len(handlers)):
        verdict: Any = answer
        if answer is not None and not isinstance(answer, Fallback | Continue | Suspend | Fail):
            context = context or _context(failure, now, place)
            verdict = _told(answer, context, failure, now.ground.rules.redact)
        elif number > 0 and isinstance(answer, Fallback):
            return None  # it stands for the whole scope: the failure goes out to it
        if isinstance(verdict, Retry):  # none once its attempts are used up: then the next one is asked
            may_repeat = failure.step is not None and failure.step.effect is None
            verdict = _pause(verdict, failure, now, place) if may_repeat else None
        if verdict is not None:
            return cast("Fallback | Continue | Suspend | Fail | float", verdict)
    return None


def _context(failure: Failure, now: Situation, place: Place) -> ErrorContext:
    ground = now.ground
    return ErrorContext(
        ground.run,
        ground.template,
        failure.path,
        failure.attempt,
        describe(failure.error),  # for a function of this process: nothing is recorded or shown here
        failure.error,
        Attempt(WorkflowState(place.seen(now.state))),  # a handler may keep it, and the state goes on
    )


def _told(handler: Any, context: ErrorContext, failure: Failure, redact: Callable[[str], str]) -> Verdict | None:
    """What a handler says. Raises HandlerFailed, which has the failure that it was asked about as its cause."""
    reason, told = "", cast("Any", None)
    try:
        told = handler(context)
    except Exception as broken:  # noqa: BLE001 - a foreign function may raise anything
        reason = f"raised {in_words(broken, redact)}"
    if isinstance(told, Fallback) and (isinstance(told.otherwise, Flow) or callable(told.otherwise)):
        reason = "answered with a flow, which must be part of the template: scope(..., on_error=Fallback(flow))"
    elif told is not None and not isinstance(told, Retry | Fallback | Continue | Suspend | Fail):
        reason = f"answered with {type(told).__name__}: expected Retry, Fallback, Continue, Suspend, Fail or None"
    if not reason:
        verdict: Verdict | None = told
        return verdict
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    facts = {"handler": name, "step": failure.path, "reason": reason, "error": safe_text(failure.error, redact)}
    raise HandlerFailed(**facts) from failure.error


def _settled(failure: Failure, verdict: Fallback | Continue, now: Situation, told: StepError | None) -> Walk:
    """Go on with another result than the one that is missing; the error in the state names the step that failed."""
    path, attempt, given, step = failure.path, failure.attempt, failure.given, failure.step
    try:
        if isinstance(verdict, Continue):
            where = (path, attempt) if told is None else (told.path, told.attempt)
            record = error_record(failure.error, now.ground.moment(), *where, redact=now.ground.rules.redact)
            settled = Settled(path, "continue", given, Changes({ERROR_KEY: record}, ()), now.branch)
        else:
            outlet = now.ground.checks.get(step, (None, None))[1] if step is not None else None
            value = private_copy(verdict.otherwise)
            value = outlet(value, path) if outlet is not None else value
            settled = Settled(path, "fallback", value, NO_CHANGES, now.branch)
        yield settled
    except Exception as error:  # noqa: BLE001 - the value does not fit, or cannot be stored
        yield StepFailed(path, attempt, error)
        raise StepError(path, attempt, error) from None
    now.take(settled.changes)
    return settled.result


# ------------------------------------------------------------------ questions


def in_doubt(failure: Failure, reason: str, now: Situation) -> Generator[Wish, Any, Exception]:
    """Ask a person about an act that may have taken place; what is given back is to be raised."""
    doubt = InDoubt(step=failure.path, reason=reason)
    return (yield from _asked("doubt", failure._replace(error=doubt), str(doubt), now))


def _asked(kind: str, failure: Failure, reason: str, now: Situation) -> Generator[Wish, Any, Exception]:
    path, attempt = failure.path, failure.attempt
    yield Asked(path, attempt, kind, reason=reason)
    now.ground.questions[path] = Question(path, kind, attempt, reason=reason)
    return Waiting(path, attempt, failure.error)
