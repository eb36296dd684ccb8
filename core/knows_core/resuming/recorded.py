"""Runs with a journal: how one is created, and how one that stopped goes on.

Nothing here is imported before an engine records its first run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knows_core.backend import RunRow
from knows_core.driving.execution import begin, go_on_from
from knows_core.errors.flow import ScopeTimeout
from knows_core.errors.resume import RecoveryLimit, RunIsOver
from knows_core.journal import JournalWriter, read, seed_of
from knows_core.journals.envelope import RecordedError
from knows_core.journals.recorder import JournalRecorder
from knows_core.journals.records import RunCreated, RunEnded, RunResumed, StepFailed
from knows_core.resuming.folding import fold
from knows_core.resuming.prospect import most_of, prospect_of, template_of
from knows_core.resuming.viewing import check_status, decoded, history, origin_of, view
from knows_core.rules import Rules
from knows_core.run import Run, RunStatus
from knows_core.state import WorkflowState
from knows_core.states.joining import Delta
from knows_core.values.codec import Codec
from knows_core.walking.situation import Past

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.driving.execution import Execution, Order
    from knows_core.resuming.log import Log
    from knows_core.resuming.prospect import Prospect
    from knows_core.template import Definition, Templates, WorkflowTemplate


def begin_recorded(
    wanted: Order,
    backend: StateBackend,
    clock: Callable[[], datetime],
    rules: Rules = Rules(),  # noqa: B008 - a frozen value
    status: RunStatus = RunStatus.RUNNING,
) -> Execution:
    """A new run, its first record durable; a pending one is running from its next record on.

    Raises NotStorable, RecordTooLarge, RunTooLarge, RunExists, BackendError.
    """
    definition, at = wanted.definition, clock()
    writer = JournalWriter(definition.codec, seed_of(wanted.id), most_of(rules.limits), redactor=rules.secrets.redactor)
    created = RunCreated(definition.name, definition.fingerprint, wanted.reference, wanted.input, wanted.state)
    row = RunRow(wanted.id, definition.name, str(definition.version), status, at, at)
    epoch = backend.create(row, [writer.write(created, at)])
    recorder = JournalRecorder(backend, writer, run=wanted.id, epoch=epoch, sequence=1, clock=clock)
    if status is not RunStatus.RUNNING:
        recorder.set_status(RunStatus.RUNNING)
    past = functools.partial(history, backend, wanted.id)
    return begin(wanted, clock, recorder, rules, reference=wanted.reference, load_history=past)


def go_on(
    backend: StateBackend,
    templates: Templates | None,
    run: str,
    template: WorkflowTemplate | None,
    clock: Callable[[], datetime],
    *,
    rules: Rules = Rules(),  # noqa: B008 - a frozen value
    accept: bool = False,
    release: Callable[[str, int], None] | None = None,
) -> Execution | Run:
    """A recorded run, owned and ready to go on; a completed one as it is. See LocalEngine.resume for the errors.

    `release` gives the run up where it cannot go on; the backend's own if none is given.
    """
    release = release or backend.release
    row, records = backend.load(run)
    if row.status is RunStatus.COMPLETED or _only_waits(row, records, clock):
        return view(backend, templates, run, template)
    if row.compensated:
        raise RunIsOver(run=run, status=f"{row.status} and compensated")
    definition = template_of(row, templates, template)
    epoch = backend.claim(run)
    try:
        # Read under the ownership: another owner may have gone on with the run since it was looked at.
        now, records = backend.load(run)
        if now.status is not RunStatus.COMPLETED:
            if now.version != row.version:
                definition = template_of(now, templates, template)
            resuming = _Resuming(backend, templates, clock, rules, accept)
            return resuming.continued(now, records, definition)
    except BaseException:
        release(run, epoch)
        raise
    release(run, epoch)
    return view(backend, templates, run, template)


def _only_waits(row: RunRow, records: Sequence[bytes], clock: Callable[[], datetime]) -> bool:
    """Whether there is nothing to go on with before somebody decides. Raises RecordCorrupt."""
    if row.status is not RunStatus.SUSPENDED:
        return False
    log, now = fold(row.run, read(row.run, records)[0]), clock().timestamp()
    return not log.answers and not any(one.expires is not None and one.expires <= now for one in log.waiting)


@dataclass(frozen=True, slots=True)
class _Resuming:
    """Taking up a run that stopped, under its ownership."""

    backend: StateBackend
    templates: Templates | None
    clock: Callable[[], datetime]
    rules: Rules
    accept: bool

    def continued(self, row: RunRow, records: Sequence[bytes], definition: Definition) -> Execution:
        run, limits = row.run, self.rules.limits
        entries, digest = read(run, records)
        log = fold(run, entries)
        check_status(row, log)
        size = sum(map(len, records))

        def recorder(codec: Codec) -> JournalRecorder:
            writer = JournalWriter(codec, digest, most_of(limits), size, self.rules.secrets.redactor)
            return JournalRecorder(
                self.backend, writer, run=run, epoch=row.epoch, sequence=len(entries), clock=self.clock
            )

        try:
            prospect = prospect_of(log, definition, self.templates, limits, accept=self.accept)
        except RecoveryLimit as error:
            ending = recorder(Codec(None))
            ending.add(RunEnded(RunStatus.STUCK, None, error))
            ending.flush()
            raise
        return self._going_on(log, prospect, recorder(prospect.definition.codec))

    def _going_on(self, log: Log, prospect: Prospect, recorder: JournalRecorder) -> Execution:
        run, definition, rebound = log.run, prospect.definition, prospect.rebound
        recorder.add(RunResumed(prospect.edited))
        recorder.set_status(RunStatus.RUNNING)
        if rebound is not None:
            recorder.add(rebound)
            recorder.set_version(rebound.bound.version)
        return go_on_from(
            run,
            definition,
            _past(log, definition.codec, log.last_at),
            WorkflowState(prospect.state),
            prospect.input,
            recorder,
            clock=self.clock,
            rules=self.rules,
            interrupted=log.interrupted + (not log.at_rest),
            origin=origin_of(log),
            reference=log.created["reference"],
            load_history=functools.partial(history, self.backend, run),
            spent=log.spent,
            steps=log.calls,
        )


def _past(log: Log, codec: Codec, last_at: datetime) -> Past:
    run = log.run
    return Past(
        results=_Decoded(log.results, lambda one: decoded(codec, one, run)),
        verdicts=log.verdicts,
        attempts=log.attempts,
        entered={path: owned.until(last_at) for path, owned in log.entered.items()},
        joined=frozenset(log.joined),
        deltas=_Decoded(log.deltas, lambda one: _delta(codec, one, run)),
        retrying=log.retrying,
        intended=log.intended,
        asked=_Decoded(log.asked, lambda one: one._replace(shown=decoded(codec, one.shown, run))),
        answers=_Decoded(log.answers, lambda one: one._replace(value=decoded(codec, one.value, run))),
        settled=log.settled,
        # A scope whose time is over has none left: that shows by itself, and as what it is.
        failed={path: _failed(one) for path, one in log.failed.items() if one["error"]["code"] != ScopeTimeout.code},
        failure=_failure(log.failure),
    )


def _failure(held: Mapping[str, Any] | None) -> RunEnded | None:
    """How a run ended whose compensation has begun."""
    if held is None:
        return None
    return RunEnded(RunStatus.FAILED, None, RecordedError(held["error"]), held["path"], held["attempt"])


def _failed(held: Mapping[str, Any]) -> StepFailed:
    return StepFailed(held["path"], held["attempt"], RecordedError(held["error"]), None, held.get("final", False))


def _delta(codec: Codec, encoded: Delta, run: str) -> Delta:
    written = {key: decoded(codec, value, run) for key, value in encoded.written.items()}
    return Delta(written, set(encoded.dropped), set(encoded.filled))


class _Decoded(Mapping[str, Any]):
    """What a journal holds by its path, each decoded when the machine asks for it."""

    def __init__(self, held: Mapping[str, Any], decode: Callable[[Any], Any]) -> None:
        self._held, self._decode = held, decode

    def __getitem__(self, path: str) -> Any:
        return self._decode(self._held[path])

    def __contains__(self, path: object) -> bool:
        return path in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)
