"""Runs with a journal: how one is created, and how one that stopped goes on.

Nothing here is imported before an engine records its first run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knows_core.backend import RunRow
from knows_core.codec import Codec
from knows_core.envelope import RecordedError
from knows_core.errors import RegistryError
from knows_core.errors_flow import ScopeTimeout
from knows_core.errors_resume import RecoveryLimit, ResumeRefused, RunIsOver, TemplateVersionMissing
from knows_core.execution import begin, go_on_from
from knows_core.folding import fold, fold_one
from knows_core.joining import Delta
from knows_core.journal import JournalWriter, Most, content_of, read, seed_of
from knows_core.migration import migration_from
from knows_core.rebinding import accepted, difference, obstacle_to
from knows_core.recorder import JournalRecorder
from knows_core.records import Migrated, Rebound, RunCreated, RunEnded, RunResumed, StepFailed
from knows_core.rules import Rules
from knows_core.run import Entry, Run, RunStatus
from knows_core.situation import Past
from knows_core.state import WorkflowState
from knows_core.template import definition_of
from knows_core.version import Requirement
from knows_core.viewing import bound_definition, check_status, decoded, history, linked_as, origin_of, view

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.execution import Execution, Order
    from knows_core.limits import Limits
    from knows_core.log import Log
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
    writer = JournalWriter(definition.codec, seed_of(wanted.id), _most(rules.limits), redactor=rules.secrets.redactor)
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
    definition = _definition(row, templates, template)
    epoch = backend.claim(run)
    try:
        # Read under the ownership: another owner may have gone on with the run since it was looked at.
        now, records = backend.load(run)
        if now.status is not RunStatus.COMPLETED:
            if now.version != row.version:
                definition = _definition(now, templates, template)
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


def _definition(row: RunRow, templates: Templates | None, template: WorkflowTemplate | None) -> Definition:
    """The template of a run, given or found: its exact version, or another one that takes along runs of that."""
    try:
        return bound_definition(row, templates, template)
    except TemplateVersionMissing as missing:
        other = _other_version(row, templates, template)
        if other is None:
            raise
        if migration_from(other.migrations, row.version) is not None:
            return other
        found = f"{other} is there, which declares no migration from {row.version}"
        if template is None:
            found = f"{str(missing.found).rstrip('.')}; {found}"
        raise TemplateVersionMissing(run=row.run, template=f"{row.template}@{row.version}", found=found) from missing


def _other_version(row: RunRow, templates: Templates | None, template: WorkflowTemplate | None) -> Definition | None:
    if template is None and templates is not None:
        try:
            template = templates.find(Requirement(row.template))
        except (LookupError, RegistryError):  # that the exact version is missing says more
            return None
    definition = None if template is None else definition_of(template)
    return definition if definition is not None and definition.name == row.template else None


@dataclass(frozen=True, slots=True)
class _Resuming:
    """Taking up a run that stopped, under its ownership."""

    backend: StateBackend
    templates: Templates | None
    clock: Callable[[], datetime]
    rules: Rules
    accept: bool

    def continued(self, row: RunRow, records: Sequence[bytes], definition: Definition) -> Execution:
        run = row.run
        entries, digest = read(run, records)
        log = fold(run, entries)
        check_status(row, log)
        size = sum(map(len, records))

        def recorder(codec: Codec) -> JournalRecorder:
            writer = JournalWriter(codec, digest, _most(self.rules.limits), size, self.rules.secrets.redactor)
            return JournalRecorder(
                self.backend, writer, run=run, epoch=row.epoch, sequence=len(entries), clock=self.clock
            )

        if log.status is RunStatus.RUNNING and log.recoveries >= self.rules.limits.max_recoveries:
            raise _stuck(log, recorder(Codec(None)))
        definition = self._linked(log, definition)
        return self._going_on(log, definition, recorder(definition.codec))

    def _linked(self, log: Log, definition: Definition) -> Definition:
        """The definition with its parts: those that the run began with; of another version, those that it is in."""
        parts = log.bound.linked
        if str(definition.version) != log.bound.version:
            from knows_core.migrating import begun_parts  # only runs that move

            migration = migration_from(definition.migrations, log.bound.version)
            parts = [] if migration is None else begun_parts(log, migration)
        return linked_as(log.run, parts, definition, self.templates)

    def _going_on(self, log: Log, definition: Definition, recorder: JournalRecorder) -> Execution:
        run, codec, last_at = log.run, definition.codec, log.last_at
        was, spent = log.bound.code, log.spent
        rebound = self._rebound(log, definition)
        code = definition.fingerprint.code
        recorder.add(RunResumed([path for path, digest in code.items() if was.get(path, digest) != digest]))
        recorder.set_status(RunStatus.RUNNING)
        interrupted = log.interrupted + (not log.at_rest)
        if rebound is not None:
            recorder.add(rebound)
            recorder.set_version(rebound.bound.version)
            fold_one(log, Entry(0, type(rebound).__name__, last_at, content_of(rebound)))
        return go_on_from(
            run,
            definition,
            _past(log, codec, last_at),
            WorkflowState({key: decoded(codec, value, run) for key, value in log.state.items()}),
            decoded(codec, log.created["input"], run),
            recorder,
            clock=self.clock,
            rules=self.rules,
            interrupted=interrupted,
            origin=origin_of(log),
            reference=log.created["reference"],
            load_history=functools.partial(history, self.backend, run),
            spent=spent,
            steps=log.calls,
        )

    def _rebound(self, log: Log, definition: Definition) -> Rebound | Migrated | None:
        """What binds the run to a template that is not what it was; None where it is. Raises ResumeRefused."""
        version, was = str(definition.version), log.bound.version
        found = difference(log.bound, definition.fingerprint) if version == was else None
        if version == was and found is None:
            return None
        if log.failure is not None:
            reason = f"it is being compensated, and for that {definition} must be what it was begun with, {was}"
            raise ResumeRefused(run=log.run, reason=reason, hint="Put it back, or install that version again.")
        # A version takes a run from itself at most once: its state must not be converted again.
        migration = None if version == was and was in log.moved_to else migration_from(definition.migrations, was)
        if found is not None and (migration is None or (self.accept and obstacle_to(log, definition) is None)):
            return accepted(log, definition, found, accept=self.accept)
        if migration is None:
            wanted = f"{definition.name}@{was}"
            raise TemplateVersionMissing(run=log.run, template=wanted, found=f"{definition} is there")
        from knows_core.migrating import migrated  # only runs that move

        return migrated(log, definition, migration)


def _most(limits: Limits) -> Most:
    return Most(limits.max_record_bytes, limits.max_run_bytes)


def _stuck(log: Log, recorder: JournalRecorder) -> RecoveryLimit:
    """Record that a run is stuck; what is given back is to be raised."""
    error = RecoveryLimit(run=log.run, recoveries=log.recoveries)
    recorder.add(RunEnded(RunStatus.STUCK, None, error))
    recorder.flush()
    return error


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
