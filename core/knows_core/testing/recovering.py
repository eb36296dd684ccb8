"""Random flows in which everything goes wrong that can, with every kind of policy for it.

There is one right end of each, however often power is lost. So what a step does depends on its input, its state, and
how often it has failed *on record*: an attempt that a power loss ended has not happened. Acts that are made once live
in a world outside, which keeps what was done; looking at it, or a person who does, gives the same result as the act.
Items of a list all begin at once, because which of them still begin after a failure is a matter of time, and acts
beside others can be looked up and are not undone, because whether one had been made when another branch failed is one,
too. What undoes a
step adds to a sum, so that the order among branches that ran side by side does not show in the state.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from knows_core.building import approval, each, scope, step
from knows_core.context import StepContext  # noqa: TC001 - the steps' annotations are read
from knows_core.errors import PermanentError, TransientError
from knows_core.flow import made
from knows_core.recovery import Continue, Done, Fail, Fallback, NotDone, Retry, Suspend
from knows_core.rules import Rules
from knows_core.state import WorkflowState  # noqa: TC001 - see StepContext
from knows_core.testing.flows import Maker, weigh
from knows_core.workflow import PipelineWorkflow, pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.flow import Flow, Step
    from knows_core.records import Question
    from knows_core.recovery import ErrorContext, Verdict

UNDONE = "undone"
_MOST = 2  # retries: a step that fails a few times before it succeeds fails no oftener


@dataclass
class World:
    """What is outside of a run: acts by their path, with their results; `failures` is what the simulator knows."""

    acts: dict[str, int] = field(default_factory=dict[str, int])
    made: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])

    def begin(self) -> None:
        """Forget everything."""
        self.acts.clear()
        self.made.clear()
        self.failures.clear()


@dataclass(frozen=True)
class RecoveringFlow:
    """A template, what it runs on, the world it acts in, and what its engine says of every run."""

    template: PipelineWorkflow
    input: Any
    state: dict[str, Any]
    world: World
    rules: Rules


def recovering(seed: int) -> RecoveringFlow:
    """A random flow with policies; the same one for the same seed."""
    world = World()
    maker = _Maker(random.Random(seed), world)  # noqa: S311 - no secret
    template = maker.template("recovering", maker.whole())
    state: dict[str, Any] = {key: number for number, key in enumerate("abc") if maker.chance.random() < 2 / 3}
    for key in template.get_required_state():
        state.setdefault(key, 0)
    handlers = (_handler(seed),) if maker.chance.random() < 1 / 3 else ()
    validators = (_validator(seed),) if maker.chance.random() < 1 / 4 else ()
    return RecoveringFlow(
        template, maker.chance.randint(0, 9), state, world, Rules(handlers=handlers, validators=validators)
    )


def answer(world: World, question: Question, times: int) -> tuple[str, Any]:
    """What a person says: by the path and how often they answered there; to an act in doubt, what the world shows."""
    if question.kind == "doubt":
        return ("done", world.acts[question.path]) if question.path in world.acts else ("retry", None)
    told = weigh(question.path) % 5
    if question.kind == "approval":
        return ("reject", None) if told == 0 else ("approve", 3 if question.payload else None)
    if told in (0, 1) and times < _MOST:
        return "retry", None
    return ("reject", None) if told == 2 else ("done", told)


def _handler(seed: int) -> Any:
    def handler(context: ErrorContext) -> Verdict | None:
        told = weigh(seed, context.step, context.error["type"]) % 8
        answers = (Fallback(told), Continue(), Suspend(), Fail(), Retry(max_retries=1, delay=3))
        return answers[told] if told < len(answers) else None

    return handler


def _validator(seed: int) -> Any:
    def validator(when: str, path: str, value: Any, state: Mapping[str, Any]) -> None:
        # What an act gave is not refused: that would leave it in doubt, and looking at it would not.
        is_act_done = when == "after" and path.rpartition("/")[2].startswith("act")
        if weigh(seed, when, path, value, state.get("a")) % 23 == 0 and not is_act_done:
            raise PermanentError(f"{when} {path}")

    return validator


class _Maker(Maker):
    """Makes one flow with policies everywhere."""

    def __init__(self, chance: random.Random, world: World) -> None:
        super().__init__(chance, [])
        self._world = world
        self._beside = 0  # how many forks are around

    def template(self, name: str, flow: Flow[Any, Any], required: tuple[str, ...] = ()) -> PipelineWorkflow:
        """A template of a flow, now and then with policies of its own."""
        plain = super().template(name, flow, required).definition
        more: dict[str, Any] = {"state": plain.model, "required_state": plain.declared}
        return pipeline(plain.flow, name=name, version="1.0.0", **more, **self._policies(rarely=True))

    def _step(self, manner: str = "") -> Flow[Any, Any]:
        drawn = self.chance.random()
        if not manner and drawn < 1 / 10:
            return self._approval()
        if not manner and drawn < 2 / 10:
            return self._act()
        plain: Any = super()._step(manner)
        times = self.chance.randint(1, _MOST) if not manner and drawn < 4 / 10 else 0
        if times:
            return made(self._failing_at_first(plain, times), retry=self._retry(at_least=times))
        return made(plain, **self._policies())

    def _failing_at_first(self, inner: Step[Any, Any], times: int) -> Step[Any, Any]:
        failures, function = self._world.failures, inner.function

        def run(result: Any, state: WorkflowState, context: StepContext) -> Any:
            told = function(result, state, context)
            if failures[context.step] < times:
                raise TransientError(f"not yet, {context.step}")
            return told

        return step(run, name=inner.name)

    def _act(self) -> Flow[Any, Any]:
        """An act that is made once; the world remembers it, and those who look can tell, or leave it to a person."""
        self.left -= 1
        world, number, can_tell = self._world, self._next(), bool(self._beside) or self.chance.random() < 1 / 2
        fails = self.chance.random() < 1 / 5

        def act(result: Any, context: StepContext) -> Any:
            if fails:
                raise PermanentError("the act is refused")
            world.made[context.step] += 1
            world.acts[context.step] = weigh(number, result)
            return world.acts[context.step]

        def look(result: Any, context: StepContext) -> Done | NotDone | None:
            del result
            if not can_tell:
                return None
            return Done(world.acts[context.step]) if context.step in world.acts else NotDone()

        options = self._policies()
        options.pop("retry", None)
        if self._beside:
            options.pop("compensate", None)
        return step(act, name=f"act{number}", effect="once", look=look, **options)

    def _approval(self) -> Flow[Any, Any]:
        self.left -= 1
        payload = int if self.chance.random() < 1 / 2 else None
        options: dict[str, Any] = {"payload": int} if payload else {}
        into = f"by{self._next()}" if self.chance.random() < 1 / 3 else None
        return approval(f"s{self._next()}", role="engineer", into=into, **options)

    def _parallel(self, depth: int) -> Flow[Any, Any]:
        self._beside += 1
        fork = super()._parallel(depth)
        self._beside -= 1
        return fork

    def _each(self, depth: int) -> Flow[Any, Any]:
        first = self._step("list")
        self._beside += 1
        inside = self._inside(depth)
        self._beside -= 1
        return first | each(inside, max_concurrency=9, name=self._name())

    def _scope(self, depth: int) -> Flow[Any, Any]:
        options = self._policies()
        if self.chance.random() < 1 / 3 and self.left > 1:
            options["on_error"] = Fallback(self._inside(depth))
        return scope(self._inside(depth), name=self._name(depth), **options)

    def _retry(self, at_least: int = 0) -> Retry:
        chance = self.chance
        kinds = chance.choice([(TransientError,), (TransientError, ValueError)])
        limit = None if at_least else chance.choice([None, None, 20.0])
        delay = chance.choice([0, 1, 7])
        return Retry(exceptions=kinds, max_retries=chance.randint(at_least, _MOST), delay=delay, limit=limit)

    def _policies(self, *, rarely: bool = False) -> dict[str, Any]:
        chance, options = self.chance, dict[str, Any]()
        often = 1 / 6 if rarely else 1 / 3
        if chance.random() < often:
            options["retry"] = self._retry()
        if chance.random() < often:
            number = self._next()
            answers = [Fallback(number), Continue(), Suspend("why"), Fail(), _handler(number)]
            options["on_error"] = chance.choice(answers)
        if chance.random() < often:
            options["compensate"] = self._undo()
        return options

    def _undo(self) -> Any:
        number, fails, times = self._next(), self.chance.random() < 1 / 6, self.chance.randint(0, 1)
        failures = self._world.failures

        def undo(result: Any, state: WorkflowState, context: StepContext) -> None:
            if failures[context.step] < times:
                raise TransientError(f"not yet, {context.step}")
            if fails:
                raise PermanentError(f"{context.step} cannot be undone")
            state[UNDONE] = state.get(UNDONE, 0) + weigh(number, context.step)
            del result

        return step(undo, name="undo", retry=Retry(max_retries=1, delay=2))
