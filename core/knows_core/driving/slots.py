"""How many runs an engine drives at once: the others wait for their turn, in the order in which they came."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Generator

_HOLDING: Final[contextvars.ContextVar[tuple[Slots, ...]]] = contextvars.ContextVar("slots held", default=())


class Slots:
    """The slots of one engine. A run that a step begins goes in the slot of its own run: it must not wait for it."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()

    @contextlib.contextmanager
    def taken(self) -> Generator[None]:
        """Hold a slot; wait for one in this thread."""
        if self in _HOLDING.get():
            yield
            return
        turn = threading.Event()
        if not self._taken_at_once(turn.set):
            try:
                turn.wait()
            except BaseException:
                self._give_up(turn.set, given=lambda: True)
                raise
        with self._held():
            yield

    @contextlib.asynccontextmanager
    async def ataken(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None]:
        """Hold a slot; wait for one without blocking the loop."""
        if self in _HOLDING.get():
            yield
            return
        turn: asyncio.Future[None] = loop.create_future()

        def arrive() -> None:
            if turn.cancelled():
                self._free_one()
            else:
                turn.set_result(None)

        def call() -> None:
            loop.call_soon_threadsafe(arrive)

        if not self._taken_at_once(call):
            try:
                await turn
            except BaseException:
                # Cancelled while the turn is on its way: `arrive` finds the future cancelled and passes it on.
                self._give_up(call, given=lambda: turn.done() and not turn.cancelled())
                raise
        with self._held():
            yield

    @contextlib.contextmanager
    def _held(self) -> Generator[None]:
        token = _HOLDING.set((*_HOLDING.get(), self))
        try:
            yield
        finally:
            _HOLDING.reset(token)
            self._free_one()

    def _taken_at_once(self, call: Callable[[], None]) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            self._waiting.append(call)
            return False

    def _free_one(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                call = self._waiting.popleft()
            with contextlib.suppress(RuntimeError):  # the loop of whoever waited is closed
                call()
                return

    def _give_up(self, call: Callable[[], None], *, given: Callable[[], bool]) -> None:
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
                return
        if given():
            self._free_one()
