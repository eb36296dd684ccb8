"""`kwf resume --all`: every interrupted run is taken up, and one that cannot be costs only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import BackendFull, BackendUnavailable, RunStatus
from knows_registry.cli.answer import run_answer, shown
from knows_registry.cli.failure import reported
from knows_registry.cli.moves import again, in_place
from knows_registry.cli.outcome import completed_line, error_of, facts_of, failure_of_run
from knows_registry.cli.place import where
from knows_registry.cli.rows import is_interrupted
from knows_registry.cli.waiting import SUSPENDED, Waiting
from knows_registry.guard import asked_for

if TYPE_CHECKING:
    from knows_core import RunRow
    from knows_registry.cli.recovery import Recovery


class _Told(NamedTuple):
    """How one run ended: for a program, for a person, and whether the next one has a chance."""

    answer: dict[str, Any]
    line: str
    exit_code: int
    ends_all: bool = False


def resume_all(recovery: Recovery) -> int:
    """Take the interrupted runs up, the oldest first; the exit code of the first that did not complete, or 0.

    A signal to this process ends all, and so does a place that is gone or full.
    """
    answers = recovery.answers
    rows = [row for row in reversed(recovery.engine.runs()) if is_interrupted(row)]
    told: list[_Told] = []
    for row in rows:
        told.append(_taken_up(recovery, row))
        answers.text(told[-1].line)
        if told[-1].ends_all:
            break
    if left := len(rows) - len(told):
        answers.note(f"kwf: {left} more interrupted {'run was' if left == 1 else 'runs were'} not taken up")
    answers.object({"runs": [one.answer for one in told]})
    if not rows:
        told_none = f"No interrupted run at {where(recovery.backend)}; `kwf runs` lists them all."
        answers.text(in_place(told_none, recovery.backend))
    if told and told[-1].ends_all:
        return told[-1].exit_code
    return next((one.exit_code for one in told if one.exit_code), 0)


def _taken_up(recovery: Recovery, row: RunRow) -> _Told:
    run, backend = row.run, recovery.backend
    known: dict[str, Any] = {"run": run, "template": row.template, "version": row.version, "status": str(row.status)}
    ends_all = False
    try:
        ended = recovery.take_up(run, known)
    except BaseException as error:  # noqa: BLE001 - also a step that ends the program costs only its own run
        ends_all = asked_for(error) or isinstance(error, (BackendUnavailable, BackendFull))
        failure = reported(error)
    else:
        known = facts_of(ended)
        if ended.status is RunStatus.SUSPENDED:
            waiting = Waiting(run, ended.waiting, backend)
            answer = run_answer(**known, error=error_of(ended), next_move=waiting.next_move)
            return _Told(answer, shown(f"{run} suspended: {waiting.line}. Next: {waiting.next_move}"), SUSPENDED)
        failed = failure_of_run(ended, again("resume", run, backend))
        if failed is None:
            return _Told(run_answer(**known), completed_line(ended), 0)
        failure = failed
    failure = failure.placed(known.pop("next_move", None), backend)
    answer = run_answer(**known, error=failure.error, next_move=failure.next_move)
    sentence = failure.sentence or failure.message
    line = f"{run} {known['status']}: {sentence}" + (f". Next: {failure.next_move}" if failure.next_move else "")
    return _Told(answer, shown(" ".join(line.split())), failure.exit_code, ends_all)
