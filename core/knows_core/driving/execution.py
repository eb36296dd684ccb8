"""One run in an engine: what it begins with, and what it ended as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from knows_core.errors import BadRunId
from knows_core.journals.envelope import error_record
from knows_core.journals.recorder import Recorder
from knows_core.machine import run_flow
from knows_core.rules import Rules
from knows_core.run import Run, no_history
from knows_core.state import ERROR_KEY, WorkflowState
from knows_core.values.traits import private_copy
from knows_core.walking.situation import Ground, Past, Place, Situation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from knows_core.journals.records import RunEnded
    from knows_core.run import Entry
    from knows_core.template import Definition
    from knows_core.walking.wishes import Machine

_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(slots=True)
class Execution:
    """A run that an engine drives: its machine, where it stands, and where its records go.

    `spent` are the seconds of owned time, `steps` the calls, that its former tries have had.
    """

    id: str
    definition: Definition
    situation: Situation
    recorder: Recorder
    machine: Machine
    clock: Callable[[], datetime]
    reference: str | None = None
    load_history: Callable[[], Sequence[Entry]] = no_history
    spent: float = 0.0
    steps: int = 0
    origin: tuple[str, str] | None = None
    is_resumed: bool = False

    def ended_as(self, ended: RunEnded) -> Run:
        """The run as it ended."""
        state, error, questions = self.situation.state, None, self.situation.ground.questions
        if ended.error is not None:
            at, redact = self.recorder.last_at or self.clock(), self.situation.ground.rules.redact
            error = error_record(ended.error, at, ended.path, ended.attempt, redact=redact)
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
            compensated=ended.compensated,
            waiting=tuple(self.recorder.as_asked(questions[path]) for path in ended.waiting),
            origin=self.origin,
        )


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants run, checked: nothing has run or is recorded yet."""

    id: str
    definition: Definition
    input: Any
    state: Mapping[str, Any]
    reference: str | None = None


def order(
    definition: Definition,
    value: Any,
    state: Mapping[str, Any],
    clock: Callable[[], datetime],
    run_id: str | None = None,
    reference: str | None = None,
) -> Order:
    """Check what is wanted, copy it from the caller, fill in what is left open. Raises ContractError, BadRunId."""
    # An `error` that came along is that of another run.
    given = {key: one for key, one in state.items() if key != ERROR_KEY}
    filled = {key: private_copy(one) for key, one in definition.start(value, given).items()}
    run = run_id if run_id is not None else _new_id(definition, clock())
    if not _RUN_ID.fullmatch(run):
        raise BadRunId(found=run[:200])
    return Order(run, definition, private_copy(value), filled, reference)


def _new_id(definition: Definition, at: datetime) -> str:
    """An id that tells template and moment (UTC); ids that sort by time also keep a run's records together on disk."""
    import uuid  # a run under a given id does without

    name = re.sub(r"[^A-Za-z0-9._:-]", "_", definition.name[:90], flags=re.ASCII)
    return f"{name if name[:1].isalnum() else 'run'}-{at:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:10]}"


def begin(
    wanted: Order,
    clock: Callable[[], datetime],
    recorder: Recorder | None = None,
    rules: Rules = Rules(),  # noqa: B008 - a frozen value
    **more: Any,
) -> Execution:
    """A new run, which nobody records unless a recorder is given."""
    ground = _ground(wanted.id, wanted.definition, Past(), rules, clock)
    ground.recorded = recorder is not None
    situation = Situation(WorkflowState(wanted.state), ground)
    return _execution(wanted.id, wanted.definition, situation, wanted.input, recorder or Recorder(), clock, **more)


def go_on_from(
    run: str,
    definition: Definition,
    past: Past,
    state: WorkflowState,
    value: Any,
    recorder: Recorder,
    *,
    interrupted: int,
    rules: Rules,
    clock: Callable[[], datetime],
    **more: Any,
) -> Execution:
    """A run that goes on from its past."""
    situation = Situation(state, _ground(run, definition, past, rules, clock), interrupted)
    situation.ground.recorded = True
    return _execution(run, definition, situation, value, recorder, clock, is_resumed=True, **more)


def _ground(run: str, definition: Definition, past: Past, rules: Rules, clock: Callable[[], datetime]) -> Ground:
    checks = definition.checks_on_copies if rules.handlers else definition.checks
    return Ground(past, checks, moment=clock, rules=rules, run=run, template=str(definition))


def _execution(
    run: str,
    definition: Definition,
    situation: Situation,
    value: Any,
    recorder: Recorder,
    clock: Callable[[], datetime],
    **more: Any,
) -> Execution:
    machine = run_flow(definition.flow, value, situation, Place(typed=definition.typed))
    return Execution(run, definition, situation, recorder, machine, clock, **more)
