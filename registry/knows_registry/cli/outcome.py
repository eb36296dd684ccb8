"""How a run that was run or resumed is told: one object for a program, a readable result for a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from knows_core import ContractError, RunStatus
from knows_core.errors import error_kinds
from knows_registry.cli.answer import Answers, Failure, plain, run_answer
from knows_registry.cli.moves import again

if TYPE_CHECKING:
    from knows_core import Run

_FAILED = 1


def tell(answers: Answers, run: Run, *, recorded: bool, backend: str | None) -> int:
    """Tell how a run stands and return the exit code."""
    facts: dict[str, Any] = {
        "run": run.id,
        "template": run.template,
        "version": run.version,
        "status": str(run.status),
        "result": run.result,
        "state": dict(run.state),
    }
    if run.status is RunStatus.COMPLETED:
        answers.object(run_answer(**facts))
        answers.text(f"{run.id} completed ({run.template}@{run.version})", *_readable(run.result))
        return 0
    failure = _failure(run, again("resume", run.id, backend) if recorded else None)
    answers.learn(**facts)
    answers.fail(failure)
    return failure.exit_code


def _failure(run: Run, resume: str | None) -> Failure:
    error = run.error or {}
    code = str(error.get("code") or "step-failed")
    # A value or a state that does not fit is a matter of types, wherever it was found.
    misfit = issubclass(error_kinds().get(code, Exception), ContractError)
    where = f"step {error.get('step')} of {run.id}"
    return Failure(
        code=code,
        type=str(error.get("type")),
        message=str(error.get("message")),
        step=error.get("step"),
        next_move=f"remove the cause, then `{resume}`" if resume else "remove the cause and run it again",
        exit_code=ContractError.exit_code if misfit else _FAILED,
        sentence=f"{where} failed with {error.get('type')}: {error.get('message')}",
    )


def _readable(result: Any) -> list[str]:
    if result is None:
        return []
    if isinstance(result, str):
        return [result]
    return json.dumps(plain(result), indent=2, ensure_ascii=False).splitlines()
