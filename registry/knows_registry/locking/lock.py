"""`knows.lock`: which versions a request came to, so that everybody who has the file runs the same ones.

A lock has one text. Whoever reads it makes that text anew from what it says and refuses the file unless it is the same,
so that an edit by hand, a half-resolved merge or a damaged disk shows, whatever it did.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from knows_registry.locking.errors_lock import LockBroken
from knows_registry.locking.lock_text import (
    DIGESTS,
    REQUEST,
    Lock,
    LockedPlugin,
    LockedTemplate,
    need_text,
    parsed,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "NAME",
    "REQUEST",
    "Lock",
    "LockedPlugin",
    "LockedTemplate",
    "in_force",
    "need_text",
    "read",
    "text_of",
    "write",
]

NAME = "knows.lock"
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})", re.MULTILINE)
_LONGEST = 120  # signs of a differing line that are shown


def read(file: Path) -> Lock:
    """Read a lock file. Raises LockBroken for one that was edited or cannot be read, saying what differs.

    Line ends of another system count as ours: version control may write them.
    """
    text = None
    try:
        text = file.read_bytes().decode().replace("\r\n", "\n")
        lock = parsed(text)
    except OSError as error:
        raise LockBroken(file=file.name, reason=f"it cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise LockBroken(file=file.name, reason=_reason(text, error)) from error
    if (canonical := text_of(lock)) != text:
        raise LockBroken(file=file.name, reason=_difference(text.split("\n"), canonical.split("\n")))
    return lock


def in_force(folder: Path | None = None) -> Lock | None:
    """The lock of a folder, by default the working folder, whose `knows.toml` counts too; None where it has none.

    Raises LockBroken.
    """
    from pathlib import Path  # whoever has a folder has it already

    file = (folder or Path()) / NAME
    return read(file) if file.exists() or file.is_symlink() else None


def write(lock: Lock, file: Path) -> None:
    """Put a lock file in the place of the old one, at once or not at all. Raises OSError."""
    import os  # only whoever writes

    target = file.resolve()  # a link stays one
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as stream:
            stream.write(text_of(lock).encode())
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o7777)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


# ------------------------------------------------------------------ what is wrong with it


def _reason(text: str | None, error: Exception) -> str:
    if text is not None and (mark := _CONFLICT.search(text)):
        return f"line {text[: mark.start()].count(chr(10)) + 1} is the mark of a merge that is not done"
    return " ".join(str(error).split()) if str(error) else type(error).__name__


def _difference(found: Sequence[str], canonical: Sequence[str]) -> str:
    """The first line that is not as `kwf lock` writes it, and what that means."""
    pairs = enumerate(zip_longest(found, canonical), 1)
    number, (one, other) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    key, _, digest = (other or "").partition(" = ")
    was, _, found_digest = (one or "").partition(" = ")
    if key == was and key in DIGESTS:
        return f"line {number}: {DIGESTS[key]} was changed, its {key} would be {digest}, found {found_digest}"
    return f"line {number}: expected {_quoted(other)}, found {_quoted(one)}"


def _quoted(line: str | None) -> str:
    if line is None:
        return "the end of the file"
    return repr(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...") if line else "an empty line"
