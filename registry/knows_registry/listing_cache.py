"""The last listing of an environment, kept in the user's cache folder.

It holds while every folder on the path, and every file that it was made of, has the time stamp and size that it had.
Installing, upgrading and uninstalling change those of a folder; a file that is edited in place, and that was none of
ours before, is not noticed: `kwf list --refresh` looks again. Only a list is made of it; whatever is imported is
looked up anew.

Units and records of plain text: reading JSON would take a third of what a remembered listing may take.
"""

# Texts and `os`, as in discover.
# ruff: noqa: PTH116, PTH123
from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, NamedTuple

from knows_registry.user_cache import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_FORMAT = "knows listing 1"
_BETWEEN, _BEHIND = "\x1f", "\x1e"  # the signs that separate units and records; a fact with one of them is not kept
_JUST_NOW = 2_000_000_000  # nanoseconds: a change within one tick of a file's clock would not be seen later
_MOST_KEPT = 20  # listings of other environments
_GONE = "-"


class Kept(NamedTuple):
    """The rows as they were given, and the number beside them."""

    rows: tuple[tuple[str, ...], ...]
    broken: int


def recall(paths: Sequence[str]) -> Kept | None:
    """What was kept for this path, if it still holds; None else, whatever the file there holds."""
    try:
        with open(_file(paths), encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            head, _, body = stream.read().partition("\n")
    except (OSError, ValueError):
        return None
    if head != _head(body):
        return None
    rows: list[tuple[str, ...]] = []
    broken, places = 0, 0
    for line in body.split(_BEHIND)[:-1]:
        kind, *facts = line.split(_BETWEEN)
        if kind == "row":
            rows.append(tuple(facts))
        elif kind == "broken":
            broken = int(facts[0])
        elif _stamp(facts[0]) != facts[1]:
            return None
        elif kind == "path":
            if places >= len(paths) or facts[0] != _absolute(paths[places]):
                return None
            places += 1
    return Kept(tuple(rows), broken) if places == len(paths) else None


def keep(paths: Sequence[str], watched: Iterable[str], rows: Iterable[Sequence[str]], broken: int, *, now: int) -> None:
    """Keep a listing, unless something it was made of changed just now (nanoseconds since 1970): then the next one.

    A folder that cannot be written to is no reason to fail: nothing is kept.
    """
    stamped = [
        *(("path", _absolute(path), _stamp(path)) for path in paths),
        *(("file", path, _stamp(path)) for path in dict.fromkeys(watched)),
    ]
    if any(_is_fresh(stamp, now) for _, _, stamp in stamped):
        return
    lines = [*stamped, *(("row", *row) for row in rows), ("broken", str(broken))]
    if any(sign in fact for line in lines for fact in line for sign in (_BETWEEN, _BEHIND)):
        return
    body = "".join(_BETWEEN.join(line) + _BEHIND for line in lines)
    try:
        _write(_file(paths), f"{_head(body)}\n{body}")
    except (OSError, ValueError):
        return


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
    fresh.replace(file)
    others = sorted(file.parent.glob("listing-*"), key=lambda one: one.stat().st_mtime_ns)
    for one in others[:-_MOST_KEPT]:
        one.unlink(missing_ok=True)


def _file(paths: Sequence[str]) -> Path:
    """A file for each environment; two that fall together take turns, since the path is in it."""
    return cache_folder() / f"listing-{zlib.crc32(_BETWEEN.join(map(_absolute, paths)).encode('utf-8', 'replace')):08x}"


def _head(body: str) -> str:
    return f"{_FORMAT} {zlib.crc32(body.encode('utf-8', 'surrogateescape')):08x}"


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100


def _stamp(path: str) -> str:
    try:
        facts = os.stat(path or ".")
    except (OSError, ValueError):
        return _GONE
    return f"{facts.st_mtime_ns}:{facts.st_size}"


def _is_fresh(stamp: str, now: int) -> bool:
    return stamp != _GONE and int(stamp.partition(":")[0]) > now - _JUST_NOW
