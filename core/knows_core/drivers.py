"""The drivers: they grant a machine's wishes one after the other, in this thread or in an event loop.

Both are the same few lines on the kind of wish; they differ in `await` and in where a step's function is called.
"""

from __future__ import annotations

import contextvars
import functools
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from knows_core.errors import NotStorable
from knows_core.machine import Call
from knows_core.records import StepProgress, StepStarted
from knows_core.threads import one_deeper

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

    from knows_core.events import Observers
    from knows_core.machine import Machine, Wish
    from knows_core.recorder import Recorder
    from knows_core.records import Record, RunEnded


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may know of its run: the run's id, the step's path, and which attempt this is, from 1.

    In a test of a step: `StepContext("run", "step", 1)`.
    """

    run_id: str
    step: str
    attempt: int
    _tell: Callable[[StepProgress], None] = field(default=lambda _: None, repr=False)

    @property
    def idempotency_key(self) -> str:
        """32 hexadecimal digits for the outside world, the same in every attempt and after every resume."""
        import hashlib  # few steps ask

        return hashlib.sha256(f"{self.run_id}/{self.step}".encode()).hexdigest()[:32]

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell how far the step is, to whoever watches the run; nothing is recorded."""
        self._tell(StepProgress(self.step, done, total, note))


class Desk:
    """What both drivers share: the run's recorder and observers, and how a step is called."""

    def __init__(self, run: str, recorder: Recorder, observers: Observers) -> None:
        self._run = run
        self._observers = observers
        self._runner: asyncio.Runner | None = None
        self.recorder = recorder

    def record(self, record: Record) -> None:
        """Keep a record and tell the observers. Raises NotStorable."""
        self.recorder.add(record)
        if self._observers.watching:
            self._observers.tell(self._run, record)

    def context(self, call: Call) -> StepContext | None:
        """The context of a call, where the step takes one; the observers hear that the step begins."""
        if self._observers.watching:
            self._observers.tell(self._run, StepStarted(call.path, call.attempt))
        if not call.step.binding.takes_context:
            return None
        return StepContext(self._run, call.path, call.attempt, lambda event: self._observers.tell(self._run, event))

    def call(self, call: Call) -> Any:
        """Call a step's function in this thread and return its result; an async one in a loop of the run's own."""
        binding = call.step.binding
        context = self.context(call) if binding.takes_context or self._observers.watching else None
        answer = binding.invoke(call.value, call.state, context)
        if is_coroutine(answer):
            if self._runner is None:
                import asyncio  # only a flow with an async step pays for it

                self._runner = asyncio.Runner()
            return self._runner.run(answer)
        return answer

    def close(self) -> None:
        """End the run's own event loop, if it had one, and give up the run."""
        if self._runner is not None:
            self._runner.close()
        self.recorder.release()


def _keep(machine: Machine, desk: Desk, record: Record) -> Wish:
    """Grant a record; one that cannot be stored is the failure of its step."""
    try:
        desk.record(record)
    except NotStorable as error:
        return machine.throw(error)
    return machine.send(None)


def drive(machine: Machine, desk: Desk) -> RunEnded:
    """Run a machine to its end in this thread. Raises what the backend raises; a step's error ends in the machine."""
    try:
        wish = next(machine)
        while True:
            if isinstance(wish, Call):
                # Everything recorded so far is durable before the next step can act on it.
                if desk.recorder.waiting:
                    desk.recorder.flush()
                try:
                    answer = desk.call(wish)
                except Exception as error:  # noqa: BLE001 - a step may raise anything
                    wish = machine.throw(error)
                else:
                    wish = machine.send(answer)
            else:
                wish = _keep(machine, desk, wish)
    except StopIteration as end:
        desk.recorder.flush()
        ended: RunEnded = end.value
        return ended


async def adrive(machine: Machine, desk: Desk, loop: asyncio.AbstractEventLoop, pool: Executor) -> RunEnded:
    """Run a machine to its end in an event loop, which neither a sync step nor the backend ever blocks."""
    try:
        wish = next(machine)
        while True:
            if isinstance(wish, Call):
                if desk.recorder.waiting:
                    await loop.run_in_executor(pool, desk.recorder.flush)
                try:
                    answer = await _acall(wish, desk, loop, pool)
                except Exception as error:  # noqa: BLE001 - a step may raise anything
                    wish = machine.throw(error)
                else:
                    wish = machine.send(answer)
            else:
                wish = _keep(machine, desk, wish)
    except StopIteration as end:
        await loop.run_in_executor(pool, desk.recorder.flush)
        ended: RunEnded = end.value
        return ended


async def _acall(call: Call, desk: Desk, loop: asyncio.AbstractEventLoop, pool: Executor) -> Any:
    context = desk.context(call)
    invoke = call.step.binding.invoke
    if call.step.binding.is_async:
        return await invoke(call.value, call.state, context)
    outcome = functools.partial(_outcome, invoke, (call.value, call.state, context))
    result, error = await loop.run_in_executor(pool, contextvars.copy_context().run, outcome)
    if error is not None:
        raise error
    # A wrapper around an async function looks like a sync one, and gives what is still to be awaited.
    return await result if is_coroutine(result) else result


def _outcome(invoke: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    """A call's result or error as a value: a future refuses to carry a StopIteration."""
    one_deeper()
    try:
        return invoke(*arguments), None
    except Exception as error:  # noqa: BLE001 - a step may raise anything
        return None, error


def is_coroutine(answer: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    """Whether a call gave something that is still to be awaited."""
    return type(answer) is types.CoroutineType
