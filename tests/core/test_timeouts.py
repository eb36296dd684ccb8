"""Time limits of steps and scopes: what is late is given up, and what it does later counts for nothing."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from knows_core import LocalEngine, MemoryBackend, StepContext, parallel, pipeline, scope, step

LONG = 30  # seconds: a test that waits for it has failed
SHORT = 0.05


def late(name="late", timeout=SHORT, leave=None):
    """A step that hangs until it is told that nobody waits for it, and writes all the same."""
    left = leave or threading.Event()

    def hang(state, context: StepContext):
        state["early"] = 1
        until = time.monotonic() + LONG
        while not context.cancelled and time.monotonic() < until:
            time.sleep(0.001)
        state["late"] = 1
        if context.cancelled:
            left.set()
        return "late"

    return step(hang, name=name, timeout=timeout), left


def run_with(driver, template, **more):
    with LocalEngine(MemoryBackend()) as engine:
        return asyncio.run(engine.arun(template, **more)) if driver == "async" else engine.run(template, **more)


@pytest.mark.fault(79)
@pytest.mark.parametrize("driver", ["sync", "async"])
def test_a_late_step_is_given_up(driver):
    """It fails with the limit named, hears that it is given up, and none of its writes count."""
    hanging, left = late()
    run = run_with(driver, pipeline(hanging, name="t", version="1.0"), state={"x": 0})
    assert (run.error["code"], run.error["step"]) == ("step-timeout", "late")
    assert run.state.data == {"x": 0, "error": run.error}
    assert left.wait(LONG / 3)


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_a_late_branch_does_not_hold_the_others(driver):
    """The other branch ends, and the failure is that of the late one."""
    hanging, _ = late()
    run = run_with(driver, pipeline(parallel(hanging, step(lambda: 1, name="quick")), name="t", version="1.0"))
    assert (run.error["code"], run.error["step"]) == ("step-timeout", "late")
    assert [one.content["path"] for one in run.history if one.kind == "StepDone"] == ["quick"]


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_a_scope_has_a_time_for_all_its_steps(driver):
    """The step under way is given up, and the error names scope and step."""
    hanging, _ = late(timeout=LONG)
    flow = scope(step(lambda: 1, name="quick") | hanging, name="box", timeout=SHORT)
    run = run_with(driver, pipeline(flow, name="t", version="1.0"))
    assert (run.error["code"], run.error["step"]) == ("scope-timeout", "box/late")
    assert "box was not done within 0.05 s; box/late was under way" in run.error["message"]


def test_the_inner_of_two_scopes_may_be_the_first_to_end():
    """The sooner of two deadlines counts, and is the one named."""
    hanging, _ = late(timeout=None)
    flow = scope(scope(hanging, name="inner", timeout=LONG), name="outer", timeout=SHORT)
    assert "outer was not done" in run_with("sync", pipeline(flow, name="t")).error["message"]


def test_an_async_step_is_cancelled_for_real():
    """A coroutine that is late hears of it at its next await."""
    heard = []

    async def hang(value):
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    run = run_with("async", pipeline(step(hang, name="hang", timeout=SHORT), name="t", version="1.0"))
    assert (run.error["code"], heard) == ("step-timeout", ["cancelled"])


@pytest.mark.fault(80)
@pytest.mark.parametrize("driver", ["sync", "async"])
@pytest.mark.parametrize("beside", [False, True])
def test_an_async_step_that_does_not_heed_its_cancellation_is_late_all_the_same(driver, beside):
    """The limit counts: the run goes on without it soon, and what it comes to later counts for nothing."""
    heard, leave = [], threading.Event()

    async def deaf(value, state):
        until = time.monotonic() + LONG
        while not leave.is_set() and time.monotonic() < until:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                heard.append(state.set("late", 1))
        return "late"

    async def driven(engine, template):
        run = await engine.arun(template)
        leave.set()
        return run

    hanging = step(deaf, name="deaf", timeout=SHORT)
    template = pipeline(parallel(hanging, step(lambda: 1, name="quick")) if beside else hanging, name="t")
    with LocalEngine(MemoryBackend()) as engine:
        run = asyncio.run(driven(engine, template)) if driver == "async" else engine.run(template)
        leave.set()
    assert (run.error["code"], run.error["step"], "late" in run.state) == ("step-timeout", "deaf", False)
    assert driver == "sync" or heard


def test_a_step_in_time_is_not_disturbed():
    """Its result counts, its deadline is told, and an own TimeoutError stays what it is."""
    flow = step(lambda context: context.deadline is not None, name="in_time", timeout=LONG)
    assert run_with("sync", pipeline(flow, name="t")).result is True

    def own():
        raise TimeoutError("own")

    for driver in ("sync", "async"):
        run = run_with(driver, pipeline(step(own, name="own", timeout=LONG), name="t"))
        assert (run.error["type"], run.error["message"]) == ("TimeoutError", "own")


def test_a_scope_counts_the_time_of_all_tries():
    """What was spent before a failure is spent when the run goes on; the time between is not."""
    clock, broken = [0.0], [True]
    from datetime import UTC, datetime, timedelta

    def now():
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=clock[0])

    def work(value):
        clock[0] += 40
        if broken[0]:
            raise OSError
        return "done"

    flow = scope(step(work, name="work"), name="box", timeout=60)
    engine = LocalEngine(MemoryBackend(), clock=now)
    template = pipeline(flow, name="t", version="1.0")
    assert engine.run(template, run_id="r").error["type"] == "OSError"
    clock[0] += 1_000
    assert engine.resume("r", template).error["type"] == "OSError"
    broken[0] = False
    assert engine.resume("r", template).error["code"] == "scope-timeout"
