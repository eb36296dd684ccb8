"""The drivers: they grant a machine's wishes, in this thread and those of its steps, or in an event loop.

Both are the same few lines on the kind of wish; they differ in `await` and in where a step's function is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.driving.lanes import Lanes
from knows_core.errors import NotStorable
from knows_core.run import RunStatus
from knows_core.walking.wishes import Call, Fork, Outcome, Sleep, Stopped

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Executor

    from knows_core.driving.crew import Crew
    from knows_core.driving.desk import Desk
    from knows_core.driving.tasks import Tasks
    from knows_core.journals.records import Record, RunEnded
    from knows_core.walking.wishes import Machine, Wish


def _keep(machine: Machine, desk: Desk, record: Record) -> Wish:
    """Grant a record; one that cannot be stored is the failure of its step."""
    try:
        desk.record(record)
    except NotStorable as error:
        return machine.throw(error)
    return machine.send(None)


def drive(machine: Machine, desk: Desk) -> RunEnded:  # noqa: C901, PLR0912 - the loop of every step: no call more
    """Run a machine to its end in this thread. Raises what the backend raises; a step's error ends in the machine.

    A step has a thread of its own where it has a time limit, or where branches run side by side.
    """
    crew: Crew | None = None
    recorder, check = desk.recorder, desk.brakes.check
    try:
        wish = next(machine)
        while True:
            try:
                if isinstance(wish, Call):
                    check(wish.path)
                    # Everything recorded so far is durable before the next step can act on it.
                    if recorder.waiting:
                        recorder.flush()
                    try:
                        if wish.limit is None and wish.step.isolation == "thread":
                            answer = desk.call(wish)
                        else:
                            crew = crew or _crew(desk)
                            answer = crew.only(wish)
                    except Exception as error:  # noqa: BLE001 - a step may raise anything
                        wish = machine.throw(error)
                    else:
                        wish = machine.send(answer)
                elif isinstance(wish, Fork):
                    crew = crew or _crew(desk)
                    wish = machine.send(_side_by_side(wish, desk, crew))
                elif isinstance(wish, Sleep):
                    crew = crew or _crew(desk)
                    recorder.set_status(RunStatus.SLEEPING)
                    recorder.flush()
                    crew.rest(wish)
                    recorder.set_status(RunStatus.RUNNING)
                    wish = machine.send(None)
                else:
                    wish = _keep(machine, desk, wish)
            except Stopped as stop:
                if crew is not None:
                    crew.close()  # nobody waits for what it was at
                wish = machine.throw(stop)
    except StopIteration as end:
        recorder.flush()
        ended: RunEnded = end.value
        return ended
    finally:
        if crew is not None:
            crew.close()


def _crew(desk: Desk) -> Crew:
    from knows_core.driving.crew import Crew  # only runs with threads of their own pay for them

    return Crew(desk)


def _side_by_side(fork: Fork, desk: Desk, crew: Crew) -> list[Outcome]:
    """Run the branches of a fork. This thread alone turns machines and records; threads only call functions."""
    lanes = Lanes(fork, desk.record)
    try:
        while True:
            calls = lanes.calls()
            if calls and desk.recorder.waiting:
                desk.recorder.flush()
            for lane, call in calls:
                if isinstance(call, Sleep):
                    crew.sleep(lane, call)
                else:
                    desk.brakes.check(call.path)
                    crew.begin(lane, call)
            if not lanes.are_under_way:
                return lanes.outcomes
            for lane, outcome in crew.ended():
                lanes.answer(lane, outcome)
    finally:
        crew.close()


async def adrive(
    machine: Machine, desk: Desk, loop: asyncio.AbstractEventLoop, pool: Executor, records: Executor
) -> RunEnded:
    """Run a machine to its end in an event loop, which neither a sync step nor the backend ever blocks.

    Sync steps work in `pool`; the backend in `records`, so that a run whose steps fill the pool still stops.
    """
    from knows_core.driving.tasks import Tasks  # only the async driver pays for asyncio

    tasks = Tasks(desk, loop, pool, records)
    try:
        wish = next(machine)
        while True:
            try:
                if isinstance(wish, Call):
                    desk.brakes.check(wish.path)
                    if desk.recorder.waiting:
                        await tasks.flushed()
                    try:
                        answer = await tasks.only(wish)
                    except Exception as error:  # noqa: BLE001 - a step may raise anything
                        wish = machine.throw(error)
                    else:
                        wish = machine.send(answer)
                elif isinstance(wish, Fork):
                    wish = machine.send(await _aside_by_side(wish, desk, tasks))
                elif isinstance(wish, Sleep):
                    desk.recorder.set_status(RunStatus.SLEEPING)
                    await tasks.flushed()
                    await tasks.rest(wish)
                    desk.recorder.set_status(RunStatus.RUNNING)
                    wish = machine.send(None)
                else:
                    wish = _keep(machine, desk, wish)
            except Stopped as stop:
                wish = machine.throw(stop)
    except StopIteration as end:
        await tasks.flushed()
        ended: RunEnded = end.value
        return ended


async def _aside_by_side(fork: Fork, desk: Desk, tasks: Tasks) -> list[Outcome]:
    lanes = Lanes(fork, desk.record)
    try:
        while True:
            calls = lanes.calls()
            if calls and desk.recorder.waiting:
                await tasks.flushed()
            for lane, call in calls:
                if isinstance(call, Sleep):
                    tasks.sleep(lane, call)
                else:
                    desk.brakes.check(call.path)
                    tasks.begin(lane, call)
            if not lanes.are_under_way:
                return lanes.outcomes
            for lane, outcome in await tasks.ended():
                lanes.answer(lane, outcome)
    finally:
        await tasks.close()
