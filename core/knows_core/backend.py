"""Where journals are kept: the port every state backend implements, and the one in memory that specifies it.

A backend stores opaque records in order, knows who owns a run, and refuses everybody else. It understands no record.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from knows_core.errors import RunExists, UnknownRun
from knows_core.errors.backend import RunBusy

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from knows_core.run import RunStatus


class Capabilities(NamedTuple):
    """What a backend is good for; it says so itself, and the contract suite holds it to that.

    `durable`: journals outlive the process. `shared`: several owners, in processes of their own, may use one place at
    once. `notices_death`: a dead owner of this host is known to be dead at once, not only when its lease has run out.
    `lease`: seconds after which an owner that did not renew may be followed by another (infinite: never).
    """

    durable: bool
    shared: bool
    notices_death: bool
    lease: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """What a backend knows of a run beside its records, for listing and for ownership.

    Times are aware; `updated_at` is when the status or the owner last changed. `owner` names whoever holds the run, in
    words for a person; a dead one is not shown. `cancelling`: somebody asked the owner to stop. `compensated`: what the
    run had done was undone, which tells a `failed` run that is over for good from one that can be resumed.
    """

    run: str
    template: str
    version: str
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    epoch: int = 1
    owner: str | None = None
    cancelling: bool = False
    compensated: bool = False

    def busy(self, now: datetime) -> RunBusy:
        """The error for somebody else who wants the run, told by the backend's own clock."""
        age = max(0, round((now - self.updated_at).total_seconds()))
        since = self.updated_at.isoformat(sep=" ", timespec="seconds")
        return RunBusy(run=self.run, owner=self.owner, since=since, age=age)


class Append(NamedTuple):
    """Records to add to a run: at `sequence`, by the owner of `epoch`.

    `status`, `version` (of the template, after a migration) and the flag `compensated` are stored with them; None: as
    they are. A later status leaves the flag alone.
    """

    run: str
    epoch: int
    sequence: int
    records: tuple[bytes, ...]
    status: RunStatus | None = None
    version: str | None = None
    compensated: bool | None = None


@runtime_checkable
class StateBackend(Protocol):
    """Blocking and safe to call from many threads. Raises BackendError when the place itself fails.

    One object is one owner: what it created or claimed is its own until it ends, releases or loses it. After a fork the
    child is another owner, whatever it inherited. Opening a backend and looking at runs makes nothing: the place comes
    into being with its first run.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this backend is good for."""
        ...

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records, owned by the caller, durably and at once; return its epoch.

        Raises RunExists.
        """
        ...

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one durable commit.

        Answers per run, in order, whether it was accepted: this object still owns the epoch and the sequence is the
        next one. Ownership, sequence and insert must be one atomic act. A refused run never fails the others. A status
        that is over (`RunStatus.is_over`) gives up the ownership and settles a request to cancel in the same commit.
        Where the outcome of a commit is unknown, the backend reads it back: True means stored, exactly once.
        """
        ...

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records in order. Raises UnknownRun."""
        ...

    def claim(self, run: str) -> int:
        """Take the ownership of a run whose owner is gone or has released it; return the new, greater epoch.

        Gone is an owner that is dead, or whose lease has run out. Of many who claim at once, one gets it. Raises
        RunBusy while another owner is alive, and also where this object owns the run itself; UnknownRun.
        """
        ...

    def renew(self) -> None:
        """Prolong the lease of everything this object owns, by the clock of the place.

        The engine calls it three times in each lease while it drives runs. Nothing happens while nothing is owned.
        """
        ...

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up; nothing happens if the epoch is no longer the caller's."""
        ...

    def request_cancel(self, run: str) -> bool:
        """Ask the owner of a run to stop; False where nobody alive owns it. Raises UnknownRun."""
        ...

    def cancelling(self, runs: Collection[str]) -> set[str]:
        """Those of the runs that somebody asked to stop. Called up to ten times a second while runs are driven."""
        ...

    def delete(self, run: str, epoch: int) -> bool:
        """Delete a run with all its records; False where it is no longer the caller's by that epoch."""
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

    def is_owned_by(self, epoch: int) -> bool:
        return self.row.epoch == epoch and self.row.owner is not None


class MemoryBackend:
    """Journals in this process, gone with it: the port's meaning in plain objects."""

    capabilities = Capabilities(durable=False, shared=False, notices_death=True, lease=math.inf)

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
        if (
            stored is None
            or stored.row.epoch != one.epoch
            or stored.row.owner is None
            or len(stored.records) != one.sequence
        ):
            return False
        stored.records += one.records
        if one.version is not None:
            stored.row = replace(stored.row, version=one.version)
        if one.compensated is not None:
            stored.row = replace(stored.row, compensated=one.compensated)
        if one.status is not None:
            stored.row = replace(stored.row, status=one.status, updated_at=datetime.now(UTC))
            if one.status.is_over:
                stored.row = replace(stored.row, owner=None, cancelling=False)
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
                raise stored.row.busy(datetime.now(UTC))
            epoch = stored.row.epoch + 1
            stored.row = replace(stored.row, epoch=epoch, owner="this process", updated_at=datetime.now(UTC))
            return epoch

    def renew(self) -> None:
        """Nothing: this process is alive while it can ask."""

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""
        with self._lock:
            stored = self._runs.get(run)
            if stored is not None and stored.row.epoch == epoch:
                stored.row = replace(stored.row, owner=None)

    def request_cancel(self, run: str) -> bool:
        """Ask the owner of a run to stop."""
        with self._lock:
            stored = self._known(run)
            if stored.row.owner is None:
                return False
            stored.row = replace(stored.row, cancelling=True)
            return True

    def cancelling(self, runs: Collection[str]) -> set[str]:
        """Those of the runs that somebody asked to stop."""
        with self._lock:
            return {run for run in runs if run in self._runs and self._runs[run].row.cancelling}

    def delete(self, run: str, epoch: int) -> bool:
        """Delete a run with all its records."""
        with self._lock:
            stored = self._runs.get(run)
            is_mine = stored is not None and stored.is_owned_by(epoch)
            if is_mine:
                del self._runs[run]
            return is_mine

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
