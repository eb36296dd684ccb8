"""Forks of this process: a SQLite connection must be closed before, not inherited.

Not even a connection that the child opens itself would do while an inherited one lies beside it: SQLite keeps the locks
of a process in tables of that process, and a child believes from its copy that it holds what only its parent holds.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Whoever must hear of a fork."""

    def before_fork(self) -> None:
        """Called in the thread that forks: nobody may begin to use SQLite until one of the others is called."""
        ...

    def after_fork_in_parent(self) -> None:
        """Go on."""
        ...

    def after_fork_in_child(self) -> None:
        """Begin anew; also called where a program forked without the call before."""
        ...


class _Forks:
    """Calls whoever watches. One for the process, since what is registered with it cannot be taken back."""

    def __init__(self) -> None:
        self._watching: WeakSet[Forkable] = WeakSet()
        self._stopped: list[Forkable] = []
        self._lock = threading.Lock()
        os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    def watch(self, one: Forkable) -> None:
        with self._lock:
            self._watching.add(one)

    def _before(self) -> None:
        self._lock.acquire()
        self._stopped = list(self._watching)
        for one in self._stopped:
            one.before_fork()

    def _in_parent(self) -> None:
        for one in self._stopped:
            one.after_fork_in_parent()
        self._stopped = []
        self._lock.release()

    def _in_child(self) -> None:
        self._lock = threading.Lock()
        self._stopped = []
        for one in list(self._watching):
            one.after_fork_in_child()


watch = _Forks().watch
