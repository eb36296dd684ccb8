"""What follows a failure by the rules alone: attempts, answers, questions to a person, in the plain evaluation."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from knows_core.context import StepContext
from knows_core.journals.envelope import describe
from knows_core.journals.records import Question
from knows_core.recovery import Continue, ErrorContext, Fail, Fallback, Retry, Suspend
from knows_core.state import WorkflowState
from knows_core.testing.losing import RUN
from knows_core.testing.plain_known import FailedError, Known, Place, WaitsError

if TYPE_CHECKING:
    from knows_core.flow import Step
    from knows_core.flows.approving import Approval
    from knows_core.recovery import OnError
    from knows_core.testing.plain_state import Held

AGAIN: Final = object()  # what follows is another attempt


def decided(path: str, known: Known) -> Any:
    """What a person decided on a failure: AGAIN, or a result."""
    said = known.open[path].said
    if said is None:
        raise WaitsError(path)
    choice, value = said
    if choice == "retry":
        return AGAIN
    if choice == "done":
        known.finish(path, value, None, Place())
        return value
    known.fail(path)
    raise FailedError(path, None, "Rejected")


def approved(node: Approval[Any, Any], value: Any, held: Held, place: Place, known: Known) -> Any:
    """Ask a person to approve a value, and go on with it, or with what was given along."""
    path = place.at + node.name
    if path in known.results:
        return known.results[path]
    if path not in known.open:
        raise known.ask(Question(path, "approval", 1, value, node.role, node.expires, node.payload and "a type"))
    asking = known.open[path]
    if asking.said is None and not asking.late:
        raise WaitsError(path)
    if asking.said is None or asking.said[0] != "approve":
        known.fail(path)
        raise FailedError(path, None, "Rejected" if asking.said else "ApprovalExpired")
    if node.into is not None:  # when it was told makes each one of its kind
        held.put({node.into: {"by": "somebody", "path": path, "count": known.answers[path]}}, {node.into})
    result = value if node.payload is None else asking.said[1]
    known.finish(path, result, None, place)
    return result


# ------------------------------------------------------------------ attempts


def attempted(node: Step[Any, Any], given: Any, held: Held, place: Place, known: Known) -> Any:
    """Attempt a step as often as its policies say, and find its result."""
    path = place.at + node.name
    if path in known.results:
        return known.results[path]
    result = decided(path, known) if path in known.open else AGAIN
    while result is AGAIN:
        tried = WorkflowState(copy.deepcopy(held.values))
        try:
            result = _called(node, given, tried, path, known)
        except _RefusedError:
            raise known.ask(Question(path, "doubt")) from None
        except Exception as error:  # noqa: BLE001 - a step may raise anything
            policy = None if node.effect is not None else node.retry or place.retry
            if policy is None or not policy.answers(error) or not _tried_again(policy, path, known):
                failure = FailedError(path, error)
                answer = answered(failure, path, given, held, place, (node.on_error, *place.answers), known, node)
                if answer is not AGAIN:
                    return answer
        else:
            held.take(tried)
    known.finish(path, result, node.compensate, place)
    return result


class _RefusedError(Exception):
    """What an act gave back was refused: it took place, and somebody has to say what is to become of it."""


def _called(node: Step[Any, Any], given: Any, state: WorkflowState, path: str, known: Known) -> Any:
    for validate in known.rules.validators:
        validate("before", path, given, state)
    result = node.binding.invoke(given, state, StepContext(RUN, path, 1))
    try:
        for validate in known.rules.validators:
            validate("after", path, result, state)
    except Exception as error:
        raise error if node.effect is None else _RefusedError from error
    return result


def _tried_again(policy: Retry, path: str, known: Known) -> bool:
    count = known.retries[path]
    pause = policy.pause(count, known.rules.limits, f"{RUN} {path} {count}")
    if pause is None or (policy.limit is not None and known.paused.get(path, 0.0) + pause > policy.limit):
        return False
    known.retries[path] += 1
    known.paused[path] = known.paused.get(path, 0.0) + pause
    known.fail(path)
    return True


# ------------------------------------------------------------------ answers


def answered(
    failure: FailedError,
    path: str,
    given: Any,
    held: Held,
    place: Place,
    answers: tuple[OnError | None, ...],
    known: Known,
    node: Step[Any, Any] | None = None,
) -> Any:
    """Ask who may answer for a path; `failure` is one from inside where its path is another."""
    is_own = failure.path == path
    try:
        verdict = _verdict(failure, path, answers, known, node, is_own=is_own)
    except _HandlerError:
        failure, verdict, is_own = FailedError(path, None, "HandlerFailed"), Fail(), True
    if verdict is AGAIN:
        return AGAIN
    if not is_own and isinstance(verdict, Suspend) and failure.kind == "Rejected":
        verdict = None  # a person's no inside is the end of it
    known.retries.pop(path, None)
    known.paused.pop(path, None)
    if is_own:
        known.fail(path)
    match verdict:
        case Suspend():
            raise known.ask(Question(path, "failure"))
        case Fallback():
            known.finish(path, copy.deepcopy(verdict.otherwise), None, place)
            return known.results[path]
        case Continue():
            held.error = (failure.path, failure.kind)  # also where it came from inside
            known.finish(path, given, None, place)
            return given
        case _:
            failure.final = isinstance(verdict, Fail)
            raise failure


class _HandlerError(Exception):
    pass


def _verdict(
    failure: FailedError,
    path: str,
    answers: tuple[Any, ...],
    known: Known,
    node: Step[Any, Any] | None,
    *,
    is_own: bool,
) -> Any:
    """The first answer, that of what failed before those around it; AGAIN for a further attempt."""
    told = {**describe(failure.error or Exception()), "type": failure.kind}
    context = ErrorContext(RUN, "", path, 1, told, failure.error or Exception(), {})
    handlers = known.rules.handlers if is_own else ()
    for number, answer in enumerate((*handlers, *answers), -len(handlers)):
        verdict = answer
        if callable(answer):
            try:
                verdict = answer(context)
            except Exception as error:
                raise _HandlerError from error
        elif number > 0 and isinstance(answer, Fallback):
            return None
        if isinstance(verdict, Retry):
            may_repeat = node is not None and node.effect is None
            verdict = AGAIN if may_repeat and _tried_again(verdict, path, known) else None
        if verdict is not None:
            return verdict
    return None
