"""What stops a run before its flow is done: a cancellation, its time, its number of calls."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, cast

import pytest

from knows_core import Limits, LocalEngine, MemoryBackend, RunStatus, WorkflowTimeout, parallel, pipeline, step
from knows_core.walking.brakes import Brakes
from knows_core.walking.wishes import Stopped
from tests.core import isolated_steps as steps
from tests.core.isolated_calls import gone, ids, until

PATIENCE = 30  # seconds that a test waits at most


def driven(engine, template, driver, **more):
    if driver == "sync":
        return engine.run(template, **more)
    return asyncio.run(engine.arun(template, **more))


both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


@both_drivers
def test_a_step_that_is_under_way_ends_and_is_recorded_before_the_run_stops(driver):
    """Cancelled inside a step: the step counts, the next one is not called, and the run resumes after it."""
    backend = MemoryBackend()
    engine = LocalEngine(backend)
    calls = []

    @step
    def first():
        calls.append("first")
        if len(calls) == 1:
            assert engine.cancel("r") is RunStatus.RUNNING
        return "first"

    @step
    def second(value, context):
        calls.append("second")
        deadline = time.monotonic() + PATIENCE
        while calls == ["first", "second"] and not context.cancelled:
            assert time.monotonic() < deadline
        return value + " second"

    @step
    def third(value):
        return value + " third"

    template = pipeline(first | second | third, name="w", version="1.0")
    run = driven(engine, template, driver, run_id="r")
    assert (run.status, run.error["code"], engine.status("r")) == (RunStatus.CANCELLED, "cancelled", run.status)
    assert backend.load("r")[0].cancelling is False
    calls.append("again")
    assert engine.resume("r", template).result == "first second third"
    assert calls.count("first") == 1


def hanging(begun, leave):
    """A step that is slow to hear: it ends when the test has seen the run's end."""

    def body():
        begun.set()
        leave.wait(PATIENCE)

    return body


@both_drivers
@pytest.mark.parametrize("shape", ["timed", "parallel", "isolated"])
def test_a_driver_that_waits_stops_at_once(driver, shape, tmp_path):
    """Cancelled while steps in threads, tasks or processes are under way: the run does not wait for their end."""
    engine = LocalEngine(MemoryBackend())
    begun, leave = threading.Event(), threading.Event()
    noted = tmp_path / "ids"
    wait = step(hanging(begun, leave), name="wait", timeout=PATIENCE if shape == "timed" else None)
    isolated = step(steps.note_and_hang, isolation="process")
    flow = {"timed": wait, "parallel": parallel(wait, step(lambda: 1, name="other")), "isolated": isolated}[shape]
    template = pipeline(flow, name="w", version="1.0")
    asked = []

    def cancel():
        until("the step's begin", lambda: begun.is_set() or noted.exists())
        engine.cancel("r")
        asked.append(time.monotonic())

    thread = threading.Thread(target=cancel)
    thread.start()
    run = driven(engine, template, driver, run_id="r", input=str(noted))
    late = time.monotonic() - asked[0]
    leave.set()
    thread.join()
    assert run.status is RunStatus.CANCELLED
    assert late < PATIENCE / 3
    assert [one.kind for one in run.history][-1] == "RunEnded"


@both_drivers
def test_a_run_stops_between_steps_when_its_time_is_over(driver):
    """`workflow_timeout` is checked before every call; what was recorded stays, and a longer time goes on with it."""
    backend = MemoryBackend()

    @step
    def slow():
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass
        return "slow"

    template = pipeline(slow | step(lambda value: value + " done", name="last"), name="w", version="1.0")
    run = driven(LocalEngine(backend, limits=Limits(workflow_timeout=0.04)), template, driver, run_id="r")
    assert (run.status, run.error["code"]) == (RunStatus.FAILED, "workflow-timeout")
    assert LocalEngine(backend).resume("r", template).result == "slow done"


@both_drivers
def test_a_step_in_a_thread_is_cut_short_when_the_run_is_out_of_time(driver):
    """A driver that waits does not wait longer than the run may take."""
    leave = threading.Event()
    wait = step(hanging(threading.Event(), leave), name="wait")
    template = pipeline(parallel(wait, step(lambda: 1, name="b")), name="w", version="1.0")
    run = driven(LocalEngine(limits=Limits(workflow_timeout=0.05)), template, driver)
    leave.set()
    assert (run.status, run.error["code"]) == (RunStatus.FAILED, "workflow-timeout")
    assert "0.05 s" in run.error["message"]


@pytest.mark.fault(89)
@both_drivers
def test_a_run_may_make_so_many_calls(driver):
    """`max_steps` stops a loop that does not end, and counts the calls of former tries."""
    backend = MemoryBackend()
    steps = [step(lambda value: (value or 0) + 1, name=f"s{number}") for number in range(6)]
    template = pipeline(steps, name="w", version="1.0")
    run = driven(LocalEngine(backend, limits=Limits(max_steps=4)), template, driver, run_id="r")
    assert (run.status, run.error["code"]) == (RunStatus.FAILED, "step-limit")
    again = LocalEngine(backend, limits=Limits(max_steps=4)).resume("r", template)
    assert again.error["code"] == "step-limit"
    assert LocalEngine(backend, limits=Limits(max_steps=6)).resume("r", template).result == 6


def test_owned_time_is_that_of_all_tries():
    """What former tries took counts, and nothing else does."""
    now = [100.0]
    brakes = Brakes("r", Limits(workflow_timeout=10), spent=7, clock=lambda: now[0])
    brakes.check("a")
    assert brakes.left() == 3
    now[0] += 3
    with pytest.raises(Stopped) as stopped:
        brakes.check("b")
    assert isinstance(stopped.value.error, WorkflowTimeout)
    brakes.check("of what a stopped run still has to do")


def test_no_limit_is_none():
    """A `workflow_timeout` of 0 never stops a run."""
    now = [0.0]
    brakes = Brakes("r", Limits(workflow_timeout=0), clock=lambda: now[0])
    now[0] = 10.0**9
    brakes.check("a")
    assert brakes.left() is None


@both_drivers
def test_an_isolated_step_is_gone_when_its_run_was_stopped(driver, tmp_path):
    """The process of a step that nobody waits for is killed, not left behind."""
    template = pipeline(step(steps.note_and_hang, isolation="process"), name="w", version="1.0")
    noted = tmp_path / "ids"
    run = driven(LocalEngine(limits=Limits(workflow_timeout=3)), template, driver, input=str(noted))
    assert run.error["code"] == "workflow-timeout"
    pid, child = ids(noted)
    until("the end of both", lambda: gone(pid) and gone(child))


def test_a_run_whose_steps_fill_the_pool_still_stops():
    """The end is recorded beside the sync steps of an event loop, which may keep all their threads for long."""
    engine = LocalEngine(MemoryBackend(), limits=Limits(max_concurrent_workflows=1))
    begun, leave = threading.Event(), threading.Event()
    template = pipeline(step(hanging(begun, leave), name="wait"), name="w", version="1.0")

    async def cancelled():
        run = asyncio.create_task(engine.arun(template, run_id="r"))
        await asyncio.to_thread(begun.wait, PATIENCE)
        engine.cancel("r")
        return (await run).status, leave.is_set()

    threading.Timer(PATIENCE / 6, leave.set).start()
    ended = asyncio.run(cancelled())
    leave.set()
    assert ended == (RunStatus.CANCELLED, False)


def test_a_step_that_takes_its_time_to_end_is_not_disturbed_again(caplog):
    """The keeper reminds the run of its cancellation as long as it lasts, and nothing is logged for that."""
    engine = LocalEngine(MemoryBackend())
    held: dict[str, Any] = {}
    begun, reminded = threading.Event(), threading.Semaphore(0)

    @step
    async def wait():
        begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            brakes = held["r"]
            wake = brakes.wake

            def remind():
                reminded.release()
                wake()

            brakes.wake = remind
            assert await asyncio.to_thread(lambda: all(reminded.acquire(timeout=PATIENCE) for _ in range(2)))

    template = pipeline(wait, name="w", version="1.0")

    async def run():
        task = asyncio.create_task(engine.arun(template, run_id="r"))
        await asyncio.to_thread(begun.wait, PATIENCE)
        held.update(cast("Any", engine)._dispatcher._keeper._held)
        engine.cancel("r")
        return await task

    assert asyncio.run(run()).status is RunStatus.CANCELLED
    assert caplog.records == []
