"""How many runs an engine drives at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from knows_core import Limits, LocalEngine, MemoryBackend, pipeline, step

PATIENCE = 30


class Counted:
    """A template whose step notes how many are in it at once, and lets each out when it is told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = self.most = self.done = 0
        self.arrived = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.template = pipeline(step(self.stay, name="stay"), name="counted", version="1.0")

    def stay(self):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.arrived.release()
        assert self.leave.acquire(timeout=PATIENCE)
        with self.lock:
            self.inside -= 1
            self.done += 1


def test_threads_wait_for_their_turn():
    """Of eight runs in eight threads two are driven at once, and all come to their end."""
    counted, engine = Counted(), LocalEngine(MemoryBackend(), limits=Limits(max_concurrent_workflows=2))
    threads = [threading.Thread(target=engine.run, args=(counted.template,)) for _ in range(8)]
    for one in threads:
        one.start()
    for _ in threads:
        assert counted.arrived.acquire(timeout=PATIENCE)
        counted.leave.release()
    for one in threads:
        one.join(PATIENCE)
    assert (counted.most, counted.done, len(engine.runs())) == (2, 8, 8)


def test_a_waiting_run_is_not_created_yet():
    """A run comes into the backend when its turn has come, so that it cannot be lost while it waits."""
    counted, engine = Counted(), LocalEngine(MemoryBackend(), limits=Limits(max_concurrent_workflows=1))
    threads = [threading.Thread(target=engine.run, args=(counted.template,)) for _ in range(2)]
    threads[0].start()
    assert counted.arrived.acquire(timeout=PATIENCE)
    threads[1].start()
    assert len(engine.runs()) == 1
    counted.leave.release(2)
    for one in threads:
        one.join(PATIENCE)
    assert len(engine.runs()) == 2


def test_tasks_wait_for_their_turn():
    """The same in an event loop, which stays free meanwhile."""

    async def main():
        active, most = 0, 0

        async def stay():
            nonlocal active, most
            active += 1
            most = max(most, active)
            for _ in range(5):
                await asyncio.sleep(0)
            active -= 1

        template = pipeline(step(stay), name="w", version="1.0")
        with LocalEngine(MemoryBackend(), limits=Limits(max_concurrent_workflows=3)) as engine:
            runs = await asyncio.gather(*(engine.arun(template) for _ in range(20)))
        return most, {run.status for run in runs}

    assert asyncio.run(main()) == (3, {"completed"})


def test_a_task_that_is_cancelled_while_it_waits_gives_its_turn_to_the_next():
    """However a waiting run goes away, no slot is lost."""

    async def main():
        gate = asyncio.Event()
        engine = LocalEngine(limits=Limits(max_concurrent_workflows=1))
        holding = pipeline(step(gate.wait, name="hold"), name="w", version="1.0")
        quick = pipeline(step(lambda: 1, name="quick"), name="q", version="1.0")
        first = asyncio.create_task(engine.arun(holding))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(engine.arun(quick)) for _ in range(4)]
        for _ in range(20):
            await asyncio.sleep(0)
        waiting[0].cancel()
        gate.set()
        waiting[1].cancel()
        await first
        results = await asyncio.gather(*waiting, return_exceptions=True)
        with engine:
            return [type(one).__name__ for one in results], (await engine.arun(quick)).result

    assert asyncio.run(asyncio.wait_for(main(), PATIENCE)) == (["CancelledError", "CancelledError", "Run", "Run"], 1)


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_a_run_inside_a_step_goes_in_the_slot_of_its_own_run(driver):
    """A step that runs a template itself must not wait for the slot that it stands in."""
    engine = LocalEngine(MemoryBackend(), limits=Limits(max_concurrent_workflows=1))
    inner = pipeline(step(lambda: "inner", name="inner"), name="inner", version="1.0")
    outer = pipeline(step(lambda: engine.run(inner).result, name="outer"), name="outer", version="1.0")
    done = []

    def work():
        done.append(engine.run(outer) if driver == "sync" else asyncio.run(engine.arun(outer)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert [run.result for run in done] == ["inner"]
