"""The state backend on SQLite: one durable transaction per append, the epoch checked inside it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

from knows_core import AccessDenied, Append, BackendError, RunBusy, RunExists, RunRow, RunStatus, UnknownRun
from knows_sqlite.database import needs_gate, open_database, translated
from knows_sqlite.owners import Gate, Owner

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_CHECKPOINT_BYTES: Final = 4_000_000  # of write-ahead log; SQLite's own default is as much
_WRITES_BETWEEN_LOOKS: Final = 32
_COLUMNS: Final = "run, template, version, status, created_at, updated_at, epoch, owner"
# The epoch, the sequence and the insert in one statement: nobody can come between.
_INSERT_FENCED: Final = """
    insert into record (run, sequence, data) select :run, :sequence, :data
    where exists (select 1 from run where run = :run and epoch = :epoch)
    and :sequence = (select coalesce(max(sequence), -1) + 1 from record where run = :run)"""


class SQLiteBackend:
    """Journals in one SQLite file, for many threads and many processes of one host.

    Beside `FILE` lies the folder `FILE.owners` with the locks of the processes that have it open.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).absolute()
        owners = self._path.with_name(f"{self._path.name}.owners")
        try:
            owners.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._gate = Gate(owners)
            self._owner = Owner(owners)
        except OSError as error:
            raise AccessDenied(path=owners, reason=str(error)) from error
        self._lock = threading.RLock()
        self._log = self._path.with_name(f"{self._path.name}-wal")
        self._writes = 0
        self._closed = False
        try:
            self._connection = open_database(self._path, self._gate)
        except BaseException:
            self._owner.close()
            self._gate.close()
            raise

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open `sqlite:///relative/path` or `sqlite:////absolute/path`."""
        path = unquote(url.partition(":")[2])
        if path.startswith("//"):
            path = path.removeprefix("//").removeprefix("/")
        if not path or path == ":memory:":
            hint = "Write sqlite:///FILE, sqlite:////absolute/FILE, or memory: for journals that are not kept."
            raise BackendError(backend=url, reason="it names no file", hint=hint)
        return cls(path)

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records."""
        with self._writing() as connection:
            values = {**_values(row), "owner": self._owner.name}
            try:
                names = ", ".join(f":{name}" for name in values)
                connection.execute(f"insert into run ({_COLUMNS}) values ({names})", values)  # noqa: S608 - fixed names
            except sqlite3.IntegrityError:
                raise RunExists(run=row.run) from None
            self._insert(connection, Append(row.run, row.epoch, 0, tuple(records)))
        return row.epoch

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one commit."""
        with self._writing() as connection:
            return [self._insert(connection, one) for one in batch]

    def _insert(self, connection: sqlite3.Connection, one: Append) -> bool:
        for offset, data in enumerate(one.records):
            values = {"run": one.run, "sequence": one.sequence + offset, "data": data, "epoch": one.epoch}
            if connection.execute(_INSERT_FENCED, values).rowcount == 0:
                return False
        if one.status is not None:
            connection.execute(
                "update run set status = ?, updated_at = ?, owner = iif(?, null, owner) where run = ?",
                (one.status, _now(), one.status.is_over, one.run),
            )
        return True

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records."""
        with self._reading() as connection:
            row = self._row(connection, run)
            found = connection.execute("select data from record where run = ? order by sequence", (run,))
            return row, [data for (data,) in found]

    def claim(self, run: str) -> int:
        """Take the ownership of a run that nobody alive owns."""
        with self._writing() as connection:
            row = self._row(connection, run)
            if row.owner is not None and (row.owner == self._owner.name or self._owner.is_alive(row.owner)):
                since = row.updated_at.isoformat(sep=" ", timespec="seconds")
                raise RunBusy(run=run, owner=row.owner, since=since)
            taken = (row.epoch + 1, self._owner.name, _now(), run)
            connection.execute("update run set epoch = ?, owner = ?, updated_at = ? where run = ?", taken)
        return row.epoch + 1

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""
        with self._writing() as connection:
            connection.execute("update run set owner = null where run = ? and epoch = ?", (run, epoch))

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first."""
        query = f"select {_COLUMNS} from run where ?1 is null or status = ?1 order by created_at desc"  # noqa: S608
        with self._reading() as connection:
            return [_row_of(values) for values in connection.execute(query, (status,))]

    def close(self) -> None:
        """Close the file; whatever this backend still owned may be claimed by others."""
        if self._closed:
            return
        self._closed = True
        with self._lock, self._gate.alone():
            # The last one to close moves the write-ahead log into the file: alone, like every checkpoint.
            self._connection.close()
            self._owner.close()
        self._gate.close()

    def _row(self, connection: sqlite3.Connection, run: str) -> RunRow:
        values = connection.execute(f"select {_COLUMNS} from run where run = ?", (run,)).fetchone()  # noqa: S608
        if values is None:
            raise UnknownRun(run=run, where=self._path)
        return _row_of(values)

    @contextlib.contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise translated(error, self._path) from error

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        """One IMMEDIATE transaction: a deferred one that begins to write is refused while another process writes."""
        with self._lock:
            try:
                with self._gate.shared() if needs_gate() else contextlib.nullcontext():
                    self._connection.execute("begin immediate")
                    try:
                        yield self._connection
                        self._connection.execute("commit")
                    except BaseException:
                        self._roll_back()
                        raise
                self._checkpoint()
            except sqlite3.Error as error:
                raise translated(error, self._path) from error

    def _roll_back(self) -> None:
        # A failed commit may have ended the transaction itself.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("rollback")

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the file once it has grown, where SQLite must not do so by itself."""
        self._writes += 1
        if self._writes % _WRITES_BETWEEN_LOOKS or not needs_gate() or self._log.stat().st_size < _CHECKPOINT_BYTES:
            return
        with self._gate.alone():
            self._connection.execute("pragma wal_checkpoint(truncate)")


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _values(row: RunRow) -> dict[str, object]:
    times = {"created_at": row.created_at.isoformat(), "updated_at": row.updated_at.isoformat()}
    names = (name.strip() for name in _COLUMNS.split(","))
    return {name: times.get(name, getattr(row, name)) for name in names}


def _row_of(values: tuple[str, str, str, str, str, str, int, str | None]) -> RunRow:
    run, template, version, status, created, updated, epoch, owner = values
    times = (datetime.fromisoformat(created), datetime.fromisoformat(updated))
    return replace(RunRow(run, template, version, RunStatus(status), *times), epoch=epoch, owner=owner)
