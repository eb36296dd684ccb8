"""Where an engine's runs are driven: in whose thread, how many at once, and who looks after them meanwhile."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from typing import TYPE_CHECKING

from knows_core.driving.desk import Desk
from knows_core.driving.drivers import adrive, drive
from knows_core.driving.events import Observers
from knows_core.driving.slots import Slots
from knows_core.driving.threads import Pools, in_event_loop, in_own_thread
from knows_core.errors.backend import BackendError
from knows_core.run import Run
from knows_core.walking.brakes import Brakes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from concurrent.futures import Executor
    from datetime import datetime

    from pluggy import PluginManager

    from knows_core.backend import StateBackend
    from knows_core.driving.execution import Execution
    from knows_core.driving.keeper import Keeper
    from knows_core.journals.records import RunEnded
    from knows_core.limits import Limits
    from knows_core.logs import RunLog
    from knows_core.secrecy.redaction import Redactor


class Dispatcher:
    """Drives the runs of one engine."""

    def __init__(
        self,
        backend: StateBackend | None,
        hooks: PluginManager | None,
        limits: Limits,
        clock: Callable[[], datetime],
        redactor: Redactor,
    ) -> None:
        self._redactor = redactor
        self._backend = backend
        self._limits = limits
        self._clock = clock
        self._observers = Observers(hooks, redactor)
        self._pools = Pools(limits.max_concurrent_workflows)
        self._record_pools = Pools(limits.max_concurrent_workflows)
        self._slots = Slots(limits.max_concurrent_workflows)
        self._keeper: Keeper | None = None
        if backend is not None:
            from knows_core.driving.keeper import Keeper  # only recorded runs have something to keep

            # Made here, not by the first run: of two first runs at once each would make one.
            self._keeper = Keeper(backend, redactor)
        self._submitted: list[threading.Thread] = []
        self._submitting = threading.Lock()

    def run(self, make: Callable[[], Execution | Run]) -> Run:
        """Make a run ready and drive it to its end, when there is a slot for it."""
        with self._slots.taken():
            made = make()
            return made if isinstance(made, Run) else made.ended_as(self.drive(made))

    def drive(self, execution: Execution) -> RunEnded:
        """Drive a run that is ready; in a thread of its own where this one has an event loop."""
        if in_event_loop():  # an async step could not have a loop of its own in this thread
            return in_own_thread(lambda: self.drive(execution))
        return self._driven(execution, self._desk(execution))

    def submit(self, execution: Execution) -> None:
        """Drive a run that is ready in a thread of its own, when there is a slot for it."""
        work = (execution, self._desk(execution))
        thread = threading.Thread(target=self._in_turn, args=work, name=execution.id, daemon=True)
        with self._submitting:  # one that has not begun yet is not alive either, and would be forgotten
            self._submitted = [*(one for one in self._submitted if one.is_alive()), thread]
            thread.start()

    def _in_turn(self, execution: Execution, desk: Desk) -> None:
        try:
            with self._slots.taken():
                desk.brakes.begin()
                self._driven(execution, desk)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread: logged with its trace
            from knows_core.logs import complain  # only where a run could not be driven

            complain("run %s stopped and can be resumed", execution.id, error=error, redactor=self._redactor)

    def _driven(self, execution: Execution, desk: Desk) -> RunEnded:
        try:
            return drive(execution.machine, desk)
        finally:
            # Whatever ends the run, it is given up, so that it can be resumed at once.
            execution.machine.close()
            self._leave(execution, desk)

    async def arun(self, make: Callable[[], Execution | Run]) -> Run:
        """Do as `run` without blocking the event loop."""
        import asyncio  # only the async driver pays for it

        loop = asyncio.get_running_loop()
        async with self._slots.ataken(loop):
            execution = await self._made(make, loop)
            if isinstance(execution, Run):
                return execution
            desk = self._desk(execution)
            try:
                ended = await adrive(execution.machine, desk, loop, self._pools.for_this_depth(), self._executor())
            finally:
                execution.machine.close()
                await asyncio.shield(loop.run_in_executor(self._executor(), self._leave, execution, desk))
            return execution.ended_as(ended)

    def release(self, run: str, epoch: int) -> None:
        """Give up a run that nobody drives; if the backend fails, as soon as it answers again."""
        if self._backend is not None and self._keeper is not None:
            release = functools.partial(self._backend.release, run, epoch)
            try:
                release()
            except BackendError:
                self._keeper.release_later(release)

    def close(self) -> None:
        """Wait for what was submitted, and end the pools and the keeper."""
        for thread in self._submitted:
            thread.join()
        self._pools.close()
        self._record_pools.close()
        if self._keeper is not None:
            self._keeper.close()

    async def _made(self, make: Callable[[], Execution | Run], loop: asyncio.AbstractEventLoop) -> Execution | Run:
        """Create or claim a run in the pool. A cancel meanwhile waits for it: the run would keep an owner for ever."""
        import asyncio  # only the async driver pays for it

        pool = self._executor()
        made = loop.run_in_executor(pool, make)
        try:
            return await asyncio.shield(made)
        except asyncio.CancelledError:
            # Asked of the pool's own future, so that no further cancel can come between.
            made.add_done_callback(lambda done: _give_up(done, pool))
            await asyncio.wait([made])
            execution = None if made.exception() else made.result()
            if execution is not None and not isinstance(execution, Run):
                await loop.run_in_executor(pool, execution.recorder.release)
            raise

    def _desk(self, execution: Execution) -> Desk:
        definition = execution.definition
        clock = execution.situation.ground.clock
        brakes = Brakes(execution.id, self._limits, spent=execution.spent, steps=execution.steps, clock=clock)
        brakes.is_on = execution.situation.ground.past.failure is not None  # compensation is not stopped
        if self._keeper is not None:
            self._keeper.watch(execution.id, brakes)
        return Desk(
            execution.id,
            execution.recorder,
            self._observers,
            lambda: definition.codec,
            self._clock,
            brakes,
            secrets=execution.situation.ground.rules.secrets,
            log=self._log(execution),
        )

    def _log(self, execution: Execution) -> RunLog | None:
        """Where the run is logged: nowhere in a program that does not use `logging`."""
        if "logging" not in sys.modules:
            return None
        from knows_core.logs import RunLog, run_logger  # only programs that log pay for it

        logger = run_logger()
        if logger is None:
            return None
        log = RunLog(logger, execution.id, str(execution.definition), self._redactor)
        log.begun(again=execution.is_resumed)
        return log

    def _leave(self, execution: Execution, desk: Desk) -> None:
        if self._keeper is None:
            desk.close()
            return
        self._keeper.forget(execution.id)
        try:
            desk.close()
        except BackendError:  # what made the run end here is told; it must not stay owned when the backend is back
            self._keeper.release_later(execution.recorder.release)

    def _executor(self) -> Executor:
        return self._record_pools.for_this_depth()


def _give_up(made: asyncio.Future[Execution | Run], pool: Executor) -> None:
    if not made.cancelled() and not made.exception():
        execution = made.result()
        if not isinstance(execution, Run):
            with contextlib.suppress(RuntimeError):  # a closed engine has given up everything
                pool.submit(execution.recorder.release)
