"""What the driver and the operating system report, as the project's errors: naming the file and the next move."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from knows_core import AccessDenied, BackendBusy, BackendError, BackendFull

_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_BROKEN: Final = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOLCK}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DENIED: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_CHECK: Final = "Check the file with `sqlite3 FILE 'pragma integrity_check'`, or restore it from a backup."
_STOPPED: Final = (
    "Nothing more is written through this backend. Check the disk, open the backend anew and resume the run; every"
    " step that was recorded before is safe."
)


def translated(error: OSError | sqlite3.Error | UnicodeDecodeError, path: Path) -> BackendError | AccessDenied:
    """The project's error for one of the driver's or the system's."""
    if isinstance(error, UnicodeDecodeError):  # the driver's, over a message that quotes a damaged schema
        return BackendError(backend=str(path), path=path, reason=f"its schema is damaged ({error})", hint=_CHECK)
    if isinstance(error, sqlite3.Error):
        return _of_driver(error, path)
    if isinstance(error, TimeoutError):
        return _busy(path, str(error))
    if error.errno in _FULL:
        return _full(path, str(error))
    if error.errno in _BROKEN:
        return BackendError(backend=str(path), path=path, reason=str(error), hint=_STOPPED)
    return AccessDenied(path=path, reason=str(error))


def _of_driver(error: sqlite3.Error, path: Path) -> BackendError | AccessDenied:
    code, text = _code(error), str(error)
    if code == sqlite3.SQLITE_FULL or _is_index_cut_short(error):
        return _full(path, text)
    if code in _BUSY:
        return _busy(path, text)
    if code in _DENIED:
        return AccessDenied(path=path, reason=text)
    if is_final(error):
        reason = f"{text} ({error.sqlite_errorname})"
        return BackendError(backend=str(path), path=path, reason=reason, hint=_STOPPED)
    return BackendError(backend=str(path), path=path, reason=text, hint=_CHECK)


def is_final(error: OSError | sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether nothing may be written after it.

    After a failed sync nobody knows what is on the disk: the system may have thrown away what it could not write, and
    reports success the next time.
    """
    is_failure = isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_IOERR
    return is_failure and not _is_index_cut_short(error)


def _is_index_cut_short(error: Exception) -> bool:
    """Whether there was no room for the index of the log, which SQLite reports as a failure of the disk."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE


def _code(error: sqlite3.Error) -> int:
    """The primary code; errors that the module itself makes have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _full(path: Path, reason: str) -> BackendFull:
    free = shutil.disk_usage(path.parent).free
    return BackendFull(backend=str(path), path=path, reason=reason, free=free)


def _busy(path: Path, reason: str) -> BackendBusy:
    found = sorted(_writers(path))
    who = f"Process {' and '.join(found)} holds" if found else "Another program holds"
    hint = f"{who} the file: let it finish or end it, then resume the run; every recorded step is safe."
    return BackendBusy(backend=str(path), path=path, reason=reason, hint=hint)


def _writers(path: Path) -> set[str]:
    """The pids that hold the file for writing, as far as the system tells."""
    files = set[str]()
    for one in (path, path.with_name(f"{path.name}-shm"), path.with_name(f"{path.name}.owners") / "gate"):
        if one.exists():
            status = one.stat()
            files.add(f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}")
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
    except OSError:  # not a Linux, or not shown here
        return set()
    # number, kind, ADVISORY, WRITE, pid, file, from, to; those that only wait have an arrow in the second place
    return {line[4] for line in locks if line[1] != "->" and line[3] == "WRITE" and line[5] in files}
