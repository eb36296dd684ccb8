"""How a run that was run or resumed is told: one object for a program, a readable result for a person."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from knows_core import ContractError, RecoveryLimit, RunCancelled, RunStatus, StepLimit, WorkflowTimeout
from knows_core.errors import error_kinds
from knows_registry.cli.answer import Answers, plain, run_answer
from knows_registry.cli.failure import Failure
from knows_registry.cli.moves import again

if TYPE_CHECKING:
    from knows_core import KnowsError, Run

_FAILED = 1
_STOPS = (RunCancelled, WorkflowTimeout, StepLimit)  # what ends a run without the fault of a step


def tell(answers: Answers, run: Run, *, recorded: bool, backend: str | None) -> int:
    """Tell how a run stands and return the exit code."""
    facts, failure = facts_of(run), failure_of_run(run, again("resume", run.id, backend) if recorded else None)
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


def completed_line(run: Run) -> str:
    """That a run is done, in one line."""
    return f"{run.id} completed ({run.template}@{run.version})"


def failure_of_run(run: Run, resume: str | None) -> Failure | None:
    """Why a run did not complete, None where it did. `resume` is the command that goes on with it, if any can."""
    if run.status is RunStatus.COMPLETED:
        return None
    error = run.error or {}
    code = str(error.get("code") or "step-failed")
    kind = error_kinds().get(code)
    failure = Failure(code, str(error.get("type")), str(error.get("message")), error.get("step"))
    if kind is not None and issubclass(kind, _STOPS):
        return _stopped(failure, run, kind, resume)
    if run.status is RunStatus.STUCK:
        move = f"Find out what ends the process at its next step; then `{resume}` tries again." if resume else None
        return failure._replace(exit_code=RecoveryLimit.exit_code, next_move=move)
    # A value or a state that does not fit is a matter of types, wherever it was found.
    is_misfit = kind is not None and issubclass(kind, ContractError)
    where = f"step {failure.step} of {run.id}"
    return failure._replace(
        next_move=f"remove the cause, then `{resume}`" if resume else "remove the cause and run it again",
        exit_code=ContractError.exit_code if is_misfit else _FAILED,
        sentence=f"{where} failed with {failure.type}: {failure.message}",
    )


def _stopped(failure: Failure, run: Run, kind: type[KnowsError], resume: str | None) -> Failure:
    """A run that was stopped: the error's own next move, with the whole command."""
    remedy = kind.remedy.format_map(defaultdict(str, run=run.id))
    message = failure.message.removesuffix(f" {remedy}").removesuffix(".")
    own = f"`kwf resume {run.id}`"
    if resume is None:
        move = "Run it again." if kind is RunCancelled else remedy.replace("Resume it", "Run it again")
    elif own in remedy:
        move = remedy.replace(own, f"`{resume}`")
    else:
        move = f"{remedy.removesuffix('.')}: `{resume}`."
    return failure._replace(message=message, next_move=move)


def _readable(result: Any) -> list[str]:
    if result is None:
        return []
    if isinstance(result, str):
        return [result]
    return json.dumps(plain(result), indent=2, ensure_ascii=False).splitlines()
