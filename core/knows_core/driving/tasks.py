"""The calls of one run in an event loop: coroutines as tasks, sync steps in a pool, timed ones in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from knows_core.context import is_coroutine
from knows_core.driving.threads import one_deeper
from knows_core.errors import StepTimeout
from knows_core.walking.wishes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

    from knows_core.driving.desk import Desk
    from knows_core.driving.lanes import Lane
    from knows_core.walking.wishes import Call, Sleep


T = TypeVar("T")
_GRACE: Final = 1.0  # seconds that a coroutine may take beyond its limit, to put in order what it was at


class Tasks:
    """Begins calls and brings their outcomes, without ever blocking the loop."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop, pool: Executor, records: Executor) -> None:
        self._desk = desk
        self._loop = loop
        self._pool = pool
        self._records = records
        self._under_way: dict[asyncio.Task[Any], Lane] = {}
        self._patience: asyncio.Timeout | None = None  # of what the run waits for
        desk.brakes.wake = self._wake

    async def flushed(self) -> None:
        """Make durable what was recorded."""
        await self._loop.run_in_executor(self._records, self._desk.recorder.flush)

    async def only(self, call: Call) -> Any:
        """Call one step and wait for it. Raises StepTimeout, Stopped, or what the step raises."""
        return await self._patiently(self.call(call), call.path)

    async def call(self, call: Call) -> Any:
        """Call a step and wait for it. Raises StepTimeout, or what the step raises."""
        context = self._desk.context(call) if self._desk.wants_context(call) else None
        try:
            if call.limit is None or call.step.isolation == "process":
                return await self._answer(call, context)
            return await self._in_time(call, context)
        finally:
            call.given_up = True

    async def _in_time(self, call: Call, context: Any) -> Any:
        """Wait for a step until its time is up, and not for ever for one that does not heed its cancellation.

        Such a step is left alone, as a thread would be.
        """
        work = self._loop.create_task(self._answer(call, context), name=call.path)
        work.add_done_callback(lambda done: None if done.cancelled() else done.exception())  # or its loss is logged
        try:
            await asyncio.wait([work], timeout=call.limit)
            if work.done():
                return work.result()
        finally:
            if not work.done():
                call.given_up = True
                work.cancel()
                await asyncio.wait([work], timeout=_GRACE)
        raise StepTimeout(step=call.path, timeout=call.limit)

    def begin(self, lane: Lane, call: Call) -> None:
        """Call a step beside the others."""
        self._under_way[self._loop.create_task(self._outcome(call), name=call.path)] = lane

    def sleep(self, lane: Lane, pause: Sleep) -> None:
        """Let a pause begin; it ends as a call does, with nothing."""
        self._under_way[self._loop.create_task(_slept(pause), name=pause.path)] = lane

    async def rest(self, pause: Sleep) -> None:
        """Wait until a pause is over. Raises Stopped."""
        await self._patiently(asyncio.sleep(pause.seconds), pause.path)

    async def ended(self) -> list[tuple[Lane, Outcome]]:
        """Wait for the next calls that end, each with its lane. Raises Stopped."""
        waiting = asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await self._patiently(waiting, next(iter(self._under_way)).get_name())
        # In the order in which they began, so that their records do not depend on a hash.
        return [(self._under_way.pop(task), task.result()) for task in list(self._under_way) if task in done]

    async def close(self) -> None:
        """Cancel what is still under way, and wait until it has heard."""
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._under_way.clear()

    async def _patiently(self, work: Coroutine[Any, Any, T], path: str) -> T:
        """Wait for something until there is a reason to stop. Raises Stopped."""
        brakes = self._desk.brakes
        patience = asyncio.timeout(brakes.left())
        try:
            async with patience:
                self._patience = patience
                if brakes.is_pulled:  # before this wait began
                    patience.reschedule(self._loop.time())
                return await work
        except TimeoutError:
            if not patience.expired():  # the step's own
                raise
        finally:
            self._patience = None
        raise brakes.stop(path)

    def _wake(self) -> None:
        """Look whether to stop; called in any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._end_patience)

    def _end_patience(self) -> None:
        # It may have ended already: what is cancelled with it takes its time.
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(self._loop.time())

    async def _outcome(self, call: Call) -> Outcome:
        try:
            return Outcome(await self.call(call))
        except Exception as error:  # noqa: BLE001 - a step may raise anything
            return Outcome(error=error)

    async def _answer(self, call: Call, context: Any) -> Any:
        if call.step.binding.is_async and call.step.isolation != "process":
            return await call.step.binding.invoke(call.value, call.state, context)
        work = functools.partial(_caught, functools.partial(self._desk.begun, call, context))
        begun = contextvars.copy_context().run
        if call.limit is None:
            result, error = await self._loop.run_in_executor(self._pool, begun, work)
        else:  # a late one would keep a thread of the pool
            result, error = await self._in_thread(functools.partial(begun, work), call.path)
        if error is not None:
            raise error
        # A wrapper around an async function looks like a sync one, and gives what is still to be awaited.
        return await result if is_coroutine(result) else result

    async def _in_thread(self, work: Callable[[], Any], name: str) -> Any:
        answer: asyncio.Future[Any] = self._loop.create_future()

        def body() -> None:
            result = work()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(result))

        threading.Thread(target=body, name=name, daemon=True).start()
        return await answer


async def _slept(pause: Sleep) -> Outcome:
    await asyncio.sleep(pause.seconds)
    return Outcome()


def _caught(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """A call's result or error as a value: a future refuses to carry a StopIteration."""
    one_deeper()
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - a step may raise anything
        return None, error
