"""Who is alive on this host: every owner holds an operating-system lock on a file of its own.

The lock goes with the process, whatever ends it, so a free lock means a dead owner, at once and without a clock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_ALONE: Final = fcntl.LOCK_EX | fcntl.LOCK_NB


class Owner:
    """This backend's proof of life: a locked file in a folder beside the database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = f"process {os.getpid()} ({uuid.uuid4().hex[:12]})"
        self._lock = _open(self._file(self.name))
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # A forked child would keep the lock alive after this process died.
        os.register_at_fork(after_in_child=self._forget)

    def is_alive(self, name: str) -> bool:
        """Whether the owner of that name still holds its lock."""
        path = self._file(name)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except PermissionError:  # of another person: whether it is dead cannot be seen, so it is not taken for dead
            return True
        try:
            # Shared: two who look at the same time do not take each other for the owner.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(lock)

    def close(self) -> None:
        """End the proof: whatever this owner still owned may be taken over."""
        if self._lock >= 0:
            self._file(self.name).unlink(missing_ok=True)
            self._forget()

    def _forget(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _file(self, name: str) -> Path:
        return self._folder / f"{''.join(filter(str.isalnum, name))}.lock"


class Gate:
    """Keeps checkpoints and writes apart, over all processes that have the database open.

    SQLite before 3.51.3 can damage a WAL database when a checkpoint runs beside a write (its "WAL-reset bug"). There,
    automatic checkpoints are off, and writes and checkpoints pass this gate one at a time. SQLite lets only one write
    at a time through anyway, so that nothing waits longer for it.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = _open(folder / "gate")

    def enter(self, seconds: float) -> None:
        """Hold the gate alone. Raises TimeoutError when another process does not leave it in that time."""
        try:
            fcntl.flock(self._lock, _ALONE)
        except BlockingIOError:
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        end, pause = time.monotonic() + seconds, 0.0002
        while time.monotonic() < end:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, _ALONE)
                return
        raise TimeoutError(f"another process has been writing for {seconds:.0f} s")

    def leave(self) -> None:
        """Hold it no longer."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the gate's file."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
