"""The gate: checkpoints and writes pass it one at a time, over all processes that have a database open."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_ALONE: Final = fcntl.LOCK_EX | fcntl.LOCK_NB


class Gate:
    """Keeps checkpoints and writes apart.

    SQLite before 3.51.3 can damage a WAL database when a checkpoint runs beside a write (its "WAL-reset bug"). There,
    automatic checkpoints are off, and writes and checkpoints pass this gate one at a time. SQLite lets only one write
    at a time through anyway, so that nothing waits longer for it. Making and migrating a database pass it always.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = os.open(folder / "gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

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
            pause = min(2 * pause, 0.005)  # a commit takes about that long
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, _ALONE)
                return
        raise TimeoutError(f"somebody else has been writing for {seconds:g} s")

    def leave(self) -> None:
        """Hold it no longer."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the gate's file."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
