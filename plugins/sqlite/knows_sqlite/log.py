"""Whether the write-ahead log that others left is still what they committed.

SQLite takes the first damaged frame of a log for its end, and what follows for never committed: a single byte would
undo recorded steps without a word. How far the log was committed stands in the index beside it (`FILE-shm`), which
outlives a killed process, and which whoever opens the file next makes anew. So it is read before. Without it, as after
a clean end, or in a copy that was made without it, nothing can be told. The formats are those of
sqlite.org/walformat.html.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from knows_core import BackendError

if TYPE_CHECKING:
    from pathlib import Path

_INDEX: Final = struct.Struct("=12xBBH2I2I8s2I")  # native, as the processes of one host share it
_INDEX_BYTES: Final = 48
_HEAD: Final = struct.Struct(">4I8s2I")
_FRAME: Final = struct.Struct(">2I8s2I")
_BIG: Final = 0x377F0683  # the log's checksums are over big-endian words; with the last bit clear, little-endian


class _Committed(NamedTuple):
    """How many frames of the log with that salt were committed, and how many of them have been moved to the file."""

    frames: int
    moved: int
    salt: bytes


class _Indexes:
    """The indexes that were read, kept open while they exist.

    One for the process: to close an index would drop all locks that SQLite holds on it for this process.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def read(self, path: Path, size: int) -> bytes:
        with self._lock:
            self._close_deleted()
            try:
                found = path.stat()
                key = (found.st_dev, found.st_ino)
                if key not in self._open:
                    self._open[key] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # there is none, or it is another person's: then SQLite says what is wrong
                return b""
            return os.pread(self._open[key], size, 0)

    def _close_deleted(self) -> None:
        for key, descriptor in list(self._open.items()):
            if not os.fstat(descriptor).st_nlink:
                os.close(self._open.pop(key))


_indexes = _Indexes()


def check_log(path: Path) -> None:
    """Raise BackendError where commits are gone from the log of a database; nothing is changed."""
    before = _committed(path)
    if before is None or before.moved >= before.frames:
        return
    sound = _sound_frames(path, before)
    # Who writes meanwhile may have begun the log anew: then its beginning has been moved to the file, and is gone.
    if sound < before.frames and _committed(path) == before:
        log = path.with_name(f"{path.name}-wal")
        reason = f"its log is damaged: of {before.frames} committed pages, those after the first {sound} are gone"
        hint = (
            f"Restore {path.name} and {log.name} together from a backup. To go on without those commits, remove"
            f" {path.name}-shm: the steps in them are made again."
        )
        raise BackendError(backend=str(path), path=path, reason=reason, hint=hint)


def _committed(path: Path) -> _Committed | None:
    """What the index says; None where there is none, or it is being written or damaged itself."""
    head = _indexes.read(path.with_name(f"{path.name}-shm"), 2 * _INDEX_BYTES + 4)
    first, second = head[:_INDEX_BYTES], head[_INDEX_BYTES : 2 * _INDEX_BYTES]
    if len(head) < 2 * _INDEX_BYTES + 4 or first != second:
        return None
    is_made, _, _, frames, _, _, _, salt, *digest = _INDEX.unpack(first)
    if not is_made or _checksum(first[:40], (0, 0), swapped=False) != tuple(digest):
        return None
    return _Committed(frames, int.from_bytes(head[-4:], sys.byteorder), salt)


def _sound_frames(path: Path, wanted: _Committed) -> int:
    """How many frames from the beginning of the log on are what was written, at most as many as are wanted."""
    try:
        log = path.with_name(f"{path.name}-wal").open("rb")
    except OSError:
        return 0
    with log:
        head = log.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return 0
        magic, _, page, _, salt, *digest = _HEAD.unpack(head)
        swapped = (magic == _BIG) != (sys.byteorder == "big")
        passed = _checksum(head[:24], (0, 0), swapped=swapped)
        if passed != tuple(digest) or salt != wanted.salt:
            return 0
        for sound in range(wanted.frames):
            frame = log.read(_FRAME.size + page)
            if len(frame) < _FRAME.size + page:
                return sound
            _, _, salt, *digest = _FRAME.unpack_from(frame)
            passed = _checksum(frame[:8] + frame[_FRAME.size :], passed, swapped=swapped)
            if passed != tuple(digest) or salt != wanted.salt:
                return sound
        return wanted.frames


def _checksum(content: bytes, passed: tuple[int, int], *, swapped: bool) -> tuple[int, int]:
    """SQLite's checksum of a log: two sums over pairs of words, which go on from what was passed before."""
    words = array("I", content)
    if swapped:
        words.byteswap()
    first, second = passed
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
