"""Who is alive on this host: every owner holds an operating-system lock on a file of its own, and a lease in it.

The lock goes with the process, whatever ends it, so a free lock means a dead owner, at once and without a clock; a pid
that another process got since, or that somebody forged, means nothing. The lease is for an owner that lives and does
not move (stopped, or hung): its end stands in the locked file, in seconds of the clock that all processes of this boot
share and that no change of the wall clock moves. A take-over on the lease alone is safe, since the epoch fences the
former owner.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LEASE_BYTES: Final = 32  # always written whole, over the one before, and ended by a newline


class Owner:
    """This backend's proof of life: a locked file in a folder beside the database."""

    def __init__(self, folder: Path, *, lease: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._lease = lease
        self._clock = clock
        self._guard = threading.Lock()  # of the descriptor: once it is closed, its number may be another file's
        self.name = f"process {os.getpid()} ({uuid.uuid4().hex[:12]})"
        for left in folder.glob("*.lock"):  # of owners that were killed
            _is_free(left)
        self._lock = self._locked()
        self.renew()

    def _locked(self) -> int:
        while True:
            lock = os.open(_file(self._folder, self.name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return lock
            os.close(lock)  # between the two lines above somebody took it for a dead owner's and removed it

    def renew(self) -> None:
        """Let the lease begin anew: one small write, no commit and no sync."""
        with self._guard:
            if self._lock < 0:
                return
            if not os.fstat(self._lock).st_nlink:  # somebody cleared the folder: this owner would look dead
                os.close(self._lock)
                self._lock = self._locked()
            text = f"{self._clock() + self._lease:.6f}".ljust(_LEASE_BYTES - 1) + "\n"
            os.pwrite(self._lock, text.encode("ascii"), 0)

    def is_alive(self, name: str) -> bool:
        """Whether the owner of that name holds its lock, and its lease has not run out."""
        if name == self.name:
            return True
        path = _file(self._folder, name)
        return not _is_free(path) and not self._clock() >= _lease_of(path)

    def close(self) -> None:
        """End the proof: whatever this owner still owned may be taken over."""
        with self._guard:
            if self._lock >= 0:
                with contextlib.suppress(OSError):  # removed before, or its folder may only be read by now
                    _file(self._folder, self.name).unlink()
                self.forget()

    def forget(self) -> None:
        """Let go of the file, in a forked child: it would keep the lock alive after the owner died."""
        os.close(self._lock)
        self._lock = -1


def holders(folder: Path) -> list[str]:
    """The locks in the folder that somebody holds."""
    return sorted(path.stem for path in folder.glob("*.lock") if not _is_free(path))


def _file(folder: Path, name: str) -> Path:
    return folder / f"{''.join(filter(str.isalnum, name))}.lock"


def _is_free(path: Path) -> bool:
    """Whether nobody holds the lock, because its owner is dead; what such a one left behind is removed."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:  # of another person, say: whether it is dead cannot be seen, so it is not taken for dead
        return False
    try:
        # Shared: two who look at the same time do not take each other for the owner.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        with contextlib.suppress(OSError):  # gone meanwhile, or in a folder that this person may only read
            path.unlink()
        return True
    finally:
        os.close(lock)


def _lease_of(path: Path) -> float:
    """When the lease runs out. One that is not there as a whole does not: its owner lives and writes it again."""
    try:
        text = path.read_bytes()
        return float(text) if len(text) == _LEASE_BYTES and text.endswith(b"\n") else math.inf
    except (OSError, ValueError):
        return math.inf
