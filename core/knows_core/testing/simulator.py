"""A driver that loses power: the real machine, lanes, journal and codec, with a crash at any chosen effect.

Nothing sleeps, no thread is begun and no process is killed, so that every crash point of a flow can be tried in
milliseconds. What runs side by side is put in an order by a seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from knows_core.backend import MemoryBackend
from knows_core.brakes import Brakes
from knows_core.desk import Desk
from knows_core.errors import StepTimeout
from knows_core.errors_limits import RunCancelled
from knows_core.errors_resume import RunIsOver
from knows_core.events import Observers
from knows_core.execution import Execution, order
from knows_core.lanes import Lanes
from knows_core.limits import Limits
from knows_core.linking import linked
from knows_core.recorded import begin_recorded, go_on
from knows_core.records import RunEnded, StepDone
from knows_core.run import RunStatus
from knows_core.template import definition_of
from knows_core.viewing import view
from knows_core.wishes import Fork, Outcome, Sleep, Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.lanes import Lane
    from knows_core.records import Record
    from knows_core.run import Run
    from knows_core.template import Templates, WorkflowTemplate
    from knows_core.wishes import Call

RUN = "simulated"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_TICK = 0.001  # seconds that pass whenever somebody reads the clock


class PowerLoss(BaseException):
    """The process ends here: no step, machine or engine may catch it."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A run that was simulated.

    `effects` is how many the try had that was not to crash, or had until it did; `again` are the steps that were called
    after the power loss although their results were durable before it.
    """

    run: Run
    effects: int
    again: tuple[str, ...] = ()


class Simulator:
    """Runs one template again and again on journals in memory, losing power where it is told to."""

    def __init__(self, template: WorkflowTemplate, templates: Templates | None = None) -> None:
        self._template = template
        self._templates = templates
        self._definition = linked(definition_of(template), templates)
        self._seconds = 0.0

    def run(
        self,
        crash: int = 0,
        *,
        stop: int = 0,
        input: Any = None,
        state: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Simulated:
        """Run to the end, losing power at effect `crash` (0: never) and going on afterwards.

        With `stop` it is cancelled instead when so many calls have ended. The same seed gives the same order of what
        runs side by side; afterwards it is another one.
        """
        backend = MemoryBackend()
        wanted = order(self._definition, input, state or {}, self._moment, RUN)
        first = self._desk(begin_recorded(wanted, backend, self._moment), crash)
        try:
            ended = _drive(first, _chance(seed), stop)
        except PowerLoss:
            # What a dead process leaves: its journal, and a lock that nobody holds.
            backend.release(RUN, backend.load(RUN)[0].epoch)
        else:
            if ended.status is not RunStatus.CANCELLED:
                return Simulated(first.execution.ended_as(ended), first.effects)
        again: Execution | Run
        try:
            again = go_on(backend, self._templates, RUN, self._template, self._moment)
        except RunIsOver:  # it had failed and was compensated: all that could follow was recorded
            again = view(backend, self._templates, RUN, self._template)
        if not isinstance(again, Execution):  # it had come to its end
            return Simulated(again, first.effects)
        second = self._desk(again, 0)
        run = again.ended_as(_drive(second, _chance(seed + crash + stop)))
        return Simulated(run, first.effects, tuple(path for path in second.called if path in first.durable))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as a step does that takes long."""
        self._seconds += seconds

    def _desk(self, execution: Execution, crash: int) -> _FailingDesk:
        execution.situation.ground.clock = self._clock
        return _FailingDesk(execution, crash, self)

    def _clock(self) -> float:
        self._seconds += _TICK
        return self._seconds

    def _moment(self) -> datetime:
        return _START + timedelta(seconds=self._clock())


class _FailingDesk(Desk):
    """Counts what the outside world notices and loses power at one of these moments.

    `called` are the steps that it called, `durable` those whose results a power loss would leave.
    """

    def __init__(self, execution: Execution, crash: int, simulator: Simulator) -> None:
        definition = execution.definition
        brakes = Brakes(execution.id, Limits(workflow_timeout=0))
        super().__init__(
            execution.id, execution.recorder, Observers(None), lambda: definition.codec, simulator._moment, brakes
        )
        self.execution = execution
        self.effects = 0
        self.called: list[str] = []
        self.durable: set[str] = set()
        self._recorded: list[str] = []
        self._crash = crash
        self._clock_of_run = simulator._clock
        self._pass_time = simulator.pass_time
        self._flush = execution.recorder.flush
        # The recorder is this execution's own; after a power loss another one takes its place.
        execution.recorder.flush = self._flushed  # type: ignore[method-assign]

    def outcome(self, call: Call | Sleep) -> Outcome:
        """Call a step here and now; one that took longer than it may is given up, as a thread would be."""
        self._effect()
        if isinstance(call, Sleep):
            self._pass_time(call.seconds)
            self._effect()
            return Outcome()
        self.called.append(call.path)
        began = self._clock_of_run()
        try:
            outcome = Outcome(self.call(call))
        except Exception as error:  # noqa: BLE001 - a step may raise anything
            outcome = Outcome(error=error)
        if call.limit is not None and self._clock_of_run() - began > call.limit:
            call.given_up = True
            outcome = Outcome(error=StepTimeout(step=call.path, timeout=call.limit))
        self._effect()
        return outcome

    def record(self, record: Record) -> None:
        self._effect()
        super().record(record)
        if isinstance(record, StepDone):
            self._recorded.append(record.path)
        self._effect()

    def _flushed(self) -> None:
        self._effect()
        self._flush()
        self.durable.update(self._recorded)
        self._effect()

    def _effect(self) -> None:
        self.effects += 1
        if self.effects == self._crash:
            raise PowerLoss


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def _drive(desk: _FailingDesk, chance: random.Random, stop: int = 0) -> RunEnded:
    """Run a machine to its end as the real driver does, its calls one by one in an order that chance finds."""
    lanes = Lanes(Fork(iter([desk.execution.machine]), 1), desk.record)
    under_way: list[tuple[Lane, Call | Sleep]] = []
    while True:
        begun = lanes.calls()
        if begun and desk.recorder.waiting:
            desk.recorder.flush()
        under_way += begun
        if not under_way:
            break
        if stop and len(desk.called) >= stop and not desk.brakes.is_on:
            return _stopped(desk)
        # Some of them end before the driver looks at the first: what they bring is not recorded yet.
        chance.shuffle(under_way)
        ending = [under_way.pop() for _ in range(chance.randint(1, len(under_way)))]
        for lane, outcome in [(lane, desk.outcome(call)) for lane, call in ending]:
            lanes.answer(lane, outcome)
    desk.recorder.flush()
    return cast("RunEnded", lanes.outcomes[0].result)


def _stopped(desk: _FailingDesk) -> RunEnded:
    """End the run as a cancelled one: what is under way counts for nothing."""
    machine = desk.execution.machine
    ended = cast("RunEnded", machine.throw(Stopped(RunStatus.CANCELLED, RunCancelled(run=RUN))))
    desk.record(ended)
    desk.recorder.flush()
    return ended
