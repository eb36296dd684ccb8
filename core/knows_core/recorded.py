"""Runs with a journal: how one is created, and how one that stopped goes on.

Nothing here is imported before an engine records its first run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knows_core.backend import RunRow
from knows_core.contract import changed_class, first_difference
from knows_core.errors import ShapeChanged, ValuesChanged
from knows_core.execution import Execution
from knows_core.journal import JournalWriter, fold, read
from knows_core.machine import Situation, run_flow
from knows_core.recorder import JournalRecorder
from knows_core.records import RunCreated, RunResumed
from knows_core.run import Run, RunStatus
from knows_core.state import WorkflowState
from knows_core.viewing import bound_definition, check_status, decoded, history, view

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.codec import Codec
    from knows_core.execution import Order
    from knows_core.template import Definition, Templates, WorkflowTemplate


def begin_recorded(wanted: Order, backend: StateBackend, clock: Callable[[], datetime]) -> Execution:
    """A new run, its first record durable. Raises NotStorable, RunExists, BackendError."""
    definition, at = wanted.definition, clock()
    printed = definition.fingerprint
    writer = JournalWriter(definition.codec)
    created = RunCreated(
        template=definition.name,
        version=str(definition.version),
        reference=wanted.reference,
        input=wanted.input,
        state=wanted.state,
        shape=printed.shape,
        shape_digest=printed.shape_digest,
        contract_digest=printed.contract_digest,
        classes=printed.classes,
        code=printed.code,
    )
    row = RunRow(wanted.id, definition.name, str(definition.version), RunStatus.RUNNING, at, at)
    epoch = backend.create(row, [writer.write(created, at)])
    recorder = JournalRecorder(backend, writer, run=wanted.id, epoch=epoch, sequence=1, clock=clock)
    situation = Situation(WorkflowState(wanted.state), definition.typed)
    machine = run_flow(definition.flow, wanted.input, situation)
    past = functools.partial(history, backend, wanted.id)
    return Execution(wanted.id, definition, situation, recorder, machine, clock, wanted.reference, past)


def go_on(
    backend: StateBackend,
    templates: Templates | None,
    run: str,
    template: WorkflowTemplate | None,
    clock: Callable[[], datetime],
) -> Execution | Run:
    """A recorded run, owned and ready to go on; a completed one as it is. See LocalEngine.resume for the errors."""
    row = backend.load(run)[0]
    if row.status is RunStatus.COMPLETED:
        return view(backend, templates, run, template)
    definition = bound_definition(row, templates, template)
    epoch = backend.claim(run)
    try:
        # Read under the ownership: another owner may have gone on with the run since it was looked at.
        row, records = backend.load(run)
        if row.status is not RunStatus.COMPLETED:
            return _continued(backend, definition, row, records, clock)
    except BaseException:
        backend.release(run, epoch)
        raise
    backend.release(run, epoch)
    return view(backend, templates, run, template)


def _continued(
    backend: StateBackend, definition: Definition, row: RunRow, records: Sequence[bytes], clock: Callable[[], datetime]
) -> Execution:
    run = row.run
    entries, digest = read(run, records)
    log = fold(run, entries)
    check_status(row, log)
    _same_shape(run, definition, log.created)
    codec = definition.codec
    state = WorkflowState({key: decoded(codec, value, run) for key, value in log.state.items()})
    recorded = _Recorded(log.results, codec, run)
    situation = Situation(state, definition.typed, recorded, log.attempts, log.interrupted + (not log.failed))
    writer = JournalWriter(codec, digest)
    recorder = JournalRecorder(backend, writer, run=run, epoch=row.epoch, sequence=len(entries), clock=clock)
    was = log.created["code"]
    recorder.add(RunResumed([path for path, digest in definition.fingerprint.code.items() if was.get(path) != digest]))
    recorder.set_status(RunStatus.RUNNING)
    machine = run_flow(definition.flow, decoded(codec, log.created["input"], run), situation)
    past = functools.partial(history, backend, run)
    return Execution(run, definition, situation, recorder, machine, clock, log.created["reference"], past)


def _same_shape(run: str, definition: Definition, created: Mapping[str, Any]) -> None:
    now = definition.fingerprint
    if now.shape_digest != created["shape_digest"]:
        difference = first_difference(created["shape"], now.shape) or "their digests differ"
        raise ShapeChanged(run=run, template=definition, difference=difference)
    changed = changed_class(created["classes"], now.classes)
    if changed is not None:
        raise ValuesChanged(run=run, template=definition, difference=changed)


class _Recorded(Mapping[str, Any]):
    """Recorded results by step path, each decoded when the machine asks for it."""

    def __init__(self, results: Mapping[str, Any], codec: Codec, run: str) -> None:
        self._results, self._codec, self._run = results, codec, run

    def __getitem__(self, path: str) -> Any:
        return decoded(self._codec, self._results[path], self._run)

    def __contains__(self, path: object) -> bool:
        return path in self._results

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)
