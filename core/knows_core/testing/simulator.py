"""A driver that loses power: the real machine, journal and codec, with a crash at any chosen effect.

Nothing sleeps and no process is killed, so that every crash point of a flow can be tried in milliseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from knows_core.backend import MemoryBackend
from knows_core.drivers import Desk, drive
from knows_core.events import Observers
from knows_core.execution import Execution, order
from knows_core.recorded import begin_recorded, go_on
from knows_core.template import definition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.machine import Call
    from knows_core.records import Record
    from knows_core.run import Run
    from knows_core.template import WorkflowTemplate

RUN = "simulated"


class PowerLoss(BaseException):
    """The process ends here: no step, machine or engine may catch it."""


class Simulator:
    """Runs one template again and again on journals in memory, losing power where it is told to."""

    def __init__(self, template: WorkflowTemplate) -> None:
        self._template = template
        self._definition = definition_of(template)
        self._moments = 0

    def run(self, crashes: int = 0, *, input: Any = None, state: Mapping[str, Any] | None = None) -> tuple[Run, int]:
        """Run to the end, losing power at effect `crashes` (0: never) and going on afterwards.

        Returns the run and how many effects the first try had.
        """
        backend = MemoryBackend()
        wanted = order(self._definition, input, state or {}, self._clock, RUN)
        execution: Execution | Run = begin_recorded(wanted, backend, self._clock)
        effects = 0
        while isinstance(execution, Execution):
            desk = _FailingDesk(execution, crashes)
            try:
                ended = drive(execution.machine, desk)
            except PowerLoss:
                # What a dead process leaves: its journal, and a lock that nobody holds.
                backend.release(RUN, backend.load(RUN)[0].epoch)
                effects, crashes = desk.effects, 0
                execution = go_on(backend, None, RUN, self._template, self._clock)
            else:
                return execution.ended_as(ended), effects or desk.effects
        return execution, effects

    def _clock(self) -> datetime:
        self._moments += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self._moments)


class _FailingDesk(Desk):
    """Counts what the outside world notices and loses power at one of these moments."""

    def __init__(self, execution: Execution, crash_at: int) -> None:
        super().__init__(execution.id, execution.recorder, Observers(None))
        self._crash_at = crash_at
        self._flush = execution.recorder.flush
        self.effects = 0
        # The recorder is this execution's own; after a power loss another one takes its place.
        execution.recorder.flush = self._flushed  # type: ignore[method-assign]

    def call(self, call: Call) -> Any:
        self._moment()
        result = super().call(call)
        self._moment()
        return result

    def record(self, record: Record) -> None:
        self._moment()
        super().record(record)
        self._moment()

    def _flushed(self) -> None:
        self._moment()
        self._flush()
        self._moment()

    def _moment(self) -> None:
        self.effects += 1
        if self.effects == self._crash_at:
            raise PowerLoss
