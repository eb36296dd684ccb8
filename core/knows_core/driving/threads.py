"""Where a run is driven: in this thread, in one of its own, or in the pools of an engine."""

from __future__ import annotations

import contextvars
import sys
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")
_DEPTH: Final[contextvars.ContextVar[int]] = contextvars.ContextVar("depth of calls in pools", default=0)


class Pools:
    """Bounded pools of threads, one for each depth of calls.

    A step that runs a template itself must not wait for the threads that it and its like occupy.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pools: dict[int, Executor] = {}

    def for_this_depth(self) -> Executor:
        """The pool for work that this call hands out."""
        from concurrent.futures import ThreadPoolExecutor  # only the async driver pays for it

        with self._lock:
            if _DEPTH.get() not in self._pools:
                self._pools[_DEPTH.get()] = ThreadPoolExecutor(self._most, thread_name_prefix="knows")
            return self._pools[_DEPTH.get()]

    def close(self) -> None:
        """Wait for what the pools do and end them."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.shutdown()


def one_deeper() -> None:
    """Note that this context's call stands in a pool."""
    _DEPTH.set(_DEPTH.get() + 1)


def in_event_loop() -> bool:
    """Whether an event loop runs in this thread, asked without importing asyncio."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def in_own_thread(work: Callable[[], T]) -> T:
    """Do the work in a thread of its own, with this one's context variables, and wait for it."""
    outcome: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(body,))
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
