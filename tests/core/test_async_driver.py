"""Async steps and the async driver."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from knows_core import Limits, LocalEngine, MemoryBackend, PipelineWorkflow, step


async def _doubled(value):
    await asyncio.sleep(0)
    return value * 2


def test_async_steps_work_under_the_sync_driver(engine):
    """Several async steps of one run share a loop of their own."""
    loops = []

    async def note(value):
        loops.append(asyncio.get_running_loop())
        return value

    template = PipelineWorkflow([step(lambda: 4, name="four"), note, _doubled, step(note, name="again")], name="t")
    assert engine.run(template).result == 8
    assert loops[0] is loops[1]


@pytest.mark.fault(88)
def test_sync_steps_do_not_block_the_async_driver():
    """Two runs whose sync steps wait for each other both end: neither holds the loop."""
    variable = contextvars.ContextVar("variable", default="unset")
    meet = threading.Barrier(2)

    def wait():
        meet.wait(timeout=30)
        return variable.get()

    template = PipelineWorkflow([wait, _doubled], name="t")

    async def main():
        variable.set("seen")
        with LocalEngine(MemoryBackend()) as engine:
            return await asyncio.gather(engine.arun(template), engine.arun(template))

    assert [run.result for run in asyncio.run(main())] == ["seenseen", "seenseen"]


def test_a_run_fails_and_resumes_under_the_async_driver(Trial):
    """arun and aresume follow the same rules as run and resume."""
    trial = Trial("a", "b")
    trial.broken = "b"

    async def main():
        with LocalEngine(MemoryBackend()) as engine:
            failed = await engine.arun(trial.template(), run_id="r")
            trial.broken = None
            return failed, await engine.aresume("r", trial.template()), await engine.aresume("r", trial.template())

    failed, resumed, again = asyncio.run(main())
    assert (failed.status, resumed.result, again.result) == ("failed", ["a", "b"], ["a", "b"])
    assert trial.called() == ["a", "b", "b"]


def test_an_async_step_can_be_cancelled_and_the_run_resumed():
    """A cancelled task leaves its run resumable."""

    class Gate:
        closed = True
        reached = asyncio.Event()

    async def wait():
        if Gate.closed:
            Gate.reached.set()
            await asyncio.get_running_loop().create_future()
        return "through"

    template = PipelineWorkflow([wait], name="t", version="1.0")

    async def main():
        with LocalEngine(MemoryBackend()) as engine:
            task = asyncio.create_task(engine.arun(template, run_id="r"))
            await Gate.reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            Gate.closed = False
            return await engine.aresume("r", template)

    assert asyncio.run(main()).result == "through"


class Slow(MemoryBackend):
    """Creates a run only when it is let go."""

    def __init__(self):
        super().__init__()
        self.entered, self.go = threading.Event(), threading.Event()

    def create(self, row, records):
        self.entered.set()
        self.go.wait(timeout=30)
        return super().create(row, records)


def test_a_cancel_while_the_run_is_made_leaves_it_resumable(Trial):
    """However early the cancel comes, no owner is left behind that nobody can release."""

    async def main():
        backend = Slow()
        with LocalEngine(backend) as engine:
            task = asyncio.create_task(engine.arun(Trial("a").template(), run_id="r"))
            await asyncio.get_running_loop().run_in_executor(None, backend.entered.wait, 30)
            task.cancel()
            backend.go.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await engine.aresume("r", Trial("a").template())

    assert asyncio.run(main()).result == ["a"]


def test_a_second_cancel_changes_nothing(Trial):
    """Cancelled twice while its run is made, a task still leaves it to be resumed."""

    async def main():
        backend = Slow()
        with LocalEngine(backend) as engine:
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(engine.arun(Trial("a").template(), run_id="r"))
            await loop.run_in_executor(None, backend.entered.wait, 30)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0)
            backend.go.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(3000):
                if backend.rows() and backend.rows()[0].owner is None:
                    break
                await asyncio.sleep(0.001)
            return await engine.aresume("r", Trial("a").template())

    assert asyncio.run(main()).result == ["a"]


def test_steps_that_run_templates_do_not_wait_for_their_own_threads():
    """More runs than threads, each with a step that runs another template on the same engine, all end."""
    inner = PipelineWorkflow([step(lambda: 1, name="one")], name="inner")

    async def main():
        with LocalEngine(limits=Limits(max_concurrent_workflows=2)) as engine:

            def nested():
                return asyncio.run(engine.arun(inner)).result

            outer = PipelineWorkflow([nested], name="outer")
            runs = await asyncio.gather(*[engine.arun(outer) for _ in range(5)])
            return [run.result for run in runs]

    assert asyncio.run(main()) == [1] * 5


@pytest.mark.parametrize(
    "drive", [lambda engine, flow: engine.run(flow), lambda engine, flow: asyncio.run(engine.arun(flow))]
)
def test_a_sync_wrapper_around_an_async_function_is_awaited(drive):
    """A function that gives a coroutine is a step like any other."""

    async def later(value):
        return value * 2

    template = PipelineWorkflow([step(lambda: 4, name="four"), step(later, name="wrapped")])
    with LocalEngine() as engine:
        assert drive(engine, template).result == 8
