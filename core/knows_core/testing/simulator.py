"""A driver that loses power: the real machine, lanes, journal and codec, with a crash at any chosen effect.

Nothing sleeps, no thread is begun and no process is killed, so that every crash point of a flow can be tried in
milliseconds. What runs side by side is put in an order by a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knows_core.backend import MemoryBackend
from knows_core.driving.execution import Execution, order
from knows_core.journal import read
from knows_core.journals.records import Answered, Asked, Question
from knows_core.linking import linked
from knows_core.resuming.deciding import Decision, decide
from knows_core.resuming.folding import fold
from knows_core.resuming.recorded import begin_recorded, go_on
from knows_core.resuming.viewing import view
from knows_core.rules import Rules
from knows_core.run import Entry, Run, RunStatus
from knows_core.template import definition_of
from knows_core.testing.losing import RUN, LosingDesk, Outside, PowerLoss, drive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from knows_core.template import Templates, WorkflowTemplate

_OVER = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.COMPENSATION_FAILED)
_TRIES = 100  # of a run: one that is taken up more often goes round in circles
_LATE = 2_000.0  # seconds after which nobody answers any more


@dataclass(frozen=True, slots=True)
class Simulated:
    """A run that was simulated.

    `effects` is how many it had, power losses included; `again` are the steps that were called although their results
    were durable; `blind` are acts that were called once more although nobody had said that they did not take place.
    """

    run: Run
    effects: int
    again: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


# What somebody answers, who has answered at that path so many times before: the choice, and the value given along; None
# where the question is let to expire.
Person = Callable[[Question, int], "tuple[str, Any] | None"]


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
        self._outside = Outside(failures if failures is not None else Counter[str]())
        self._unheard: Decision | None = None

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
        self._unheard = None
        self._outside.begin(crashes)
        wanted = order(self._definition, input, state or {}, self._outside.moment, RUN)
        made: Execution | Run = begin_recorded(wanted, backend, self._outside.moment, self._rules)
        tries = 0
        while isinstance(made, Execution):
            tries += 1
            if tries > _TRIES:
                raise RuntimeError(f"after {_TRIES} tries the run is not at its end")
            desk = LosingDesk(made, self._outside)
            try:
                if not self._outside.effects:  # the run has been created
                    self._outside.effect()
                ended = drive(desk, _chance(chance), stop)
                if ended.status is RunStatus.CANCELLED:
                    chance, stop = seed + stop, 0
                elif ended.status is not RunStatus.SUSPENDED or person is None:
                    return self._simulated(made.ended_as(ended))
            except PowerLoss:
                self._lose_power(backend)
                chance = seed + self._outside.effects
            made = self._resumed(backend, person)
        return self._simulated(made)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as a step does that takes long."""
        self._outside.seconds += seconds

    def _simulated(self, run: Run) -> Simulated:
        return Simulated(run, self._outside.effects, tuple(self._outside.again), tuple(self._outside.blind))

    def _resumed(self, backend: MemoryBackend, person: Person | None) -> Execution | Run:
        """Go on; what waits for an answer that a power loss kept from being recorded is answered first."""
        while True:
            status = backend.load(RUN)[0].status
            if status in _OVER or (status is RunStatus.SUSPENDED and person is None):
                return view(backend, self._templates, RUN, self._template)  # nobody resumes it because the power went
            try:
                if self._unheard is not None:
                    self._say(self._unheard, backend)
                    continue
                if status is RunStatus.SUSPENDED and person is not None:
                    self._decide(backend, person)
                return self._taken_up(backend)
            except PowerLoss:
                self._lose_power(backend)

    def _taken_up(self, backend: MemoryBackend) -> Execution | Run:
        return go_on(backend, self._templates, RUN, self._template, self._outside.moment, rules=self._rules)

    def _decide(self, backend: MemoryBackend, person: Person) -> None:
        """Answer acts in doubt, and when there are none everything else.

        A doubt comes of a power loss. What else is open then would perhaps never have been answered without it.
        """
        entries, _ = read(RUN, backend.load(RUN)[1])
        log = fold(RUN, entries)
        doubts = [path for path, one in log.asked.items() if one.kind == "doubt"]
        told = Counter(path for path, kind in _answered(entries) if kind != "doubt")
        is_late = False
        for question in log.waiting:
            if doubts and question.path not in doubts:
                continue
            said = person(question, told[question.path])
            if said is None:
                is_late = True
                continue
            self._say(Decision(said[0], "somebody", question.role, said[1], "", question.path), backend)
        if is_late:
            self._outside.seconds += _LATE

    def _say(self, decision: Decision, backend: MemoryBackend) -> None:
        """Decide, perhaps once more: who was cut off does not know whether it was heard."""
        self._unheard = decision
        decide(backend, self._templates, RUN, decision, self._template, self._outside.moment, backend.release)
        if decision.choice == "retry":
            self._outside.intended.discard(decision.step or "")
        self._outside.effect()
        self._unheard = None

    def _lose_power(self, backend: MemoryBackend) -> None:
        """Leave what a dead process leaves: its journal, and a lock that nobody holds."""
        backend.release(RUN, backend.load(RUN)[0].epoch)


def _answered(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """What was answered so far: the path, and the kind of the question."""
    asked: dict[str, str] = {}
    for one in entries:
        if one.kind == Asked.__name__:
            asked[one.content["path"]] = one.content["question"]
        elif one.kind == Answered.__name__:
            yield one.content["path"], asked[one.content["path"]]


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret
