"""Who an owner is, and how it is known to be dead: by its lease anywhere, at once on its own host.

The lease is a key on the server that expires by the server's clock. Its value tells where the owner lives, so that a
claimer on the same host need not wait for the lease of a process that is plainly gone.
"""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import struct
import threading
from pathlib import Path

_PROC = Path("/proc")


class Owner:
    """One backend object in one process: its name on the server, its proof of life, and what it owns."""

    def __init__(self) -> None:
        self._nonce = secrets.token_bytes(8)
        self._requests = itertools.count()
        self._lock = threading.Lock()
        self._owned: dict[str, int] = {}
        self.name = f"process {os.getpid()} on {platform.node()} ({self._nonce.hex()})"
        self.life = _life()
        self.is_announced = False  # whether the server has its key

    def token(self) -> bytes:
        """Sixteen bytes that no other request, of this owner or another, will ever carry."""
        return self._nonce + struct.pack(">Q", next(self._requests))

    def gain(self, run: str, epoch: int) -> None:
        """Note that a run is its own."""
        with self._lock:
            self._owned[run] = epoch

    def lose(self, run: str, epoch: int) -> None:
        """Note that a run is no longer its own by that epoch."""
        with self._lock:
            if self._owned.get(run) == epoch:
                del self._owned[run]

    def owns(self, run: str, epoch: int) -> bool:
        """Whether a run is its own by that epoch, as far as it knows."""
        with self._lock:
            return self._owned.get(run) == epoch

    def owns_any(self) -> bool:
        """Whether there is anything to keep a lease for."""
        with self._lock:
            return bool(self._owned)


def notices_death() -> bool:
    """Whether this system tells enough of its processes; elsewhere only the lease tells."""
    return bool(_life())


def is_dead(life: str) -> bool:
    """Whether the process that wrote this lived here and is surely gone. Unknown is not dead."""
    here, _, process = life.rpartition(" ")
    number, _, started = process.partition(":")
    if not here or here != _here() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)  # asks only: a process may be hidden in /proc and alive
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    # A number is given again to another process, which began at another moment.
    found = _started(int(number))
    return bool(found) and found != started


def _life() -> str:
    here, started = _here(), _started(os.getpid())
    return f"{here} {os.getpid()}:{started}" if here and started else ""


def _here() -> str:
    """This boot of this host, and the name space of its process numbers: a container has numbers of its own."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(process: int) -> str:
    """The tick in which a process began; "dead" for one that only waits to be buried, "" where that cannot be told."""
    try:
        # The name before the last bracket may hold anything, blanks and brackets too.
        fields = (_PROC / str(process) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if fields[0] in ("Z", "X") else fields[19]
