"""What the row of a recorded run means for whoever looks at it: interrupted, expired, whose it is, how old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.run import FINISHED

if TYPE_CHECKING:
    from datetime import datetime

    from knows_core import RunRow

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def is_interrupted(row: RunRow) -> bool:
    """Whether the run was under way and nobody alive drives it any more."""
    return row.owner is None and not row.status.is_over


def is_expired(row: RunRow, state_ttl: float, now: datetime) -> bool:
    """Whether `kwf purge` deletes the run."""
    return row.status in FINISHED and row.owner is None and age(row, now) >= state_ttl


def told_status(row: RunRow) -> str:
    """The status as a person reads it: a run whose work was undone is over for good."""
    return f"{row.status} (compensated)" if row.compensated else str(row.status)


def age(row: RunRow, now: datetime) -> float:
    """Seconds since the status or the owner last changed."""
    return max((now - row.updated_at).total_seconds(), 0.0)


def readable_age(seconds: float) -> str:
    """The largest unit alone: `5 d`, `3 h`, `12 min`, `40 s`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{int(seconds // size)} {unit}"


def owner_and_wish(row: RunRow) -> str:
    """Who drives the run, and that somebody asked it to stop."""
    return ", ".join([row.owner or "-", *(["cancelling"] if row.cancelling else [])])
