"""The database file: how it is made and opened safely, which journal mode it gets and why."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from typing import TYPE_CHECKING, Final

from knows_core import BackendBusy, BackendError
from knows_sqlite.migrations import APPLICATION, SCHEMA, check_version, migrate, number
from knows_sqlite.owners import holders
from knows_sqlite.rows import text_of

if TYPE_CHECKING:
    from pathlib import Path

    from knows_sqlite.gate import Gate

OLDEST: Final = (3, 37, 0)  # STRICT tables
SAFE_WAL: Final = (3, 51, 3)  # the WAL-reset bug is gone


def needs_gate(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite must keep checkpoints and writes apart (see Gate)."""
    return version < SAFE_WAL


def open_database(path: Path, gate: Gate, owners: Path, *, busy: float) -> sqlite3.Connection:
    """Open or create a journal database: WAL, synchronous=FULL, schema up to date; `busy` in seconds.

    Raises BackendError for an old SQLite or another program's file, SchemaTooNew, BackendBusy where a program of an
    older schema has it open, and the errors of the driver and the system.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        reason = f"SQLite {sqlite3.sqlite_version} is older than 3.37"
        raise BackendError(backend=str(path), reason=reason, hint="Use a Python that brings a newer SQLite.")
    _make(path)
    # A look that cannot write comes first: the last one to close a database may move its log into it, and a file that
    # is refused must not be touched.
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=busy, uri=True)) as look:
        is_ready = None if _is_half_written(look) else _is_ready(look, path)
    connection = sqlite3.connect(path, timeout=busy, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = text_of
        for pragma in ("trusted_schema=off", "cell_size_check=on", "synchronous=full"):
            connection.execute(f"pragma {pragma}")
        if is_ready is None:
            is_ready = _is_ready(connection, path)
        if needs_gate():
            connection.execute("pragma wal_autocheckpoint=0")
        if not is_ready:
            # Alone: two processes that create the same file at once would meet in the change of the journal mode.
            gate.enter(busy)
            try:
                _bring_up_to_date(connection, path, owners)
            finally:
                gate.leave()
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """Make the file before SQLite does, which would make it readable for everybody."""
    if path.is_dir():  # SQLite would speak of a disk that fails
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    with contextlib.suppress(FileExistsError):
        try:
            # Without opening it: closing a file drops every lock that SQLite holds on it for this process.
            os.mknod(path, stat.S_IFREG | 0o600)
        except PermissionError:  # a system where only the administrator may, or a folder where nobody may
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _is_half_written(look: sqlite3.Connection) -> bool:
    """Whether a process was killed as it made the file: what it left is rolled back by the next one that may write."""
    try:
        number(look, "user_version")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
            return True
        raise
    return False


def _is_ready(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is a journal database of today's schema.

    Raises BackendError for anything but ours and an empty file.
    """
    connection.execute("begin")  # or else another process makes the tables between two of the questions
    application, version = number(connection, "application_id"), number(connection, "user_version")
    holds_tables = connection.execute("select count(*) from sqlite_schema").fetchone()[0]
    connection.execute("rollback")
    if holds_tables and application != APPLICATION:
        hint = "Name another file with --backend; this one was not touched."
        raise BackendError(backend=str(path), reason="it is a database of another program", hint=hint)
    check_version(version, path)
    return version == SCHEMA


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, owners: Path) -> None:
    found = number(connection, "user_version")
    # Whoever knows today's schema locks a file only after this: they are programs that would go on writing the old way.
    if 0 < found < SCHEMA and (older := holders(owners)):
        reason = f"its schema is version {found}, and programs that know no later one have it open ({', '.join(older)})"
        raise BackendBusy(
            backend=str(path), path=path, reason=reason, hint="Let them finish or end them, then try again."
        )
    if not found:
        connection.execute("pragma journal_mode=wal")
    migrate(connection, path)
