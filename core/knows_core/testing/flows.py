"""Random flows of every kind of node, to try a machine, a backend or a driver on.

Their steps read and write the same few state keys, write in place, drop keys, and fail now and then, always in the same
way for the same input and state: whatever happens to a run, there is one right answer, and `plain.evaluate` finds it.
"""

from __future__ import annotations

import operator
import random
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from knows_core.building import case, each, parallel, repeat, scope, step, use
from knows_core.context import StepContext  # noqa: TC001 - the steps' annotations are read
from knows_core.flow import Sequence
from knows_core.joining import Reducer
from knows_core.state import WorkflowState  # noqa: TC001 - see StepContext
from knows_core.workflow import PipelineWorkflow, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping

    from knows_core.flow import Flow

_KEYS = ("a", "b", "c")
_MANNERS = ("write", "write", "drop", "grow", "log", "log", "peak", "list", "fail", "nothing")
_DEEPEST = 3
_LONG = 1e6  # seconds: a time limit that is recorded and never reached


class Shared(BaseModel):
    """A state model under which branches may write the same keys."""

    log: Annotated[list[int], Reducer(operator.add)] = Field(default_factory=list[int])
    peak: Annotated[int, Reducer(max)] = 0


@dataclass(frozen=True)
class GeneratedFlow:
    """A template, what it runs on, and the paths of the calls of its steps, in order, until somebody clears them."""

    template: PipelineWorkflow
    input: Any
    state: dict[str, Any]
    calls: list[str] = field(default_factory=list[str])


def generated(seed: int) -> GeneratedFlow:
    """A random flow of some 4 to 9 steps; the same one for the same seed."""
    calls: list[str] = []
    maker = Maker(random.Random(seed), calls)  # noqa: S311 - no secret
    template = maker.template("generated", maker.whole())
    state: dict[str, Any] = {key: number for number, key in enumerate(_KEYS) if maker.chance.random() < 2 / 3}
    for key in template.get_required_state():
        state.setdefault(key, 0)
    return GeneratedFlow(template, maker.chance.randint(0, 9), state, calls)


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


def weigh(*values: Any) -> int:
    """A small number that tells values apart, the same in every process."""
    return zlib.crc32(repr(values).encode()) % 97


class Maker:
    """Makes one flow; `left` is how many more steps it is to have."""

    def __init__(self, chance: random.Random, calls: list[str]) -> None:
        self.chance = chance
        self.left = chance.randint(4, 8)
        self._calls = calls
        self._numbers = 0
        self._kinds: list[Callable[[int], Flow[Any, Any]]] = [
            self._parallel, self._parallel, self._case, self._each, self._repeat, self._scope, self._part,
        ]  # fmt: skip

    def template(self, name: str, flow: Flow[Any, Any], required: tuple[str, ...] = ()) -> PipelineWorkflow:
        """A template of a flow, with or without a state model."""
        model = Shared if not required and self.chance.random() < 2 / 3 else None
        return pipeline(flow, name=name, version="1.0.0", state=model, required_state=required)

    def whole(self) -> Flow[Any, Any]:
        """All of it."""
        return _one_after_the_other(iter(lambda: self._node(0) if self.left > 0 else None, None))

    def _inside(self, depth: int) -> Flow[Any, Any]:
        """What is inside some node: one to three others."""
        return _one_after_the_other(self._node(depth + 1) for _ in range(self.chance.randint(1, 3)))

    def _node(self, depth: int) -> Flow[Any, Any]:
        if depth >= _DEEPEST or self.left < 2 or self.chance.random() < 1 / 2:
            return self._step()
        return self.chance.choice(self._kinds)(depth)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _name(self, depth: int = 0) -> str | None:
        """A name or none; inside others always one, where a nameless node could begin with one of its kind."""
        return f"n{self._next()}" if depth or self.chance.random() < 1 / 2 else None

    def _step(self, manner: str = "") -> Flow[Any, Any]:
        self.left -= 1
        chance, calls = self.chance, self._calls
        plan = Plan(self._next(), manner or chance.choice(_MANNERS), chance.choice(_KEYS), chance.choice(_KEYS))

        def run(result: Any, state: WorkflowState, context: StepContext, bonus: int = 0) -> Any:
            calls.append(context.step)
            return plan.act(result, state, bonus)

        made = step(run, name=f"s{plan.number}")
        return made.partial(bonus=chance.randint(1, 9)) if chance.random() < 1 / 5 else made

    def _asked(self) -> Callable[..., bool]:
        number, key = self._next(), self.chance.choice(_KEYS)

        def ask(result: Any, state: WorkflowState) -> bool:
            return weigh(number, result, state.get(key)) % 2 == 0

        ask.__name__ = f"asked{number}"
        return ask

    def _parallel(self, depth: int) -> Flow[Any, Any]:
        branches = [self._inside(depth) for _ in range(self.chance.randint(2, 3))]
        return parallel(*branches, name=self._name())

    def _case(self, depth: int) -> Flow[Any, Any]:
        choices = [(self._asked(), self._inside(depth)) for _ in range(self.chance.randint(1, 2))]
        default = self._inside(depth) if self.chance.random() < 1 / 2 else None
        return case(*choices, default=default, name=self._name(depth))

    def _each(self, depth: int) -> Flow[Any, Any]:
        made = each(self._inside(depth), max_concurrency=self.chance.randint(1, 3), name=self._name())
        return self._step("list") | made if self.chance.random() < 9 / 10 else made

    def _repeat(self, depth: int) -> Flow[Any, Any]:
        return repeat(self._inside(depth), until=self._asked(), max_times=self.chance.randint(1, 3), name=self._name())

    def _scope(self, depth: int) -> Flow[Any, Any]:
        timeout = _LONG if self.chance.random() < 1 / 2 else None
        return scope(self._inside(depth), name=self._name(depth), timeout=timeout)

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
