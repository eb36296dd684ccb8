"""Pauses before another attempt: stored as `sleeping`, ended at once by a cancel, and never slept twice."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest

from knows_core import (
    Limits,
    LocalEngine,
    MemoryBackend,
    Retry,
    RunStatus,
    each,
    parallel,
    scope,
    step,
)
from knows_core.testing.simulator import Simulator
from tests.core.isolated_calls import until
from tests.core.mending import Clock, Steps, driven, kinds, made

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])
MINUTE = Retry(max_retries=3, delay=60, jitter=0, backoff=1)
SOON = 1.0  # seconds: what a machine under load may need for a tenth of that


def cancelled_in_its_pause(engine, template, driver):
    """A run that is cancelled while it pauses, and how many seconds that took."""
    began = []

    def cancel():
        until("the pause", lambda: is_sleeping(engine))
        began.append(time.monotonic())
        engine.cancel("r")

    thread = threading.Thread(target=cancel)
    thread.start()
    run = driven(engine, template, driver)
    took = time.monotonic() - began[0]
    thread.join()
    return run, took


def is_sleeping(engine):
    return any(row.status is RunStatus.SLEEPING for row in engine.runs())


@both_drivers
def test_a_cancel_ends_a_pause_at_once(driver):
    """Catalogue 26: within 0.1 s of a pause of a minute; a busy machine is given more here."""
    with LocalEngine(MemoryBackend()) as engine:
        template = made(Steps().fails("a", retry=MINUTE))
        run, took = cancelled_in_its_pause(engine, template, driver)
    assert (run.status, run.error["code"]) == (RunStatus.CANCELLED, "cancelled")
    assert took < SOON


@both_drivers
def test_what_is_left_of_a_pause_is_slept_by_whoever_resumes(driver):
    """The pause ends when it was to end, by the clock of the engine; the attempts go on where they were."""
    clock, backend, attempts = Clock(), MemoryBackend(), []

    @step(retry=MINUTE)
    def a(context):
        attempts.append(context.attempt)
        if len(attempts) == 1:
            raise ConnectionError
        return 5

    with LocalEngine(backend, clock=clock) as engine:
        run, _ = cancelled_in_its_pause(engine, made(a), driver)
        until_ = [one.content["until"] for one in run.history if one.kind == "StepFailed"]
        assert until_ == [clock().timestamp() + 60]
        for forward in (20, 20):  # resumed in the middle, and stopped again
            clock.forward(forward)
            run, _ = resumed_and_cancelled(engine, made(a), driver)
            assert (run.status, attempts) == (RunStatus.CANCELLED, [1])
        clock.forward(19.99)
        began = time.monotonic()
        run = engine.resume("r", made(a))
        assert 0.01 <= time.monotonic() - began < 10
    assert (run.status, run.result, attempts) == (RunStatus.COMPLETED, 5, [1, 2])


def resumed_and_cancelled(engine, template, driver):
    class Resuming:
        def run(self, template, run_id):
            return engine.resume(run_id, template)

        async def arun(self, template, run_id):
            return await engine.aresume(run_id, template)

        runs, cancel = engine.runs, engine.cancel

    return cancelled_in_its_pause(Resuming(), template, driver)


def test_a_pause_that_is_over_is_not_slept():
    """Resumed an hour later, the next attempt begins at once."""
    clock, steps = Clock(), Steps()
    template = made(steps.fails("a", times=1, retry=MINUTE))
    with LocalEngine(MemoryBackend(), clock=clock) as engine:
        cancelled_in_its_pause(engine, template, "sync")
        clock.forward(3600)
        assert engine.resume("r", template).status is RunStatus.COMPLETED
    assert steps.calls == ["a", "a"]


def test_a_clock_that_was_put_back_makes_no_pause_longer():
    """Catalogue 19: an hour earlier than it was, the rest of the pause is at most the pause."""
    template = made(Steps().fails("a", times=1, retry=Retry(delay=0.05, jitter=0)))
    clock, backend = Clock(), MemoryBackend()
    with LocalEngine(backend, clock=clock) as engine:
        dying = KillingBackend(backend)
        with pytest.raises(KeyboardInterrupt):
            LocalEngine(dying, clock=clock).run(template, run_id="r")
        backend.release("r", 1)
        clock.now -= timedelta(hours=1)
        began = time.monotonic()
        assert engine.resume("r", template).status is RunStatus.COMPLETED
        assert time.monotonic() - began < 10


class KillingBackend:
    """A backend whose process ends when a pause has been recorded."""

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def append(self, batch):
        done = self._backend.append(batch)
        if batch[0].status is RunStatus.SLEEPING:
            raise KeyboardInterrupt
        return done


@both_drivers
def test_a_pause_is_seen_as_a_status(driver):
    """`sleeping` while it lasts, `running` in the attempt behind it; a run without a pause never sleeps."""
    seen, backend = [], MemoryBackend()

    class Watched(KillingBackend):
        def append(self, batch):
            seen.extend(one.status for one in batch)
            return self._backend.append(batch)

    def body():
        seen.append("called")
        if seen.count("called") == 1:
            raise ConnectionError

    with LocalEngine(Watched(backend)) as engine:
        driven(engine, made(step(body, name="a", retry=Retry(delay=0.001))), driver)
    assert seen == ["called", RunStatus.SLEEPING, RunStatus.RUNNING, "called", RunStatus.COMPLETED]


def test_a_sleeping_run_whose_process_died_is_resumed():
    """Its status is `sleeping` and it has no owner: that is no damage."""
    clock, backend = Clock(), MemoryBackend()
    template = made(Steps().fails("a", times=1, retry=MINUTE))
    with pytest.raises(KeyboardInterrupt):
        LocalEngine(KillingBackend(backend), clock=clock).run(template, run_id="r")
    with LocalEngine(backend, clock=clock) as engine:
        assert engine.status("r") is engine.result("r", template).status is RunStatus.SLEEPING
        clock.forward(60)
        assert engine.resume("r", template).status is RunStatus.COMPLETED


def test_attempts_are_counted_by_their_calls_however_often_a_pause_was_cut_short():
    """A process that ended in a pause was not at the step: only one that ended in an attempt counts."""
    clock, backend, attempts = Clock(), MemoryBackend(), []

    @step(retry=MINUTE)
    def a(context):
        attempts.append(context.attempt)
        if len(attempts) == 2:
            raise KeyboardInterrupt
        if len(attempts) < 2:
            raise ConnectionError

    killed = LocalEngine(KillingBackend(backend), clock=clock)
    with pytest.raises(KeyboardInterrupt):
        killed.run(made(a), run_id="r")
    with pytest.raises(KeyboardInterrupt):
        killed.resume("r", made(a))
    clock.forward(60)
    with LocalEngine(backend, clock=clock) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.resume("r", made(a))
        assert engine.resume("r", made(a)).status is RunStatus.COMPLETED
    assert attempts == [1, 2, 3]


@both_drivers
def test_a_pause_in_a_branch_lets_the_others_go_on(driver):
    """What is beside it is done meanwhile, and the run is not asleep."""
    statuses, paused = [], threading.Event()

    def flaky():
        if not paused.is_set():
            paused.set()
            raise ConnectionError
        return 1

    def beside(given=None):
        paused.wait(30)
        statuses.append(engine.status("r"))
        return 2

    branch = step(beside, name="b") | step(beside, name="c") | step(beside, name="d")
    flow = parallel(step(flaky, name="a", retry=Retry(delay=0.8, jitter=0)), branch)
    with LocalEngine(MemoryBackend()) as engine:
        run = driven(engine, made(flow), driver)
    assert (run.result, statuses) == ((1, 2), [RunStatus.RUNNING] * 3)
    order = [(one.kind, one.content.get("path")) for one in run.history]
    assert order.index(("StepDone", "d")) < order.index(("StepRetried", "a"))


@both_drivers
def test_a_cancel_ends_the_pauses_of_all_branches(driver):
    """And leaves each resumable with what is left of it."""
    clock, steps = Clock(), Steps()
    flow = step(lambda: [1, 2, 3], name="list") | each(steps.fails("a", times=3, retry=MINUTE))
    with LocalEngine(MemoryBackend(), clock=clock) as engine:
        template, began = made(flow), []

        def cancel():
            until("three pauses", lambda: len(steps.calls) == 3)
            began.append(time.monotonic())
            engine.cancel("r")

        thread = threading.Thread(target=cancel)
        thread.start()
        run = driven(engine, template, driver)
        assert (run.status, time.monotonic() - began[0] < SOON) == (RunStatus.CANCELLED, True)
        thread.join()
        clock.forward(60)
        run = engine.resume("r", template)
    assert (run.result, steps.calls) == ([1, 2, 3], ["a"] * 6)


@both_drivers
def test_the_time_of_a_run_ends_a_pause(driver):
    """A pause is owned time: when that is over the run fails, and with more time it goes on."""
    clock, backend = Clock(), MemoryBackend()
    template = made(Steps().fails("a", times=1, retry=MINUTE))
    with LocalEngine(backend, clock=clock, limits=Limits(workflow_timeout=0.05)) as engine:
        began = time.monotonic()
        run = driven(engine, template, driver)
        assert (run.error["code"], time.monotonic() - began < 30) == ("workflow-timeout", True)
    clock.forward(60)
    with LocalEngine(backend, clock=clock) as engine:
        assert engine.resume("r", template).status is RunStatus.COMPLETED


def test_interrupting_a_sleeping_run_leaves_it_resumable():
    """A cancelled task gives the run up at once; somebody else sleeps the rest."""
    clock, backend = Clock(), MemoryBackend()
    template = made(Steps().fails("a", times=1, retry=MINUTE))

    async def give_up(engine):
        task = asyncio.create_task(engine.arun(template, run_id="r"))
        await asyncio.to_thread(until, "the pause", lambda: is_sleeping(engine))
        task.cancel()
        await asyncio.wait([task])

    with LocalEngine(backend, clock=clock) as engine:
        asyncio.run(give_up(engine))
        assert backend.load("r")[0].owner is None
        clock.forward(60)
        assert engine.resume("r", template).status is RunStatus.COMPLETED


def test_a_scope_counts_its_pauses_as_its_time():
    """What it has left is what no attempt and no pause has used."""
    flow = scope(Steps().fails("a", retry=Retry(delay=0.2, jitter=0, backoff=1, max_retries=9)), timeout=0.5)
    with LocalEngine(MemoryBackend()) as engine:
        run = engine.run(made(flow))
    assert (run.status, run.error["attempt"] <= 3) == (RunStatus.FAILED, True)


def test_every_crash_point_of_a_pause_sleeps_what_is_left():
    """Catalogue 9: however often the power goes, the step is not tried before its time, nor later than that."""
    simulator = Simulator(made(Steps().works("a", 1) | Steps().fails("b", retry=MINUTE)))
    effects = simulator.run().effects
    for crash in range(1, effects):
        run = simulator.run(crash).run
        untils = [one.content["until"] for one in run.history if "until" in one.content]
        begun = [one.at.timestamp() for one in run.history if one.kind == "StepRetried"]
        assert len(untils) == len(begun) == 3
        assert all(0 <= at - until < 1 for until, at in zip(untils, begun, strict=True)), crash
        assert kinds(run).count("StepFailed") == 4
