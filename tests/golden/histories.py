"""Runs whose records are kept as they were written, and a driver that writes them the same again at any time.

The steps are callable objects: they have no bytecode, whose digest would differ between versions of Python.
"""

from __future__ import annotations

import enum
import itertools
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from knows_core import (
    KnowsError,
    Limits,
    MemoryBackend,
    Migration,
    PipelineWorkflow,
    case,
    each,
    parallel,
    pipeline,
    repeat,
    scope,
    step,
    use,
)
from knows_core.driving.execution import Execution, order
from knows_core.driving.lanes import Lanes
from knows_core.journal import copied, read
from knows_core.linking import linked
from knows_core.resuming.deciding import Decision, decide
from knows_core.resuming.recorded import begin_recorded, go_on
from knows_core.rules import Rules
from knows_core.run import RunStatus
from knows_core.template import definition_of
from knows_core.walking.wishes import Call, Fork, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "golden"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Reading:
    value: float
    tags: list[str]


class Place(NamedTuple):
    x: int
    y: int


class Order(BaseModel):
    lot: str
    readings: list[Reading] = []


class Oven(BaseModel):
    setpoint: float = 180.0
    log: list[str] = []


class Warm(BaseModel):
    kelvin: float
    log: list[str] = []


class Stop(BaseException):
    """The process ends here."""


class Body:
    """A step: it writes its name, and gives its name around what it was given.

    In a mood for that, by its name and the beginning of what it was given, it raises.
    """

    def __init__(self, name: str, moods: dict[str, Any]) -> None:
        self.name, self.moods = name, moods

    def __call__(self, result, state):
        self.heed(result)
        state[self.name] = [self.name]
        return f"{self.name}({result})"

    def heed(self, result):
        for mood, error in self.moods.items():
            if f"{self.name}({result})".startswith(f"{mood}("):
                raise error


class Items(Body):
    def __call__(self, result, state):
        return ["one", "two", "three"]


class Written(Body):
    """A step that appends to the log of a state model."""

    def __call__(self, result, state):
        self.heed(result)
        state["log"] = [*state.get("log", []), self.name]
        return len(state["log"])


class Values:
    """A step that gives a value of every kind, in several classes."""

    def __call__(self, result: Colour | Reading | Place | Order | None) -> object:
        zone = timezone(timedelta(hours=2))
        return {
            "json": [None, True, 0, -1.5, "text", {"nested": [[]]}],
            "floats": [math.nan, math.inf, -0.0],
            "integers": [2**64, -(2**2000)],
            "texts": ["\ud800", "\x00", "é", "e\u0301"],
            "tuple": (1, (2,)),
            "sets": [{1, 2}, frozenset({"a"})],
            "bytes": [b"\x00\xff", bytearray(b"ab")],
            "keys": {1: "int", "1": "text", (1, 2): "tuple"},
            "tag": {"$": "tuple", "of": []},
            "decimal": Decimal("1.10"),
            "uuid": UUID(int=1),
            "times": [NOON, NOON.astimezone(zone), NOON.astimezone(ZoneInfo("Europe/Berlin")).replace(fold=1)],
            "dates": [date(2026, 1, 2), time(3, 4, 5), timedelta(days=-1, microseconds=1)],
            "enum": Colour.RED,
            "dataclass": Reading(1.5, ["a"]),
            "named tuple": Place(1, 2),
            "model": Order(lot="L1", readings=[Reading(2.5, [])]),
        }  # fmt: skip


def yes(result, state):
    return True


def twice(result, state):
    return result.count("h(") > 1


@dataclass
class History:
    """How a run comes about: templates that it is driven on, each with what its steps do, and who takes it up.

    `decisions` are made before the try of that number. The mood `pause` ends the process in the first pause. With
    `origin` the run begins with what that other run, which comes about in the first try, had recorded before a step.
    """

    tries: list[Callable[[dict[str, Any]], PipelineWorkflow]]
    moods: list[dict[str, Any]]
    input: Any = None
    state: dict[str, Any] = field(default_factory=dict)
    accept: bool = False
    limits: Limits = Limits()  # noqa: RUF009 - a frozen value
    decisions: dict[int, Decision] = field(default_factory=dict)
    origin: tuple[str, str] | None = None

    def template(self) -> PipelineWorkflow:
        """The template that goes on with it, in a good mood."""
        return self.tries[-1]({})

    def made(self) -> MemoryBackend:
        """The backend that holds it, made anew."""
        ticks = itertools.count()
        backend = MemoryBackend()

        def clock() -> datetime:
            return NOON + timedelta(milliseconds=250 * next(ticks))

        for number, moods in enumerate(self.moods):
            template = self.tries[min(number, len(self.tries) - 1)](moods)
            if number in self.decisions:
                decide(backend, None, RUN, self.decisions[number], template, clock, backend.release)
            if number == 0:
                execution: Any = self._begun(template, backend, clock)
            else:
                try:
                    execution = go_on(backend, None, RUN, template, clock, rules=Rules(self.limits), accept=self.accept)
                except KnowsError:  # it is stuck
                    continue
            drive(execution, pauses="pause" not in moods)
            backend.release(execution.id, backend.load(execution.id)[0].epoch)
            if number == 0 and self.origin is not None:
                self._copied(backend, self.origin)
        return backend

    def _begun(self, template: PipelineWorkflow, backend: MemoryBackend, clock: Callable[[], datetime]) -> Execution:
        run = RUN if self.origin is None else self.origin[0]
        wanted = order(linked(definition_of(template), None), self.input, self.state, clock, run, "file.py:it")
        return begin_recorded(wanted, backend, clock, Rules(self.limits))

    def _copied(self, backend: MemoryBackend, origin: tuple[str, str]) -> None:
        """As `begun_from` does, under an id that is always the same."""
        row, records = backend.load(origin[0])
        entries, _ = read(origin[0], records)
        kept = list(itertools.takewhile(lambda entry: entry.content.get("path") != origin[1], entries))
        backend.release(RUN, backend.create(replace(row, run=RUN, status=RunStatus.RUNNING), copied(RUN, kept, origin)))


def drive(execution: Execution, *, pauses: bool) -> None:
    """Drive a run in one thread, its branches in turn, until it or its process ends: in a pause, if not `pauses`."""
    recorder = execution.recorder
    lanes = Lanes(Fork(iter([execution.machine]), 1), recorder.add)
    while calls := lanes.calls():
        recorder.flush()
        for lane, call in calls:
            try:
                if isinstance(call, Call):
                    outcome = Outcome(call.step.binding.invoke(call.value, call.state, None))
                elif pauses:
                    outcome = Outcome()
                else:
                    raise Stop
            except Stop:
                lanes.calls()  # what other branches came to meanwhile is recorded
                recorder.flush()
                execution.machine.close()
                return
            except Exception as error:
                outcome = Outcome(error=error)
            lanes.answer(lane, outcome)
    recorder.flush()


def named(version, names, kind=Body, **more):
    """A template of steps in a row."""
    return lambda moods: pipeline(
        [step(kind(name, moods), name=name) for name in names], name="named", version=version, **more
    )


def branches(moods):
    one, two, three, four, five = (step(Body(name, moods), name=name) for name in "abcde")
    items = step(Items("items", moods), name="items")
    flow = parallel(one | two, three, name="both") | items | each(parallel(four, five), max_concurrency=2, name="all")
    return pipeline(flow, name="branches", version="1.2")


def choices(moods):
    f, g, h = (step(Body(name, moods), name=name) for name in "fgh")
    return pipeline(case((yes, f), g) | repeat(h, until=twice, max_times=5), name="choices", version="1.0")


def inside(moods):
    part = pipeline([step(Written("log", moods), name="log")], name="oven", version="3.1", state=Oven)
    i, j = (step(Body(name, moods), name=name) for name in "ij")
    flow = i | use(part, keys={"log": "oven_log"}) | scope(use(part, alias="again") | j, name="box", timeout=30)
    return pipeline(flow, name="inside", version="1.0")


def values(_moods):
    return pipeline([step(Values(), name="values")], name="values", version="1.0")


def converted(state):
    return {"kelvin": state["setpoint"] + 273.0, "log": state["log"]}


MIGRATION = Migration("^1.0", {"heat": "warm", "hold": None, "cool": "chill"}, converted)
AWAY = ConnectionError("the pump is away")
HISTORIES = {
    "sequence": History([named("1.0", "abc")], [{}], input=[1, "x"], state={"given": {"n": 1}}),
    "branches": History([branches], [{"b": Stop()}]),
    "items": History([branches], [{"e": Stop()}]),
    "choices": History([choices], [{"h(h": Stop()}, {"h(h": Stop()}]),
    "turns": History([choices], [{}]),
    "inside": History([inside], [{"j": Stop()}, {"j": Stop()}]),
    "values": History([values], [{}]),
    "failed": History([named("1.0", "abc")], [{"b": AWAY}, {"b": AWAY}]),
    "stuck": History([named("1.0", "abc")], [{"b": Stop()}] * 4, limits=Limits(max_recoveries=2)),
    "accepted": History([named("1.0", "abc"), named("1.0", "abxc")], [{"b": AWAY}, {"x": AWAY}], accept=True),
    "migrated": History(
        [
            named("1.0", ["heat", "hold", "rest", "cool"], Written, state=Oven),
            named("2.0", ["warm", "rest", "chill"], Written, state=Warm, migrations=[MIGRATION]),
        ],
        [{"cool": AWAY}, {"chill": AWAY}],
    ),
}
