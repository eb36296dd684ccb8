"""The state backend on SQLite: one durable transaction per append, the epoch checked inside it."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import unquote

from knows_core import (
    AccessDenied,
    Append,
    BackendError,
    RecordCorrupt,
    RunBusy,
    RunExists,
    RunRow,
    RunStatus,
    UnknownRun,
)
from knows_sqlite.database import BUSY_SECONDS, needs_gate, open_database, translated
from knows_sqlite.owners import Gate, Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

T = TypeVar("T")
_CHECKPOINT_BYTES: Final = 4_000_000  # of write-ahead log; SQLite's own default is as much
_COMMIT_BYTES: Final = 4_096  # what a commit adds to the log besides its records: about a page
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

    _connection: sqlite3.Connection
    _gate: Gate
    _owner: Owner

    def __init__(self, path: str | Path) -> None:
        # The real path: by another name of the same file an owner would not be seen.
        self._path = Path(path).resolve()
        self._lock = threading.RLock()
        self._gated = needs_gate()
        self._logged = 0  # bytes since the last checkpoint of ours, estimated
        self._is_open = False
        self._is_there()

    def _is_there(self) -> bool:
        """Whether there are journals to look at. Looking makes nothing: the file comes with the first run."""
        with self._lock:
            if not self._is_open and self._path.exists():
                self._open()
            return self._is_open

    def _open(self) -> None:
        owners = self._path.with_name(f"{self._path.name}.owners")
        try:
            owners.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._gate = Gate(owners)
            self._owner = Owner(owners)
        except OSError as error:
            raise AccessDenied(path=owners, reason=str(error)) from error
        try:
            self._connection = open_database(self._path, self._gate)
        except BaseException:
            self._owner.close()
            self._gate.close()
            raise
        self._is_open = True

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

        def work() -> int:
            values = {**_values(row), "owner": self._owner.name}
            names = ", ".join(f":{name}" for name in values)
            try:
                self._connection.execute(f"insert into run ({_COLUMNS}) values ({names})", values)  # noqa: S608 - fixed names
            except sqlite3.IntegrityError:
                raise RunExists(run=row.run) from None
            self._insert(Append(row.run, row.epoch, 0, tuple(records)))
            return row.epoch

        with self._lock:
            if not self._is_open:
                self._open()
        return self._write(lambda: self._transaction(work))

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one commit."""
        if not self._is_there():
            return [False] * len(batch)
        if len(batch) == 1 and batch[0].status is None and len(batch[0].records) == 1:
            # A single statement commits by itself, as safe as between `begin immediate` and `commit` and cheaper.
            return self._write(lambda: [self._insert(batch[0])])
        return self._write(lambda: self._transaction(lambda: [self._insert(one) for one in batch]))

    def _insert(self, one: Append) -> bool:
        execute = self._connection.execute
        for sequence, data in enumerate(one.records, one.sequence):
            values = {"run": one.run, "sequence": sequence, "data": data, "epoch": one.epoch}
            if not execute(_INSERT_FENCED, values).rowcount:
                return False
            self._logged += len(data)
        if one.status is not None:
            execute(
                "update run set status = ?, updated_at = ?, owner = iif(?, null, owner) where run = ?",
                (one.status, _now(), one.status.is_over, one.run),
            )
        return True

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records."""
        self._check_there(run)
        with self._reading() as connection:
            row = self._shown(self._row(connection, run))
            found = connection.execute("select data from record where run = ? order by sequence", (run,))
            return row, [data for (data,) in found]

    def claim(self, run: str) -> int:
        """Take the ownership of a run that nobody alive owns."""

        def work() -> int:
            row = self._row(self._connection, run)
            if row.owner is not None and self._is_alive(row.owner):
                since = row.updated_at.isoformat(sep=" ", timespec="seconds")
                raise RunBusy(run=run, owner=row.owner, since=since)
            taken = (row.epoch + 1, self._owner.name, _now(), run)
            self._connection.execute("update run set epoch = ?, owner = ?, updated_at = ? where run = ?", taken)
            return row.epoch + 1

        self._check_there(run)
        return self._write(lambda: self._transaction(work))

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""
        if not self._is_there():
            return
        update = "update run set owner = null where run = ? and epoch = ?"
        self._write(lambda: self._connection.execute(update, (run, epoch)))

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first."""
        if not self._is_there():
            return []
        query = f"select {_COLUMNS} from run where :status is null or status = :status order by created_at desc"  # noqa: S608
        with self._reading() as connection:
            found = connection.execute(query, {"status": status}).fetchall()
        readable: list[RunRow] = []
        for values in found:
            try:
                readable.append(self._shown(_row_of(values)))
            except RecordCorrupt as error:  # one damaged row must not hide the others
                logging.getLogger("knows_sqlite").warning("%s", error)
        return readable

    def close(self) -> None:
        """Close the file; whatever this backend still owned may be claimed by others."""
        with self._lock:
            if self._is_open:
                # The last one to close moves the write-ahead log into the file; SQLite lets nobody else in meanwhile.
                self._connection.close()
                self._owner.close()
                self._gate.close()

    def _check_there(self, run: str) -> None:
        if not self._is_there():
            raise UnknownRun(run=run, where=self._path)

    def _row(self, connection: sqlite3.Connection, run: str) -> RunRow:
        values = connection.execute(f"select {_COLUMNS} from run where run = ?", (run,)).fetchone()  # noqa: S608
        if values is None:
            raise UnknownRun(run=run, where=self._path)
        return _row_of(values)

    def _shown(self, row: RunRow) -> RunRow:
        """The row as it is shown: a dead owner is none."""
        return row if row.owner is None or self._is_alive(row.owner) else replace(row, owner=None)

    def _is_alive(self, owner: str) -> bool:
        return owner == self._owner.name or self._owner.is_alive(owner)

    @contextlib.contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise translated(error, self._path) from error

    def _transaction(self, work: Callable[[], T]) -> T:
        """Do the work in one IMMEDIATE transaction.

        A deferred one that begins to write is refused while another process writes.
        """
        self._connection.execute("begin immediate")
        try:
            done = work()
            self._connection.execute("commit")
        except BaseException:
            self._roll_back()
            raise
        return done

    def _write(self, work: Callable[[], T]) -> T:
        """Do work that writes, one thread at a time and inside the gate where there is one."""
        with self._lock:
            try:
                if not self._gated:
                    return work()
                self._gate.enter(BUSY_SECONDS)
                try:
                    done = work()
                    self._logged += _COMMIT_BYTES
                    if self._logged > _CHECKPOINT_BYTES:
                        self._checkpoint()
                finally:
                    self._gate.leave()
            except (TimeoutError, sqlite3.Error) as error:
                raise translated(error, self._path) from error
            return done

    def _roll_back(self) -> None:
        # A failed commit may have ended the transaction itself.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("rollback")

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the file, which SQLite may not do by itself here."""
        self._logged = 0
        # Not `truncate`: a log that keeps its length is overwritten, and syncing it costs a third of growing it.
        self._connection.execute("pragma wal_checkpoint(passive)")


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _values(row: RunRow) -> dict[str, object]:
    times = {"created_at": row.created_at.isoformat(), "updated_at": row.updated_at.isoformat()}
    names = (name.strip() for name in _COLUMNS.split(","))
    return {name: times.get(name, getattr(row, name)) for name in names}


def _row_of(values: tuple[str, str, str, str, str, str, int, str | None]) -> RunRow:
    run, template, version, status, created, updated, epoch, owner = values
    try:
        times = (datetime.fromisoformat(created), datetime.fromisoformat(updated))
        return RunRow(run, template, version, RunStatus(status), *times, epoch=epoch, owner=owner)
    except (TypeError, ValueError) as error:
        raise RecordCorrupt(run=run, sequence="of the run itself", reason=str(error)) from error
