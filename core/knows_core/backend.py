"""Where journals are kept: the port every state backend implements, and the one in memory that specifies it.

A backend stores opaque records in order, knows who owns a run, and refuses everybody else. It understands no record.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from knows_core.errors import RunBusy, RunExists, UnknownRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_core.run import RunStatus


@dataclass(frozen=True, slots=True)
class RunRow:
    """What a backend knows of a run beside its records, for listing and for ownership.

    Times are aware; `updated_at` is when the status or the owner last changed. `owner` names whoever holds the run, in
    words for a person.
    """

    run: str
    template: str
    version: str
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    epoch: int = 1
    owner: str | None = None


class Append(NamedTuple):
    """Records to add to a run: at `sequence`, by the owner of `epoch`, with the status from then on (None: as is)."""

    run: str
    epoch: int
    sequence: int
    records: tuple[bytes, ...]
    status: RunStatus | None = None


@runtime_checkable
class StateBackend(Protocol):
    """Blocking and safe to call from many threads. Raises BackendError when the place itself fails.

    Opening a backend and looking at runs makes nothing: the place comes into being with its first run.
    """

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records, owned by the caller, durably and at once; return its epoch.

        Raises RunExists.
        """
        ...

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one durable commit.

        Answers per run, in order, whether it was accepted: the caller still owns the epoch and the sequence is the
        next one. Epoch, sequence and insert must be one atomic act. A refused run never fails the others. A status
        that is over (`RunStatus.is_over`) gives up the ownership in the same commit.
        """
        ...

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records in order. Raises UnknownRun."""
        ...

    def claim(self, run: str) -> int:
        """Take the ownership of a run whose owner is gone or has released it; return the new, greater epoch.

        Raises RunBusy while another owner is alive, UnknownRun.
        """
        ...

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up; nothing happens if the epoch is no longer the caller's."""
        ...

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first, all or those of one status."""
        ...

    def close(self) -> None:
        """Free what the backend holds; every run of its owner may then be claimed by others."""
        ...


@dataclass(slots=True)
class _Stored:
    row: RunRow
    records: list[bytes] = field(default_factory=list[bytes])


class MemoryBackend:
    """Journals in this process, gone with it: the port's meaning in plain objects."""

    def __init__(self) -> None:
        self._runs: dict[str, _Stored] = {}
        self._lock = threading.Lock()

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records."""
        with self._lock:
            if row.run in self._runs:
                raise RunExists(run=row.run)
            self._runs[row.run] = _Stored(replace(row, owner="this process"), list(records))
            return row.epoch

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs."""
        with self._lock:
            return [self._append(one) for one in batch]

    def _append(self, one: Append) -> bool:
        stored = self._runs.get(one.run)
        if stored is None or stored.row.epoch != one.epoch or len(stored.records) != one.sequence:
            return False
        stored.records += one.records
        if one.status is not None:
            owner = None if one.status.is_over else stored.row.owner
            stored.row = replace(stored.row, status=one.status, owner=owner, updated_at=datetime.now(UTC))
        return True

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records."""
        with self._lock:
            stored = self._known(run)
            return stored.row, list(stored.records)

    def claim(self, run: str) -> int:
        """Take the ownership of a released run."""
        with self._lock:
            stored = self._known(run)
            if stored.row.owner is not None:
                raise RunBusy(
                    run=run, owner=stored.row.owner, since=stored.row.updated_at.isoformat(timespec="seconds")
                )
            stored.row = replace(stored.row, epoch=stored.row.epoch + 1, owner="this process")
            return stored.row.epoch

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""
        with self._lock:
            stored = self._runs.get(run)
            if stored is not None and stored.row.epoch == epoch:
                stored.row = replace(stored.row, owner=None)

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first."""
        with self._lock:
            found = [stored.row for stored in self._runs.values() if status in (None, stored.row.status)]
        return sorted(found, key=lambda row: row.created_at, reverse=True)

    def close(self) -> None:
        """Nothing is held beyond the journals themselves."""

    def _known(self, run: str) -> _Stored:
        if run not in self._runs:
            raise UnknownRun(run=run, where="memory")
        return self._runs[run]
