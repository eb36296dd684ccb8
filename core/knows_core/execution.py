"""One run in an engine: what it begins with, what it goes on from, and what it ended as."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from knows_core.envelope import error_record
from knows_core.errors import BadRunId, ResumeRefused, ShapeChanged
from knows_core.machine import Machine, Situation, run_flow
from knows_core.recorder import JournalRecorder, Recorder
from knows_core.records import RunCreated, RunEnded, RunResumed
from knows_core.run import Run, RunStatus, no_history
from knows_core.state import ERROR_KEY, WorkflowState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from knows_core.backend import StateBackend
    from knows_core.codec import Codec
    from knows_core.run import Entry
    from knows_core.template import Definition, Templates, WorkflowTemplate

_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(slots=True)
class Execution:
    """A run that an engine drives: its machine, where it stands, and where its records go."""

    id: str
    definition: Definition
    situation: Situation
    recorder: Recorder
    machine: Machine
    clock: Callable[[], datetime]
    reference: str | None = None
    load_history: Callable[[], Sequence[Entry]] = no_history

    def ended_as(self, ended: RunEnded) -> Run:
        """The run as it ended."""
        state, error = self.situation.state, None
        if ended.error is not None:
            error = error_record(ended.error, self.clock(), ended.path, ended.attempt)
            state[ERROR_KEY] = error
        return Run(
            id=self.id,
            template=self.definition.name,
            version=str(self.definition.version),
            status=ended.status,
            result=ended.result,
            state=state,
            error=error,
            reference=self.reference,
            load_history=self.load_history,
        )


def begin(
    backend: StateBackend | None,
    definition: Definition,
    value: Any,
    state: Mapping[str, Any],
    run_id: str | None,
    reference: str | None,
    clock: Callable[[], datetime],
) -> Execution:
    """A new run, recorded where there is a backend. Raises ContractError, BadRunId, RunExists, BackendError."""
    values = definition.start(value, state)
    run = run_id if run_id is not None else _new_id(definition)
    if not _RUN_ID.fullmatch(run):
        raise BadRunId(found=run[:200])
    situation = Situation(WorkflowState(values), definition.typed)
    recorder: Recorder = Recorder()
    if backend is not None:
        recorder = _created(backend, definition, value, values, run, reference, clock)
    machine = run_flow(definition.flow, value, situation)
    return Execution(run, definition, situation, recorder, machine, clock, reference, _history(backend, run))


def _new_id(definition: Definition) -> str:
    import uuid

    return f"{definition.name[:100]}-{uuid.uuid4().hex[:12]}"


def _history(backend: StateBackend | None, run: str) -> Callable[[], Sequence[Entry]]:
    if backend is None:
        return no_history

    def load() -> Sequence[Entry]:
        from knows_core.viewing import history

        return history(backend, run)

    return load


def _created(
    backend: StateBackend,
    definition: Definition,
    value: Any,
    state: Mapping[str, Any],
    run: str,
    reference: str | None,
    clock: Callable[[], datetime],
) -> JournalRecorder:
    from knows_core.backend import RunRow
    from knows_core.contract import code_digest, shape_of
    from knows_core.journal import JournalWriter
    from knows_core.viewing import codec_of

    at = clock()
    writer = JournalWriter(codec_of(definition))
    code = {path: code_digest(step) for path, step in definition.steps}
    version, shape = str(definition.version), shape_of(definition.steps)
    created = RunCreated(definition.name, version, reference, value, state, shape, None, code)
    row = RunRow(run, definition.name, version, RunStatus.RUNNING, at, at)
    epoch = backend.create(row, [writer.write(created, at)])
    return JournalRecorder(backend, writer, run=run, epoch=epoch, sequence=1, clock=clock)


def go_on(
    backend: StateBackend,
    templates: Templates | None,
    run: str,
    template: WorkflowTemplate | None,
    clock: Callable[[], datetime],
) -> Execution | Run:
    """A recorded run, owned and ready to go on; a completed one as it is. See LocalEngine.resume for the errors."""
    from knows_core.viewing import bound_definition, view

    row = backend.load(run)[0]
    if row.status is RunStatus.COMPLETED:
        return view(backend, templates, run, template)
    definition = bound_definition(row, templates, template)
    epoch = backend.claim(run)
    try:
        return _owned(backend, definition, run, epoch, clock)
    except BaseException:
        backend.release(run, epoch)
        raise


def _owned(
    backend: StateBackend, definition: Definition, run: str, epoch: int, clock: Callable[[], datetime]
) -> Execution:
    from knows_core.contract import code_digest, first_difference, shape_of
    from knows_core.journal import JournalWriter, fold, read
    from knows_core.viewing import codec_of, decoded

    # Read again under the ownership: another owner may have ended the run since it was looked at.
    row, records = backend.load(run)
    entries, digest = read(run, records)
    log = fold(run, entries)
    if row.status is RunStatus.COMPLETED:
        raise ResumeRefused(run=run, reason="it was completed meanwhile", hint=f"Look at it with `kwf history {run}`.")
    difference = first_difference(log.created["shape"], shape_of(definition.steps))
    if difference is not None:
        raise ShapeChanged(run=run, template=definition, difference=difference)
    codec = codec_of(definition)
    state = WorkflowState({key: decoded(codec, value, run) for key, value in log.state.items()})
    recorded = _Recorded(log.results, codec, run)
    situation = Situation(state, definition.typed, recorded, log.attempts, log.interrupted + (not log.failed))
    was = log.created["code"]
    edited = [path for path, step in definition.steps if was.get(path) != code_digest(step)]
    writer = JournalWriter(codec, digest)
    recorder = JournalRecorder(backend, writer, run=run, epoch=epoch, sequence=len(entries), clock=clock)
    recorder.add(RunResumed(edited))
    recorder.set_status(RunStatus.RUNNING)
    machine = run_flow(definition.flow, decoded(codec, log.created["input"], run), situation)
    reference = log.created["reference"]
    return Execution(run, definition, situation, recorder, machine, clock, reference, _history(backend, run))


class _Recorded(Mapping[str, Any]):
    """Recorded results by step path, each decoded when the machine asks for it."""

    def __init__(self, results: Mapping[str, Any], codec: Codec, run: str) -> None:
        self._results, self._codec, self._run = results, codec, run

    def __getitem__(self, path: str) -> Any:
        from knows_core.viewing import decoded

        return decoded(self._codec, self._results[path], self._run)

    def __contains__(self, path: object) -> bool:
        return path in self._results

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)
