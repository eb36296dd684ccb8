"""A driver that loses power: the real machine, lanes, journal and codec, with a crash at any chosen effect.

Nothing sleeps, no thread is begun and no process is killed, so that every crash point of a flow can be tried in
milliseconds. What runs side by side is put in an order by a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from knows_core.backend import MemoryBackend
from knows_core.brakes import Brakes
from knows_core.deciding import Decision, decide
from knows_core.desk import Desk
from knows_core.errors import StepTimeout
from knows_core.errors_limits import RunCancelled
from knows_core.events import Observers
from knows_core.execution import Execution, order
from knows_core.folding import fold
from knows_core.journal import read
from knows_core.lanes import Lanes
from knows_core.limits import Limits
from knows_core.linking import linked
from knows_core.recorded import begin_recorded, go_on
from knows_core.records import Answered, Asked, Question, RunEnded, StepDone, StepFailed
from knows_core.rules import Rules
from knows_core.run import Run, RunStatus
from knows_core.template import definition_of
from knows_core.viewing import view
from knows_core.wishes import Fork, Outcome, Sleep, Stopped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from knows_core.lanes import Lane
    from knows_core.records import Record
    from knows_core.template import Templates, WorkflowTemplate
    from knows_core.wishes import Call

RUN = "simulated"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_OVER = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.COMPENSATION_FAILED)
_TICK = 0.001  # seconds that pass whenever somebody reads the clock


class PowerLoss(BaseException):
    """The process ends here: no step, machine or engine may catch it."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A run that was simulated.

    `effects` is how many it had, power losses included; `again` are the steps that were called although their results
    were durable.
    """

    run: Run
    effects: int
    again: tuple[str, ...] = ()


# What somebody answers, who has answered at that path so many times before: the choice, and the value given along.
Person = Callable[[Question, int], tuple[str, Any]]


class Simulator:
    """Runs one template again and again on journals in memory, losing power where it is told to.

    `failures` is kept up: how often each path has failed, as far as that is durable. A step of a test that fails a few
    times before it succeeds asks it: whatever it counted by itself would also count attempts that a power loss ended.
    """

    def __init__(
        self,
        template: WorkflowTemplate,
        templates: Templates | None = None,
        *,
        rules: Rules = Rules(),  # noqa: B008 - a frozen value
        failures: Counter[str] | None = None,
    ) -> None:
        self._template = template
        self._templates = templates
        self._definition = linked(definition_of(template), templates)
        self._rules = rules
        self._seconds = 0.0
        self.failures = failures if failures is not None else Counter[str]()
        self.durable = set[str]()
        self.again: list[str] = []
        self.effects = 0
        self._crashes: Collection[int] = ()

    def run(
        self,
        *crashes: int,
        stop: int = 0,
        input: Any = None,
        state: Mapping[str, Any] | None = None,
        seed: int = 0,
        person: Person | None = None,
    ) -> Simulated:
        """Run to the end, losing power at these effects and going on afterwards.

        With `stop` it is cancelled instead when so many calls have ended. `person` answers what the run waits for. The
        same seed gives the same order of what runs side by side; after a power loss it is another one.
        """
        backend, chance = MemoryBackend(), seed
        self._crashes, self.effects, self.again = crashes, 0, []
        self.failures.clear()
        self.durable.clear()
        wanted = order(self._definition, input, state or {}, self._moment, RUN)
        made: Execution | Run = begin_recorded(wanted, backend, self._moment, self._rules)
        while isinstance(made, Execution):
            desk = self._desk(made)
            try:
                ended = _drive(desk, _chance(chance), stop)
                if ended.status is RunStatus.CANCELLED:
                    chance, stop = seed + stop, 0
                elif ended.status is not RunStatus.SUSPENDED or person is None:
                    return Simulated(made.ended_as(ended), self.effects, tuple(self.again))
            except PowerLoss:
                self._lose_power(backend)
                chance = seed + self.effects
            made = self._resumed(backend, person)
        return Simulated(made, self.effects, tuple(self.again))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as a step does that takes long."""
        self._seconds += seconds

    def effect(self) -> None:
        """Count something that the outside world notices. Raises PowerLoss."""
        self.effects += 1
        if self.effects in self._crashes:
            raise PowerLoss

    def _resumed(self, backend: MemoryBackend, person: Person | None) -> Execution | Run:
        """Go on; what waits for an answer that a power loss kept from being recorded is answered first."""
        while True:
            status = backend.load(RUN)[0].status
            if status in _OVER or (status is RunStatus.SUSPENDED and person is None):
                return view(backend, self._templates, RUN, self._template)  # nobody resumes it because the power went
            try:
                if status is RunStatus.SUSPENDED and person is not None:
                    self._decide(backend, person)
                return self._taken_up(backend)
            except PowerLoss:
                self._lose_power(backend)

    def _taken_up(self, backend: MemoryBackend) -> Execution | Run:
        return go_on(backend, self._templates, RUN, self._template, self._moment, rules=self._rules)

    def _decide(self, backend: MemoryBackend, person: Person) -> None:
        """Answer acts in doubt, and when there are none everything else.

        A doubt comes of a power loss. What else is open then would perhaps never have been answered without it.
        """
        log = fold(RUN, read(RUN, backend.load(RUN)[1])[0])
        doubts = [path for path, one in log.asked.items() if one.kind == "doubt"]
        told = Counter(path for path, kind in _answered(backend) if kind != "doubt")
        for question in log.waiting:
            if doubts and question.path not in doubts:
                continue
            choice, value = person(question, told[question.path])
            decision = Decision(choice, "somebody", question.role, value, "", question.path)
            self.effect()
            decide(backend, self._templates, RUN, decision, self._template, self._moment, backend.release)
            self.effect()

    def _lose_power(self, backend: MemoryBackend) -> None:
        """Leave what a dead process leaves: its journal, and a lock that nobody holds."""
        row, records = backend.load(RUN)
        backend.release(RUN, row.epoch)
        self.failures.clear()
        self.failures.update(one.content["path"] for one in read(RUN, records)[0] if one.kind == StepFailed.__name__)

    def _desk(self, execution: Execution) -> _FailingDesk:
        execution.situation.ground.clock = self._clock
        return _FailingDesk(execution, self)

    def _clock(self) -> float:
        self._seconds += _TICK
        return self._seconds

    def _moment(self) -> datetime:
        return _START + timedelta(seconds=self._clock())


class _FailingDesk(Desk):
    """Counts what the outside world notices and loses power at one of these moments."""

    def __init__(self, execution: Execution, simulator: Simulator) -> None:
        definition = execution.definition
        brakes = Brakes(execution.id, Limits(workflow_timeout=0))
        super().__init__(
            execution.id,
            execution.recorder,
            Observers(None),
            lambda: definition.codec,
            simulator._moment,
            brakes,
            secrets=execution.situation.ground.rules.secrets,
        )
        self.execution = execution
        self.called = 0
        self._recorded: list[Record] = []
        self._simulator = simulator
        self._flush = execution.recorder.flush
        # The recorder is this execution's own; after a power loss another one takes its place.
        execution.recorder.flush = self._flushed  # type: ignore[method-assign]

    def outcome(self, call: Call | Sleep) -> Outcome:
        """Call a step here and now; one that took longer than it may is given up, as a thread would be."""
        simulator = self._simulator
        simulator.effect()
        if isinstance(call, Sleep):
            simulator.pass_time(call.seconds)
            simulator.effect()
            return Outcome()
        self.called += 1
        if call.path in simulator.durable:
            simulator.again.append(call.path)
        began = simulator._clock()
        try:
            outcome = Outcome(self.call(call))
        except Exception as error:  # noqa: BLE001 - a step may raise anything
            outcome = Outcome(error=error)
        if call.limit is not None and simulator._clock() - began > call.limit:
            call.given_up = True
            outcome = Outcome(error=StepTimeout(step=call.path, timeout=call.limit))
        simulator.effect()
        return outcome

    def record(self, record: Record) -> None:
        self._simulator.effect()
        super().record(record)
        self._recorded.append(record)
        self._simulator.effect()

    def _flushed(self) -> None:
        self._simulator.effect()
        self._flush()
        for record in self._recorded:
            if isinstance(record, StepDone):
                self._simulator.durable.add(record.path)
            elif isinstance(record, StepFailed):
                self._simulator.failures[record.path] += 1
        self._recorded.clear()
        self._simulator.effect()


def _answered(backend: MemoryBackend) -> Iterator[tuple[str, str]]:
    """What was answered so far: the path, and the kind of the question."""
    asked: dict[str, str] = {}
    for one in read(RUN, backend.load(RUN)[1])[0]:
        if one.kind == Asked.__name__:
            asked[one.content["path"]] = one.content["question"]
        elif one.kind == Answered.__name__:
            yield one.content["path"], asked[one.content["path"]]


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
        if stop and desk.called >= stop and not desk.brakes.is_on:
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
