"""A small disk for a test, by whatever this machine allows. Linux for a file system; the other way works everywhere.

`tmpfs`: a file system of its own, in name spaces of this process, gone with it; root may mount it, and where name
spaces of users are allowed everybody is root in one. `pages`: a limit that SQLite itself keeps, and reports as it does
a full disk. What a full disk means for a run is the same in both.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path

from knows_sqlite import SQLiteBackend

_USERS, _MOUNTS = 0x10000000, 0x00020000
PAGE = 4096


class Tmpfs:
    """A file system with so many bytes of room, because something fills the rest; called in a child of the test."""

    def __init__(self, folder, room):
        _mount(folder)
        self.folder = folder
        self._filler = folder / "filler"
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(PAGE))
        os.truncate(self._filler, max(0, self._filler.stat().st_size - room))

    def open_backend(self):
        return SQLiteBackend(self.folder / "journals.db")

    def make_room(self):
        self._filler.unlink()


class Pages:
    """A file that SQLite lets grow by so many bytes only."""

    def __init__(self, folder, room):
        self.folder = folder
        self._pages = 8 + room // PAGE  # the file has eight when it is made

    def open_backend(self):
        backend = SQLiteBackend(self.folder / "journals.db")
        backend._place.make()
        backend._place.write(lambda connection: connection.execute(f"pragma max_page_count={self._pages}").fetchone())
        return backend

    def make_room(self):
        self._pages = 1_000_000


def can_mount(folder):
    """Whether `Tmpfs` works here, tried in a child."""
    pid = os.fork()
    if pid == 0:
        try:
            _mount(folder)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _mount(folder):
    """Mount one megabyte on the folder, seen by this process alone. Raises OSError, CalledProcessError."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_MOUNTS if user == 0 else _USERS | _MOUNTS) != 0:
        raise OSError(ctypes.get_errno(), "no name space of its own")
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(text, "ascii")
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]):
        subprocess.run(["mount", *words], check=True, capture_output=True, timeout=30)  # noqa: S607 - whichever is there
