"""How a run that was run or resumed is told: one object for a program, a readable result for a person."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from knows_core import (
    ApprovalExpired,
    AwaitingDecision,
    CompensationFailed,
    ContractError,
    InDoubt,
    RecoveryLimit,
    Rejected,
    RunCancelled,
    RunStatus,
    StepLimit,
    WorkflowTimeout,
)
from knows_core.errors import error_kinds
from knows_core.journals.records import Settled, StepDone
from knows_core.walking.undoing import UNDONE
from knows_registry.cli.answer import Answers, plain, run_answer, shown
from knows_registry.cli.failure import Failure, failure_of
from knows_registry.cli.moves import again
from knows_registry.cli.waiting import SUSPENDED, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core import KnowsError, Run

_FAILED = 1
_RESULTS = (StepDone.__name__, Settled.__name__)
_ASKS_AGAIN = (Rejected, ApprovalExpired)
_UNANSWERED = (AwaitingDecision, InDoubt)  # how a run fails that is not recorded, and that a person would decide on
_STOPS = (RunCancelled, WorkflowTimeout, StepLimit)  # what ends a run without the fault of a step


def tell(answers: Answers, run: Run, *, recorded: bool, backend: str | None) -> int:
    """Tell how a run stands and return the exit code."""
    facts = facts_of(run)
    if run.status is RunStatus.SUSPENDED and recorded:
        waiting = Waiting(run.id, run.waiting, backend)
        answers.object(run_answer(**facts, error=error_of(run), next_move=waiting.next_move))
        answers.text(f"{run.id} is suspended ({run.template}@{run.version}) and waits for a decision.")
        answers.text(*waiting.lines(), f"Next: {shown(waiting.next_move)}")
        return SUSPENDED
    failure = failure_of_run(run, again("resume", run.id, backend) if recorded else None)
    if failure is None:
        answers.object(run_answer(**facts))
        answers.text(completed_line(run), *_readable(run.result))
        return 0
    answers.learn(**facts)
    answers.fail(failure)
    return failure.exit_code


def facts_of(run: Run) -> dict[str, Any]:
    """The parts of `run_answer` that a run itself tells."""
    return {
        "run": run.id,
        "template": run.template,
        "version": run.version,
        "status": str(run.status),
        "result": run.result,
        "state": dict(run.state),
    }


def error_of(run: Run) -> dict[str, Any] | None:
    """The `error` part of a JSON answer for a suspended run: the failure that somebody is asked about, if any."""
    return None if run.error is None else _plainly(run.error).error


def _plainly(error: Mapping[str, Any]) -> Failure:
    code, step = str(error.get("code") or "step-failed"), error.get("step")
    return Failure(code, str(error.get("type")), str(error.get("message")), step)


def completed_line(run: Run) -> str:
    """That a run is done, in one line."""
    return f"{run.id} completed ({run.template}@{run.version})"


def failure_of_run(run: Run, resume: str | None) -> Failure | None:
    """Why a run did not complete, None where it did. `resume` is the command that goes on with it, if any can."""
    if run.status is RunStatus.COMPLETED:
        return None
    if run.status is RunStatus.SUSPENDED and run.error is None:
        return _nowhere_to_wait(failure_of(AwaitingDecision(step=", ".join(one.path for one in run.waiting))), run)
    failure = _plainly(run.error or {})
    kind = error_kinds().get(failure.code)
    if run.status is RunStatus.SUSPENDED or (kind is not None and issubclass(kind, _UNANSWERED)):
        return _nowhere_to_wait(failure._replace(message=_without(kind.remedy if kind else "", failure.message)), run)
    if run.compensated:
        return _compensated(failure, run, kind, resume)
    if kind is not None and issubclass(kind, _ASKS_AGAIN):
        told = f"`{resume}` asks again" if resume else "run it again to be asked again"
        return failure._replace(message=_without(kind.remedy, failure.message), next_move=told)
    if kind is CompensationFailed:
        told = "See to them" + (f", then `{resume}` tries those again that failed" if resume else "")
        return failure._replace(message=_without(kind.remedy, failure.message), next_move=told)
    if kind is not None and issubclass(kind, _STOPS):
        return _stopped(failure, run, kind, resume)
    if run.status is RunStatus.STUCK:
        move = f"Find out what ends the process at its next step; then `{resume}` tries again." if resume else None
        return failure._replace(exit_code=RecoveryLimit.exit_code, next_move=move)
    return failure._replace(
        next_move=f"remove the cause, then `{resume}`" if resume else "remove the cause and run it again",
        exit_code=_exit_code(kind),
        sentence=f"step {failure.step} of {run.id} failed with {failure.type}: {failure.message}",
    )


def _exit_code(kind: type[KnowsError] | None) -> int:
    """A value or a state that does not fit is a matter of types, wherever it was found."""
    return ContractError.exit_code if kind is not None and issubclass(kind, ContractError) else _FAILED


def _compensated(failure: Failure, run: Run, kind: type[KnowsError] | None, resume: str | None) -> Failure:
    """A run that failed and stays so: a new one goes on where the first of what was undone is made again."""
    undone = _undone_steps(run)
    if kind is not None and issubclass(kind, _STOPS):
        failure = failure._replace(message=_without(_remedy(kind, run), failure.message))
    where = f"step {failure.step} of {run.id}" if failure.step else run.id
    named = f": {', '.join(undone)}" if undone else ""
    move = "run it again"
    if resume and undone:
        # Not from the step that failed: what it builds on is gone.
        move = f"`{resume} --from {shlex.quote(undone[0].rstrip('@'))}` makes it again in a new run"
    return failure._replace(
        next_move=f"remove the cause, then {move}",
        exit_code=_exit_code(kind),
        sentence=f"{where} failed with {failure.type}: {failure.message}. What was done is compensated{named}",
    )


def _undone_steps(run: Run) -> list[str]:
    """The steps and scopes that were compensated, in the order in which they had been made."""
    paths = [entry.content["path"] for entry in run.history if entry.kind in _RESULTS]
    return [path for path in dict.fromkeys(paths) if path + UNDONE in paths]


def _nowhere_to_wait(failure: Failure, run: Run) -> Failure:
    """A run that waits, or would, and whose record ends with the command, if there is any."""
    from knows_core.settings import load_settings  # the engine was opened as they say

    move = "Run it again with --approve, or with --backend sqlite:///FILE, where its record lasts"
    if not load_settings().state_persistence:
        move = "Set state_persistence to true (KNOWS_WORKFLOW_STATE_PERSISTENCE=true) and run it again"
    step = run.waiting[0].path if run.waiting else failure.step
    return failure._replace(step=step, next_move=move, exit_code=SUSPENDED)


def _stopped(failure: Failure, run: Run, kind: type[KnowsError], resume: str | None) -> Failure:
    """A run that was stopped: the error's own next move, with the whole command."""
    remedy = _remedy(kind, run)
    own = f"`kwf resume {run.id}`"
    if resume is None:
        move = "Run it again." if kind is RunCancelled else remedy.replace("Resume it", "Run it again")
    elif own in remedy:
        move = remedy.replace(own, f"`{resume}`")
    else:
        move = f"{remedy.removesuffix('.')}: `{resume}`."
    return failure._replace(message=_without(remedy, failure.message), next_move=move)


def _remedy(kind: type[KnowsError], run: Run) -> str:
    return kind.remedy.format_map(defaultdict(str, run=run.id))


def _without(remedy: str, message: str) -> str:
    return message.removesuffix(f" {remedy}").removesuffix(".")


def _readable(result: Any) -> list[str]:
    if result is None:
        return []
    if isinstance(result, str):
        return [result]
    return json.dumps(plain(result), indent=2, ensure_ascii=False).splitlines()
