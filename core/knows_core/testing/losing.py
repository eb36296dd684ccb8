"""Where a simulated run loses power: what is outside of it and stays, and the desk that grants its wishes meanwhile.

What a power loss leaves is the journal and the world outside. Every change of one of these is an effect: a call or a
pause that came to its end, records that became durable, a decision of a person. Wherever else power is lost, it leaves
the same as at the effect before: nothing is missed by leaving these moments out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from knows_core.driving.desk import Desk
from knows_core.driving.events import Observers
from knows_core.driving.lanes import Lanes
from knows_core.errors import StepTimeout
from knows_core.errors.limits import RunCancelled
from knows_core.journals.records import Settled, StepDone, StepFailed
from knows_core.limits import Limits
from knows_core.recovery import NotDone
from knows_core.run import RunStatus
from knows_core.walking.brakes import Brakes
from knows_core.walking.wishes import Fork, Outcome, Sleep, Stopped

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import Collection

    from knows_core.driving.execution import Execution
    from knows_core.driving.lanes import Lane
    from knows_core.journals.records import Record, RunEnded
    from knows_core.walking.wishes import Call

RUN = "simulated"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_TICK = 0.001  # seconds that pass whenever somebody reads the clock


class PowerLoss(BaseException):
    """The process ends here: no step, machine or engine may catch it."""


@dataclass(slots=True)
class Outside:
    """What is outside of a run and outlives its process: the time, and what came of the run so far.

    `failures` counts those that are durable, by their paths; `durable` are paths with a durable result, `intended` acts
    that may have taken place, for all that anybody knows. `again` and `blind` are what `Simulated` tells of.
    """

    failures: Counter[str]
    crashes: Collection[int] = ()
    effects: int = 0
    durable: set[str] = field(default_factory=set[str])
    intended: set[str] = field(default_factory=set[str])
    again: list[str] = field(default_factory=list[str])
    blind: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def begin(self, crashes: Collection[int]) -> None:
        """Forget what came of the run before, but not the time; power will be lost at these effects."""
        self.crashes, self.effects = crashes, 0
        for held in (self.failures, self.durable, self.intended, self.again, self.blind):
            held.clear()

    def effect(self) -> None:
        """Count something that a power loss would leave. Raises PowerLoss."""
        self.effects += 1
        if self.effects in self.crashes:
            raise PowerLoss

    def clock(self) -> float:
        """The seconds that have passed."""
        self.seconds += _TICK
        return self.seconds

    def moment(self) -> datetime:
        """The time of the day."""
        return _START + timedelta(seconds=self.clock())


class LosingDesk(Desk):
    """Grants the wishes of one try of a run, where each effect may be the last."""

    def __init__(self, execution: Execution, outside: Outside) -> None:
        definition = execution.definition
        brakes = Brakes(execution.id, Limits(workflow_timeout=0))
        super().__init__(
            execution.id,
            execution.recorder,
            Observers(None),
            lambda: definition.codec,
            outside.moment,
            brakes,
            secrets=execution.situation.ground.rules.secrets,
        )
        execution.situation.ground.clock = outside.clock
        self.execution = execution
        self.called = 0
        self._recorded: list[Record] = []
        self._outside = outside
        self._flush = execution.recorder.flush
        # The recorder is this execution's own; after a power loss another one takes its place.
        execution.recorder.flush = self._flushed  # type: ignore[method-assign]

    def outcome(self, call: Call | Sleep) -> Outcome:
        """Call a step here and now; one that took longer than it may is given up, as a thread would be."""
        outside = self._outside
        if isinstance(call, Sleep):
            outside.seconds += call.seconds
            outside.effect()
            return Outcome()
        self._notice(call)
        began = outside.clock()
        try:
            outcome = Outcome(self.call(call))
        except Exception as error:  # noqa: BLE001 - a step may raise anything
            outcome = Outcome(error=error)
        if call.limit is not None and outside.clock() - began > call.limit:
            call.given_up = True
            outcome = Outcome(error=StepTimeout(step=call.path, timeout=call.limit))
        if isinstance(outcome.result, NotDone):
            outside.intended.discard(call.path)
        outside.effect()
        return outcome

    def _notice(self, call: Call) -> None:
        outside = self._outside
        self.called += 1
        if call.path in outside.durable:
            outside.again.append(call.path)
        if call.step.effect is not None:
            if call.path in outside.intended:
                outside.blind.append(call.path)
            outside.intended.add(call.path)

    def record(self, record: Record) -> None:
        """Keep a record, and remember it until it is durable."""
        super().record(record)
        self._recorded.append(record)

    def _flushed(self) -> None:
        if not self.recorder.waiting:
            return
        self._flush()
        outside = self._outside
        for record in self._recorded:
            if isinstance(record, StepDone | Settled):
                outside.durable.add(record.path)
            elif isinstance(record, StepFailed):
                outside.failures[record.path] += 1
                outside.intended.discard(record.path)
        self._recorded.clear()
        outside.effect()


def drive(desk: LosingDesk, chance: random.Random, stop: int = 0) -> RunEnded:
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
        if stop and desk.called >= stop and not desk.brakes.is_on:
            return _stopped(desk)
        # Some of them end before the driver looks at the first: what they bring is not recorded yet.
        chance.shuffle(under_way)
        ending = [under_way.pop() for _ in range(chance.randint(1, len(under_way)))]
        for lane, outcome in [(lane, desk.outcome(call)) for lane, call in ending]:
            lanes.answer(lane, outcome)
    desk.recorder.flush()
    return cast("RunEnded", lanes.outcomes[0].result)


def _stopped(desk: LosingDesk) -> RunEnded:
    """End the run as a cancelled one: what is under way counts for nothing."""
    machine = desk.execution.machine
    ended = cast("RunEnded", machine.throw(Stopped(RunStatus.CANCELLED, RunCancelled(run=RUN))))
    desk.record(ended)
    desk.recorder.flush()
    return ended
