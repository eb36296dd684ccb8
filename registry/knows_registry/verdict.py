"""The verdicts of the last `kwf plugins check`, remembered in the user's cache folder.

A verdict counts only for what was checked: the same entry of the same distribution and version, in a metadata folder
that was not written to since. The file is shared by every environment of the user, so a check leaves the verdicts of
other folders alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from knows_registry.discover import Entry, Fault, modified
from knows_registry.user_cache import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LIMIT = 10.0  # seconds: slower than any honest import, shorter than a person's patience with one that hangs
WHILE_IMPORTED = "while it was imported"
_FORMAT = 1


class Verdict(NamedTuple):
    """What a check found: `reason` is None for an entry that can be used; `checked_at` counts seconds of the epoch."""

    reason: str | None
    checked_at: float


class _Key(NamedTuple):
    group: str
    name: str
    value: str
    distribution: str
    version: str
    folder: str
    modified: int


def remembered(entries: Iterable[Entry]) -> dict[Entry, Verdict]:
    """The verdicts that still hold for these entries."""
    known = _read()
    return {entry: known[key] for entry in entries if known and (key := _key(entry)) in known}


def remember(verdicts: Mapping[Entry, Verdict]) -> None:
    """Add fresh verdicts and drop those of folders that are gone or have changed. Raises OSError."""
    import json  # also in _read: a fresh machine has no verdicts, and listing there should not pay for reading any

    path = verdict_file()
    kept = {key: verdict for key, verdict in _read().items() if modified(key.folder) == key.modified}
    kept |= {_key(entry): verdict for entry, verdict in verdicts.items()}
    rows = [[*key, *verdict] for key, verdict in sorted(kept.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another process may read at any moment: it sees the old file or the new one, never a half.
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps({"format": _FORMAT, "verdicts": rows}), encoding="utf-8")
    fresh.replace(path)


def verdict_faults(verdicts: Mapping[Entry, Verdict]) -> list[Fault]:
    """The entries that a check found broken."""
    return [
        Fault(entry.distribution, entry.name, verdict.reason, remedy(entry))
        for entry, verdict in verdicts.items()
        if verdict.reason is not None
    ]


def remedy(entry: Entry) -> str:
    """What to do about an entry that a check found broken; the verdict stands until the next check."""
    return f"Update {entry.distribution}, or `pip uninstall {entry.distribution}`; then `kwf plugins check`."


def verdict_file() -> Path:
    """Where the verdicts are."""
    return cache_folder() / "verdicts.json"


def _read() -> dict[_Key, Verdict]:
    """Every stored verdict. A file that is missing, foreign or damaged is no reason to fail: it holds none."""
    try:
        text = verdict_file().read_text(encoding="utf-8")
        import json

        content = json.loads(text)
        if content["format"] != _FORMAT:
            return {}
        return {_Key(*row[:7]): Verdict(row[7], float(row[8])) for row in content["verdicts"]}
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return {}


def _key(entry: Entry) -> _Key:
    version, folder = entry.distribution_version, entry.folder
    return _Key(entry.group, entry.name, entry.value, entry.distribution, version, folder, modified(folder))
