"""Steps and plain functions of every shape, for the seams in `good` and `bad`."""

from __future__ import annotations

from dataclasses import dataclass

from knows_core import StepContext, WorkflowState, step


@dataclass
class Oven:
    limit: float


class Alarm: ...


class FireAlarm(Alarm): ...


@step
def heat(state: Oven) -> float:
    return state.limit


@step
def judge(value: float, state: Oven, context: StepContext) -> str:
    return f"{value} {state} {context}"


@step
def by_name(value: float, *, state: Oven, context: StepContext) -> str:
    return f"{value} {state} {context}"


@step
def only_by_name(*, state: Oven, context: StepContext) -> int:
    return context.attempt + round(state.limit)


@step
def only_context(context: StepContext) -> int:
    return context.attempt


@step
def context_and_state(context: StepContext, state: Oven) -> bool:
    return context.attempt > state.limit


@step
def nothing() -> int:
    return 1


@step
def with_settings(value: str, limit: int = 3, *, state: WorkflowState | None = None) -> list[int]:
    return [len(value), limit, id(state)]


@step
async def measure(value: float) -> int:
    return round(value)


@step
async def warm_up(state: Oven) -> Oven:
    return state


@step(timeout=3)
def slow(value: int) -> str:
    return str(value)


@step(name="later", reads=["limit"])
async def slow_and_async(value: str, state: Oven) -> float:
    return len(value) / state.limit


@step(isolation="process")
def alone(state: Oven) -> str:
    return str(state)


@step
def start_fire(value: object) -> FireAlarm:
    return FireAlarm()


@step
def start_alarm(state: Oven) -> Alarm:
    return Alarm()


@step
def ring(value: Alarm) -> float | None:
    return 1.0


@step
def put_out(value: FireAlarm) -> None: ...


@step
def or_nothing(value: float | None) -> int | str:
    return "" if value is None else 1


@step
def either(value: int | str | None) -> list[int]:
    return [1]


@step
def pair(value: tuple[str, int]) -> tuple[int, int]:
    return (len(value[0]), value[1])


@step
def join(value: list[str]) -> str:
    return "".join(value)


@step
def letters(value: str) -> set[str]:
    return set(value)


def plain(value: str) -> int:
    return len(value)


async def plain_async(value: str) -> int:
    return len(value)


def plain_state(state: Oven) -> int:
    return round(state.limit)


def plain_context(context: StepContext) -> int:
    return context.attempt


def plain_by_name(*, state: Oven) -> int:
    return round(state.limit)


def state_and_value(state: Oven, value: str) -> int:
    return len(value)


def of_float(value: float) -> int:
    return round(value)


async def of_int(value: int, state: Oven) -> float:
    return value / state.limit


class Pump:
    def pressure(self, value: int) -> float:
        return value / 2

    @step
    def run(self, value: int) -> float:
        return value / 2


def is_hot(value: float, state: Oven) -> bool:
    return value > state.limit


def is_full(state: Oven) -> bool:
    return state.limit > 1


def is_long(value: str, *, state: Oven) -> bool:
    return len(value) > state.limit
