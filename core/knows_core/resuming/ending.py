"""The ends of recorded runs that no machine makes: cancelled while nobody drives them, and deleted when old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from knows_core.backend import Append
from knows_core.errors import UnknownRun
from knows_core.errors.backend import LeaseLost, RunBusy
from knows_core.errors.limits import RunCancelled
from knows_core.errors.resume import RunIsOver
from knows_core.journal import JournalWriter, read
from knows_core.journals.records import RunEnded
from knows_core.run import RunStatus
from knows_core.values.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from knows_core.backend import RunRow, StateBackend

    Release = Callable[[str, int], None]  # gives a run up, now or when the backend answers again


def cancel(backend: StateBackend, run: str, clock: Callable[[], datetime], release: Release) -> RunStatus:
    """Ask the owner of a run to stop, or end the run where it has none; the status it has then.

    Raises UnknownRun, RunIsOver, RecordCorrupt.
    """
    while True:
        if backend.request_cancel(run):
            return backend.load(run)[0].status
        try:
            epoch = backend.claim(run)
        except RunBusy:
            continue  # somebody took it up in between: ask that owner
        try:
            return _end(backend, run, epoch, clock)
        finally:
            release(run, epoch)


def _end(backend: StateBackend, run: str, epoch: int, clock: Callable[[], datetime]) -> RunStatus:
    row, records = backend.load(run)
    if row.status is RunStatus.COMPLETED:
        raise RunIsOver(run=run, status=row.status)
    if row.compensated:
        raise RunIsOver(run=run, status=f"{row.status} and compensated")
    entries, digest = read(run, records)
    if row.status is not RunStatus.CANCELLED:
        ended = RunEnded(RunStatus.CANCELLED, None, RunCancelled(run=run))
        record = JournalWriter(Codec(None), digest).write(ended, clock())
        if not backend.append([Append(run, epoch, len(entries), (record,), RunStatus.CANCELLED)])[0]:
            raise LeaseLost(run=run, epoch=epoch)
    return RunStatus.CANCELLED


def purge(
    backend: StateBackend,
    now: datetime,
    age: float,
    statuses: Collection[RunStatus],
    release: Release,
    *,
    dry_run: bool = False,
) -> list[RunRow]:
    """Delete the runs of these statuses that ended more than `age` seconds ago; return their rows."""
    before = now - timedelta(seconds=age)
    return [
        row
        for row in backend.rows()
        if row.status in statuses
        and row.status.is_over
        and row.owner is None
        and row.updated_at <= before
        and (dry_run or _deleted(backend, row, release))
    ]


def _deleted(backend: StateBackend, row: RunRow, release: Release) -> bool:
    try:
        epoch = backend.claim(row.run)
    except (RunBusy, UnknownRun):  # resumed, or deleted by another, since it was listed
        return False
    deleted = False
    try:
        deleted = backend.load(row.run)[0].status is row.status and backend.delete(row.run, epoch)
    finally:
        if not deleted:
            release(row.run, epoch)
    return deleted
