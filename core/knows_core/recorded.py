"""Runs with a journal: how one is created, and how one that stopped goes on.

Nothing here is imported before an engine records its first run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knows_core.backend import RunRow
from knows_core.contract import changed_class, changed_part, first_difference
from knows_core.errors_resume import ContractChanged, ShapeChanged, ValuesChanged
from knows_core.execution import begin, go_on_from
from knows_core.joining import Delta
from knows_core.journal import JournalWriter, fold, read
from knows_core.recorder import JournalRecorder
from knows_core.records import RunCreated, RunResumed
from knows_core.run import Run, RunStatus
from knows_core.situation import Past
from knows_core.state import WorkflowState
from knows_core.viewing import bound_definition, check_status, decoded, history, linked_as, view

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.codec import Codec
    from knows_core.execution import Execution, Order
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
        linked=printed.linked,
    )
    row = RunRow(wanted.id, definition.name, str(definition.version), RunStatus.RUNNING, at, at)
    epoch = backend.create(row, [writer.write(created, at)])
    recorder = JournalRecorder(backend, writer, run=wanted.id, epoch=epoch, sequence=1, clock=clock)
    past = functools.partial(history, backend, wanted.id)
    return begin(wanted, clock, recorder, reference=wanted.reference, load_history=past)


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
            return _continued(backend, definition, templates, row, records, clock)
    except BaseException:
        backend.release(run, epoch)
        raise
    backend.release(run, epoch)
    return view(backend, templates, run, template)


def _continued(
    backend: StateBackend,
    definition: Definition,
    templates: Templates | None,
    row: RunRow,
    records: Sequence[bytes],
    clock: Callable[[], datetime],
) -> Execution:
    run = row.run
    entries, digest = read(run, records)
    log = fold(run, entries)
    check_status(row, log)
    definition = linked_as(run, log, definition, templates)
    _same_shape(run, definition, log.created)
    codec = definition.codec
    state = WorkflowState({key: decoded(codec, value, run) for key, value in log.state.items()})
    past = Past(
        results=_Decoded(log.results, lambda one: decoded(codec, one, run)),
        verdicts=log.verdicts,
        attempts=log.attempts,
        entered={path: owned.until(log.last_at) for path, owned in log.entered.items()},
        joined=frozenset(log.joined),
        deltas=_Decoded(log.deltas, lambda one: _delta(codec, one, run)),
    )
    writer = JournalWriter(codec, digest)
    recorder = JournalRecorder(backend, writer, run=run, epoch=row.epoch, sequence=len(entries), clock=clock)
    was = log.created["code"]
    recorder.add(RunResumed([path for path, digest in definition.fingerprint.code.items() if was.get(path) != digest]))
    recorder.set_status(RunStatus.RUNNING)
    return go_on_from(
        run,
        definition,
        past,
        state,
        decoded(codec, log.created["input"], run),
        recorder,
        clock=clock,
        interrupted=log.interrupted + (not log.failed),
        reference=log.created["reference"],
        load_history=functools.partial(history, backend, run),
    )


def _delta(codec: Codec, encoded: Delta, run: str) -> Delta:
    written = {key: decoded(codec, value, run) for key, value in encoded.written.items()}
    return Delta(written, set(encoded.dropped), set(encoded.filled))


def _same_shape(run: str, definition: Definition, created: Mapping[str, Any]) -> None:
    now = definition.fingerprint
    if now.shape_digest != created["shape_digest"]:
        difference = first_difference(created["shape"], now.shape) or "their digests differ"
        raise ShapeChanged(run=run, template=definition, difference=difference)
    changed = changed_class(created["classes"], now.classes)
    if changed is not None:
        raise ValuesChanged(run=run, template=definition, difference=changed)
    part = changed_part(created.get("linked", ()), now.linked)
    if part or created["contract_digest"] not in (None, now.contract_digest):
        difference = part or "its input, output or state keys were edited"
        raise ContractChanged(run=run, template=definition, difference=difference)


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
