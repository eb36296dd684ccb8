"""Compensations that fail, and what makes a run fail: all are tried, all errors kept, and none is stopped."""

from __future__ import annotations

import time

import pytest

from knows_core import (
    Continue,
    ContractError,
    Fallback,
    Limits,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    parallel,
    scope,
    step,
)
from knows_core.testing.simulator import Simulator
from tests.core.isolated_calls import until
from tests.core.mending import AT_ONCE, Steps, Undoing, driven, kinds, made, ran

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


@pytest.mark.fault(83)
def test_all_are_tried_and_all_errors_are_kept():
    """One that fails keeps none of the others from being tried; the status says so."""
    steps = Undoing()
    flow = steps.acts("a") | steps.works("b", 2, compensate=steps.fails("u")) | steps.acts("c")
    run = ran(flow | steps.works("d", 4, compensate=steps.fails("v", error=ValueError)) | steps.fails("x"))
    assert (steps.undone, run.status, run.compensated) == (["c", "a"], RunStatus.COMPENSATION_FAILED, False)
    assert run.error["code"] == "compensation-failed"
    for told in ("x failed (ConnectionError: x is away)", "2 of 4", "d~ (ValueError: v is away)", "b~ (Connection"):
        assert told in run.error["message"]
    assert run.error["cause"]["message"] == "x is away"


@both_drivers
def test_resuming_tries_those_that_failed_again(driver):
    """And only those; the run is compensated when the last one works."""
    steps, backend = Undoing(), MemoryBackend()
    template = made(steps.acts("a") | steps.works("b", 2, compensate=steps.fails("u", times=2)) | steps.fails("x"))
    with LocalEngine(backend) as engine:
        assert driven(engine, template, driver).status is RunStatus.COMPENSATION_FAILED
        again = engine.resume("r", template)
        assert (again.status, again.error["message"].count("1 of 2")) == (RunStatus.COMPENSATION_FAILED, 1)
        run = engine.resume("r", template)
    assert (run.status, run.compensated, run.error["step"], steps.undone) == (RunStatus.FAILED, True, "x", ["a"])
    assert kinds(run).count("Compensating") == 1


def test_a_compensation_has_policies_of_its_own():
    """It is a step: with retries, a limit of time, answers; those of the flow around do not reach it."""
    steps = Undoing()
    undo = steps.fails("u", times=2, retry=AT_ONCE)
    assert ran(steps.works("a", 1, compensate=undo) | steps.fails("x")).compensated
    assert steps.calls == ["a", "x", "u", "u", "u"]
    undo = steps.fails("u", on_error=Continue())
    assert ran(steps.works("a", 1, compensate=undo) | steps.fails("x")).compensated
    run = ran(scope(steps.works("a", 1, compensate=steps.fails("u", times=1)) | steps.fails("x", retry=AT_ONCE)),
              retry=AT_ONCE)  # fmt: skip
    assert run.status is RunStatus.COMPENSATION_FAILED


def test_a_compensation_falls_back_on_no_flow():
    """A flow is a part of the template, where readers see it: beside a step there is no place for one."""
    with pytest.raises(ContractError, match="compensate: u falls back on a flow"):
        Steps().works("a", compensate=step(print, name="u", on_error=Fallback(print)))


# ------------------------------------------------------------------ what ends a run


def until_late():
    end = time.monotonic() + 0.06
    while time.monotonic() < end:
        pass


def test_a_run_that_is_stopped_by_a_limit_is_undone():
    """Its time or its calls are over: what it still has to do is not stopped again, also after a crash in it."""
    for limits, code in ((Limits(workflow_timeout=0.05), "workflow-timeout"), (Limits(max_steps=2), "step-limit")):
        steps, backend = Undoing(), MemoryBackend()
        undo = steps.fails("u", times=1)
        slow = step(until_late, name="slow", compensate=undo)
        template = made(steps.acts("a") | slow | steps.works("c") | steps.works("d"))
        with LocalEngine(backend, limits=limits) as engine:
            run = engine.run(template, run_id="r")
            assert (run.status, steps.undone) == (RunStatus.COMPENSATION_FAILED, ["a"])
            run = engine.resume("r", template)
        assert (run.status, run.compensated, run.error["code"]) == (RunStatus.FAILED, True, code)


def test_a_cancelled_run_is_not_undone():
    """Somebody may resume it; what it did stands."""
    steps, backend = Undoing(), MemoryBackend()
    with LocalEngine(backend) as engine:

        def stop(context):
            engine.cancel("r")
            until("the cancel", lambda: context.cancelled)

        template = made(steps.acts("a") | step(stop) | steps.works("c", 3))
        run = engine.run(template, run_id="r")
        assert (run.status, run.compensated, steps.undone) == (RunStatus.CANCELLED, False, [])
        assert engine.resume("r", template).result == 3


def test_a_result_that_cannot_be_recorded_is_undone_too():
    """The run came to its end, and then failed at its result."""
    steps = Undoing()
    run = ran(steps.acts("a") | step(lambda: open, name="b"))
    assert (run.error["code"], run.compensated, steps.undone) == ("not-storable", True, ["a"])


@pytest.mark.fault(8)
def test_every_crash_point_of_a_compensation_comes_to_the_same():
    """Losing power at any effect, each finished step is undone, the newest first."""
    steps = Undoing()
    branches = parallel(steps.acts("b"), steps.acts("c"))
    template = made(steps.acts("a") | branches | steps.acts("d") | steps.fails("x"))
    simulator = Simulator(template)
    effects = simulator.run().effects
    for crash in range(1, effects):
        steps.undone.clear()
        run = simulator.run(crash).run
        assert (run.status, run.compensated) == (RunStatus.FAILED, True), crash
        assert list(dict.fromkeys(steps.undone)) in (["d", "c", "b", "a"], ["d", "b", "c", "a"]), crash
        done = [one.content["path"] for one in run.history if one.kind == "StepDone" and "~" in one.content["path"]]
        assert sorted(done) == ["a~", "b~", "c~", "d~"]
