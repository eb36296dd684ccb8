"""Walking an approval: ask once, wait for the answer, and hand on what was approved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from knows_core.errors.recovery import ApprovalExpired, AwaitingDecision
from knows_core.fitting.reading import words
from knows_core.journals.records import Asked, Question, RunEnded, Settled, StepFailed
from knows_core.run import RunStatus
from knows_core.state import NO_CHANGES, Changes
from knows_core.values.sameness import same
from knows_core.walking.opened import failed_before, rejected
from knows_core.walking.wishes import StepError, Waiting

if TYPE_CHECKING:
    from knows_core.flows.approving import Approval
    from knows_core.journals.records import Answer
    from knows_core.walking.situation import Place, Situation
    from knows_core.walking.wishes import Walk


def approval_walk(node: Approval[Any, Any], value: Any, now: Situation, place: Place) -> Walk:
    """Go on with what was approved. Raises Waiting before somebody decides, StepError where nobody approves."""
    path, ground = place.prefix + node.name, now.ground
    if path in ground.past.results:
        return ground.past.results[path]
    if path in ground.past.failed:
        raise failed_before(ground.past.failed[path])
    attempt = ground.past.attempts.get(path, 0) + 1
    try:
        question, answer = ground.past.asked.get(path), ground.past.answers.get(path)
        if question is None or not same(question.shown, value):
            question, answer = _question(node, value, path, attempt, now), None
            yield Asked(path, attempt, question.kind, value, question.role, question.expires, question.payload)
        if answer is None:
            if question.expires is None or ground.moment().timestamp() < question.expires:
                ground.questions[path] = question
                raise Waiting(path, attempt)  # noqa: TRY301 - passed on below
            raise ApprovalExpired(step=path, expires=f"{node.expires or 0:g}")  # noqa: TRY301 - recorded below
        if answer.choice != "approve":
            raise rejected(path, answer)  # noqa: TRY301 - as above
        settled = _approved(node, answer, value, path, now, place)
        yield settled
    except Waiting:
        raise
    except Exception as error:  # noqa: BLE001 - refused, too late, or it cannot be recorded
        yield StepFailed(path, attempt, error)
        raise StepError(path, attempt, error) from None
    now.take(settled.changes)
    return settled.result


def waited(decision: Waiting, now: Situation, otherwise: RunStatus) -> RunEnded:
    """How a run ends that waits for a decision; one that nobody records could never go on, and ends `otherwise`."""
    path, attempt = decision.path, decision.attempt
    if now.ground.recorded:
        return RunEnded(RunStatus.SUSPENDED, None, decision.error, path, attempt, waiting=decision.paths)
    return RunEnded(otherwise, None, decision.error or AwaitingDecision(step=path), path, attempt)


def _question(node: Approval[Any, Any], value: Any, path: str, attempt: int, now: Situation) -> Question:
    expires = None if node.expires is None else now.ground.moment().timestamp() + node.expires
    payload = None if node.payload is None else words(node.payload)
    return Question(path, "approval", attempt, value, node.role, expires, payload)


def _approved(node: Approval[Any, Any], answer: Answer, value: Any, path: str, now: Situation, place: Place) -> Settled:
    changes = NO_CHANGES
    if node.into is not None:
        at = datetime.fromtimestamp(answer.at, UTC)
        kept = {"by": answer.by, "role": answer.role, "at": at, "note": answer.note, "shown": answer.shown}
        changes = Changes({node.into: kept}, ())
        if place.typed is not None:
            changes = place.typed.checked(path, changes, place.seen(now.state).after(changes))
        changes = place.told(changes)
    return Settled(path, "approved", value if node.payload is None else answer.value, changes, now.branch)
