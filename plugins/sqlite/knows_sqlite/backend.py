"""The state backend on SQLite: one durable transaction per append, the epoch and the owner checked inside it."""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qsl, unquote

from knows_core import (
    Append,
    BackendError,
    Capabilities,
    ConfigError,
    RecordCorrupt,
    RunExists,
    RunRow,
    RunStatus,
    UnknownRun,
)
from knows_sqlite.place import Place
from knows_sqlite.rows import INSERT, SELECT, UPDATE, columns_of, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

_LOG: Final = logging.getLogger("knows_sqlite")
LEASE: Final = 15.0
BUSY: Final = 30.0
_FENCE: Final = """
    exists (select 1 from run where run = :run and epoch = :epoch and owner = :owner)
    and :sequence = (select coalesce(max(sequence), -1) + 1 from record where run = :run)"""
# Epoch, owner, sequence and the insert in one statement: nobody can come between.
_INSERT_FENCED: Final = f"insert into record (run, sequence, data) select :run, :sequence, :data where {_FENCE}"
_IS_MINE: Final = f"select 1 where {_FENCE}"


class SQLiteBackend:
    """Journals in one SQLite file, for many threads and many processes of one host.

    Beside `FILE` lies the folder `FILE.owners` with the locks of the processes that have it open. `lease`: seconds
    after which an owner that did not renew may be followed. `busy`: seconds a write waits for others. `clock`: seconds
    of a clock that all processes of the host share.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        lease: float = LEASE,
        busy: float = BUSY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not lease > 0 or not 0 <= busy < math.inf:
            raise ConfigError(f"lease={lease:g} and busy={busy:g}: a lease is above 0 s, a wait from 0 s on and finite")
        self.capabilities = Capabilities(durable=True, shared=True, notices_death=True, lease=lease)
        self._place = Place(Path(path), lease=lease, busy=busy, clock=clock)
        self._place.is_there()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open `sqlite:///relative/path` or `sqlite:////absolute/path`, if need be with `?lease=15&busy=30` (seconds).

        Raises BackendError where the URL names no file or an option cannot be read, ConfigError for a bad figure.
        """
        place, _, options = url.partition(":")[2].partition("?")
        path = unquote(place)
        names_host = path.startswith("//") and not path.startswith("///")
        path = path.removeprefix("//").removeprefix("/") if path.startswith("//") else path
        if not path or path == ":memory:":
            hint = "Write sqlite:///FILE, sqlite:////absolute/FILE, or memory: for journals that are not kept."
            raise BackendError(backend=url, reason="it names no file", hint=hint)
        if names_host:
            hint = f"Write {url.replace('://', ':///', 1)}"
            raise BackendError(
                backend=url, reason="two slashes begin the name of a host, and a file has none", hint=hint
            )
        asked = _options(url, options)
        return cls(path, lease=asked.get("lease", LEASE), busy=asked.get("busy", BUSY))

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records."""

        def work(connection: sqlite3.Connection) -> int:
            self._place.owner.renew()
            try:
                connection.execute(INSERT, columns_of(replace(row, owner=self._place.owner.name)))
            except sqlite3.IntegrityError:
                raise RunExists(run=row.run) from None
            self._insert(connection, Append(row.run, row.epoch, 0, tuple(records)))
            return row.epoch

        self._place.make()
        return self._place.transaction(work)

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one commit."""
        if not self._place.is_there():
            return [False] * len(batch)
        if len(batch) == 1 and len(batch[0].records) == 1 and _is_only_records(batch[0]):
            # A single statement commits by itself, as safe as between `begin immediate` and `commit` and cheaper.
            return self._place.write(lambda connection: [self._insert(connection, batch[0])])
        return self._place.transaction(lambda connection: [self._append(connection, one) for one in batch])

    def _append(self, connection: sqlite3.Connection, one: Append) -> bool:
        if _is_only_records(one):
            return self._insert(connection, one)
        try:
            row = self._row(connection, one.run)
        except UnknownRun:
            return False
        except RecordCorrupt as error:  # of this run; the others of the batch go on
            _LOG.warning("%s", error)
            return False
        if not self._insert(connection, one):
            return False
        after = row if one.version is None else replace(row, version=one.version)
        if one.compensated is not None:
            after = replace(after, compensated=one.compensated)
        if one.status is not None:
            after = replace(after, status=one.status, updated_at=datetime.now(UTC))
            if one.status.is_over:
                after = replace(after, owner=None, cancelling=False)
        self._store(connection, row, after)
        return True

    def _insert(self, connection: sqlite3.Connection, one: Append) -> bool:
        run, epoch, owner = one.run, one.epoch, self._place.owner.name
        if not one.records:
            values = {"run": run, "epoch": epoch, "owner": owner, "sequence": one.sequence}
            return connection.execute(_IS_MINE, values).fetchone() is not None
        for sequence, data in enumerate(one.records, one.sequence):
            record = {"run": run, "epoch": epoch, "owner": owner, "sequence": sequence, "data": data}
            if not connection.execute(_INSERT_FENCED, record).rowcount:
                return False
            self._place.logged += len(data)
        return True

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records. Raises UnknownRun, RecordCorrupt."""
        self._check_there(run)
        with self._place.reading() as connection:
            row = self._row(connection, run)
            found = connection.execute("select sequence, data from record where run = ? order by sequence", (run,))
            records: list[bytes] = []
            for sequence, data in found:
                if sequence != len(records) or not isinstance(data, bytes):
                    reason = f"in its place the file holds {type(data).__name__} as number {sequence}"
                    raise RecordCorrupt(run=run, sequence=len(records), reason=reason)
                records.append(data)
            length = connection.execute("select length from run where run = ?", (run,)).fetchone()[0]
        if length != len(records):
            reason = f"{length} records were written, {len(records)} are found"
            raise RecordCorrupt(run=run, sequence=min(length, len(records)), reason=reason)
        return self._shown(row), records

    def claim(self, run: str) -> int:
        """Take the ownership of a run that nobody alive owns. Raises RunBusy, UnknownRun, RecordCorrupt."""

        def work(connection: sqlite3.Connection) -> int:
            row, owner = self._row(connection, run), self._place.owner
            if row.owner is not None and owner.is_alive(row.owner):
                raise row.busy(datetime.now(UTC))
            owner.renew()
            after = replace(row, epoch=row.epoch + 1, owner=owner.name, updated_at=datetime.now(UTC))
            self._store(connection, row, after)
            return after.epoch

        self._check_there(run)
        return self._place.transaction(work)

    def renew(self) -> None:
        """Prolong the lease of everything this object owns."""
        self._place.renew()

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""

        def work(connection: sqlite3.Connection) -> None:
            row = self._row(connection, run)
            if (row.epoch, row.owner) == (epoch, self._place.owner.name):
                self._store(connection, row, replace(row, owner=None))

        if self._place.is_there():
            try:
                self._place.transaction(work)
            except UnknownRun:
                return

    def request_cancel(self, run: str) -> bool:
        """Ask the owner of a run to stop."""

        def work(connection: sqlite3.Connection) -> bool:
            row = self._row(connection, run)
            if row.owner is None or not self._place.owner.is_alive(row.owner):
                return False
            self._store(connection, row, replace(row, cancelling=True))
            return True

        self._check_there(run)
        return self._place.transaction(work)

    def cancelling(self, runs: Collection[str]) -> set[str]:
        """Those of the runs that somebody asked to stop."""
        if not self._place.is_there():
            return set()
        with self._place.reading() as connection:
            asked = {run for (run,) in connection.execute("select run from run where cancelling = 1")}
        return asked.intersection(runs)

    def delete(self, run: str, epoch: int) -> bool:
        """Delete a run with all its records; the room is used again by later runs."""

        def work(connection: sqlite3.Connection) -> bool:
            mine = (run, epoch, self._place.owner.name)
            if not connection.execute("delete from run where run = ? and epoch = ? and owner = ?", mine).rowcount:
                return False
            connection.execute("delete from record where run = ?", (run,))
            return True

        return self._place.is_there() and self._place.transaction(work)

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first. A damaged row is left out, with a warning in the log."""
        if not self._place.is_there():
            return []
        with self._place.reading() as connection:
            found = connection.execute(f"{SELECT} where :status is null or status = :status", {"status": status})
            stored = found.fetchall()
        readable: list[RunRow] = []
        for values in stored:
            try:
                readable.append(row_of(values))
            except RecordCorrupt as error:  # one damaged row must not hide the others
                _LOG.warning("%s", error)
        alive = {owner for owner in {row.owner for row in readable} if owner and self._place.owner.is_alive(owner)}
        shown = (row if row.owner in alive else replace(row, owner=None) for row in readable)
        return sorted(shown, key=lambda row: row.created_at, reverse=True)

    def close(self) -> None:
        """Close the file; whatever this backend still owned may be claimed by others."""
        self._place.close()

    def _check_there(self, run: str) -> None:
        if not self._place.is_there():
            raise UnknownRun(run=run, where=self._place.path)

    def _row(self, connection: sqlite3.Connection, run: str) -> RunRow:
        values = connection.execute(f"{SELECT} where run = ?", (run,)).fetchone()
        if values is None:
            raise UnknownRun(run=run, where=self._place.path)
        return row_of(values)

    def _store(self, connection: sqlite3.Connection, row: RunRow, after: RunRow) -> None:
        """Change a row from what was read to what comes after it, in the same transaction."""
        connection.execute(UPDATE, columns_of(after) | {"held_epoch": row.epoch, "held_owner": row.owner})

    def _shown(self, row: RunRow) -> RunRow:
        """The row as it is shown: an owner that is gone is none."""
        return row if row.owner is None or self._place.owner.is_alive(row.owner) else replace(row, owner=None)


def _is_only_records(one: Append) -> bool:
    """Whether the row of the run stays as it is."""
    return one.status is None and one.version is None and one.compensated is None


def _options(url: str, text: str) -> dict[str, float]:
    """What stands behind the question mark."""
    try:
        found = {name: float(figure) for name, figure in parse_qsl(text, keep_blank_values=True)}
        unknown = ", ".join(found.keys() - {"lease", "busy"})
        reason = f"it has no option {unknown}" if unknown else ""
    except ValueError as error:
        found, reason = {}, f"an option cannot be read: {error}"
    if reason:
        hint = "Write sqlite:///FILE?lease=15&busy=30, in seconds; a question mark in a name is written %3F."
        raise BackendError(backend=url, reason=reason, hint=hint)
    return found
