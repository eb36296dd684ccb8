"""Random flows of every kind of node, to try a machine, a backend or a driver on.

Their steps read and write the same few state keys, write in place, drop keys, and fail now and then, always in the same
way for the same input and state, and the same number of recorded failures: whatever happens to a run, there is one
right answer, and `plain.evaluate` finds it.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from knows_core.checking.check import idle_options
from knows_core.context import StepContext  # noqa: TC001 - the steps' annotations are read
from knows_core.flow import Sequence
from knows_core.flows.building import case, each, parallel, repeat, scope, step, use
from knows_core.rules import Rules
from knows_core.state import WorkflowState
from knows_core.states.joining import Reducer
from knows_core.testing.policies import Declaring
from knows_core.testing.world import Person, World, weigh
from knows_core.workflow import PipelineWorkflow, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, MutableMapping

    from knows_core.flow import Flow

_KEYS = ("a", "b", "c")
_MANNERS = ("write", "write", "drop", "grow", "log", "log", "peak", "list", "fail", "nothing")
_DEEPEST = 3
_FAR = 1_000_003  # between the seeds of tries
_ITEMS = 4  # more than a list ever has
_LONG = 1e6  # seconds: a time limit that is recorded and never reached


class Shared(BaseModel):
    """A state model under which branches may write the same keys."""

    log: Annotated[list[int], Reducer(operator.add)] = Field(default_factory=list[int])
    peak: Annotated[int, Reducer(max)] = 0


@dataclass(frozen=True)
class GeneratedFlow:
    """A template, what it runs on, the world around it, and what its engine says of every run.

    `unsure` are the names of the acts of which only a person can tell whether they took place.
    """

    template: PipelineWorkflow
    input: Any
    state: dict[str, Any]
    world: World = field(default_factory=World)
    rules: Rules = field(default_factory=Rules)
    person: Person | None = None
    unsure: frozenset[str] = frozenset()


def generated(seed: int, *, policies: bool = False) -> GeneratedFlow:
    """A random flow of some 4 to 9 steps, with policies for its failures or without; the same one for the same seed."""
    tried = (_tried(seed, number, policies=policies) for number in itertools.count())
    # What goes on for a failure now and then is no list, where the next node goes over one.
    return next(flow for flow in tried if not policies or flow.template.validate())


def _tried(seed: int, number: int, *, policies: bool) -> GeneratedFlow:
    maker = _Maker(random.Random(seed + number * _FAR), policies=policies)  # noqa: S311 - no secret
    return maker.flow(maker.template("generated", maker.whole()), seed)


@dataclass(frozen=True)
class Plan:
    """What a generated step does: it reads one key, and treats another in its manner."""

    number: int
    manner: str
    reads: str
    writes: str

    def act(self, result: Any, state: MutableMapping[str, Any], bonus: int) -> Any:
        """What follows from the result before and the state."""
        told = weigh(self.number, result, state.get(self.reads)) + bonus
        match self.manner:
            case "write":
                state[self.writes] = told % 5
            case "drop":
                state.pop(self.writes, None)
            case "grow":
                state.setdefault("grown", []).append(told)
            case "log":
                state.setdefault("log", []).append(told)
            case "peak":
                state["peak"] = max(state.get("peak", 0), told)
            case "fail" if told % 4 == 0:
                state[self.writes] = "never seen"
                raise ValueError(f"step {self.number}")
            case "list":
                return [told + more for more in range(told % 4)]
            case _:
                pass
        return told


class _Maker:
    """Makes one flow; `left` is how many more steps it is to have."""

    def __init__(self, chance: random.Random, *, policies: bool) -> None:
        self.chance = chance
        self.left = chance.randint(4, 8)
        self._world = World()
        self.declaring = Declaring(chance, self._next, self._world) if policies else None
        self._numbers = 0
        self._beside = 0  # in how many forks the place is that is being made
        self._kinds: list[Callable[[int], Flow[Any, Any]]] = [
            self._parallel, self._parallel, self._case, self._each, self._repeat, self._scope, self._part,
        ]  # fmt: skip

    def flow(self, template: PipelineWorkflow, seed: int) -> GeneratedFlow:
        """A flow with what it runs on."""
        state: dict[str, Any] = {key: number for number, key in enumerate(_KEYS) if self.chance.random() < 2 / 3}
        for key in template.get_required_state():
            state.setdefault(key, 0)
        value = self.chance.randint(0, 9)
        if self.declaring is None:
            return GeneratedFlow(template, value, state, self._world)
        rules, person = self.declaring.rules(), Person(self._world, seed)
        return GeneratedFlow(template, value, state, self._world, rules, person, frozenset(self.declaring.unsure))

    def template(self, name: str, flow: Flow[Any, Any], required: tuple[str, ...] = ()) -> PipelineWorkflow:
        """A template of a flow, with or without a state model."""
        model = Shared if not required and self.chance.random() < 2 / 3 else None
        options = self.declaring.whole() if self.declaring is not None else {}
        return pipeline(flow, name=name, version="1.0.0", state=model, required_state=required, **options)

    def whole(self) -> Flow[Any, Any]:
        """All of it."""
        return _one_after_the_other(iter(lambda: self._node(0) if self.left > 0 else None, None))

    def _inside(self, depth: int) -> Flow[Any, Any]:
        """What is inside some node: one to three others."""
        return _one_after_the_other(self._node(depth + 1) for _ in range(self.chance.randint(1, 3)))

    def _node(self, depth: int) -> Flow[Any, Any]:
        if self.declaring is not None and self.declaring.one_in(12):
            return self.declaring.approval()
        if depth >= _DEEPEST or self.left < 2 or self.chance.random() < 1 / 2:
            return self._step(depth=depth)
        return self.chance.choice(self._kinds)(depth)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _name(self, depth: int = 0) -> str | None:
        """A name or none; inside others always one, where a nameless node could begin with one of its kind."""
        return f"n{self._next()}" if depth or self.chance.random() < 1 / 2 else None

    def _step(self, manner: str = "", depth: int = _DEEPEST) -> Flow[Any, Any]:
        self.left -= 1
        chance, world, declaring = self.chance, self._world, self.declaring
        plan = Plan(self._next(), manner or chance.choice(_MANNERS), chance.choice(_KEYS), chance.choice(_KEYS))
        if declaring is not None and not manner and declaring.one_in(6):
            return self._act(replace(plan, manner=chance.choice(["fail", "nothing"])), declaring)
        fail = declaring.fail() if declaring is not None else None

        def run(result: Any, state: WorkflowState, context: StepContext, bonus: int = 0) -> Any:
            world.calls.append(context.step)
            told = plan.act(result, state, bonus)
            if fail is not None:
                fail(context.step)
            return told

        made = step(run, name=f"s{plan.number}", **self._options(depth, manner))
        return made.partial(bonus=chance.randint(1, 9)) if chance.random() < 1 / 5 else made

    def _options(self, depth: int, manner: str) -> dict[str, Any]:
        declaring = self.declaring
        if declaring is None:
            return {}
        other = self._inside if depth < _DEEPEST and not manner else None
        return {
            "retry": declaring.retry(2, alone=not self._beside),
            "on_error": declaring.answer(depth, other, of_list=manner == "list"),
            "compensate": declaring.undo(),
        }

    def _act(self, plan: Plan, declaring: Declaring) -> Flow[Any, Any]:
        """A step with `effect="once"`: it writes no state, of which its look could not tell."""
        name, world, fail = f"s{plan.number}", self._world, declaring.fail()

        def run(result: Any, state: WorkflowState, context: StepContext) -> Any:
            world.calls.append(context.step)
            fail(context.step)
            told = plan.act(result, WorkflowState(state), 0)
            world.act(context.step, told)
            return told

        answers: dict[str, Any] = {"on_error": declaring.answer(_DEEPEST), "compensate": declaring.undo()}
        return step(run, name=name, effect="once", look=declaring.look(name, alone=not self._beside), **answers)

    @contextlib.contextmanager
    def _forked(self) -> Generator[None]:
        self._beside += 1
        yield
        self._beside -= 1

    def _asked(self) -> Callable[..., bool]:
        number, key = self._next(), self.chance.choice(_KEYS)

        def ask(result: Any, state: WorkflowState) -> bool:
            return weigh(number, result, state.get(key)) % 2 == 0

        ask.__name__ = f"asked{number}"
        return ask

    def _parallel(self, depth: int) -> Flow[Any, Any]:
        with self._forked():
            branches = [self._inside(depth) for _ in range(self.chance.randint(2, 3))]
        return parallel(*branches, name=self._name())

    def _case(self, depth: int) -> Flow[Any, Any]:
        choices = [(self._asked(), self._inside(depth)) for _ in range(self.chance.randint(1, 2))]
        default = self._inside(depth) if self.chance.random() < 1 / 2 else None
        return case(*choices, default=default, name=self._name(depth))

    def _each(self, depth: int) -> Flow[Any, Any]:
        # After a failure no further item begins. Which had begun, and are to be undone, is a matter of chance where
        # some but not all are under way at once.
        most = self.chance.randint(1, 3) if self.declaring is None else self.chance.choice([1, _ITEMS])
        with self._forked():
            made = each(self._inside(depth), max_concurrency=most, name=self._name())
        return self._step("list") | made if self.declaring is not None or self.chance.random() < 9 / 10 else made

    def _repeat(self, depth: int) -> Flow[Any, Any]:
        return repeat(self._inside(depth), until=self._asked(), max_times=self.chance.randint(1, 3), name=self._name())

    def _scope(self, depth: int) -> Flow[Any, Any]:
        timeout = _LONG if self.chance.random() < 1 / 2 else None
        options = self.declaring.whole(depth, self._inside) if self.declaring is not None else {}
        made: Any = scope(self._inside(depth), name=self._name(depth), timeout=timeout, **options)
        felt: Flow[Any, Any] = replace(made, **{option: None for option, *_ in idle_options(made)})
        return felt

    def _part(self, depth: int) -> Flow[Any, Any]:
        number = self._next()
        keys: dict[str, str] | str | None = self.chance.choice([
            None, {"a": "b", "b": "a"}, {"a": f"x{number}", "log": f"y{number}"}, f"space{number}",
        ])  # fmt: skip
        required = ("c",) if self.chance.random() < 1 / 3 else ()
        template = self.template(f"t{number}", self._inside(depth), required)
        return use(template, keys=keys, alias=self._name())


def _one_after_the_other(flows: Iterable[Flow[Any, Any]]) -> Flow[Any, Any]:
    first, *others = flows
    return Sequence((first, *others)) if others else first
