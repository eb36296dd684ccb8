"""The database file: how it is opened safely, which journal mode it gets and why, and its schema."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Final

from knows_core import AccessDenied, BackendError

if TYPE_CHECKING:
    from pathlib import Path

    from knows_sqlite.owners import Gate

OLDEST: Final = (3, 37, 0)  # STRICT tables
SAFE_WAL: Final = (3, 51, 3)  # the WAL-reset bug is gone
SCHEMA: Final = 1
_APPLICATION: Final = 0x4B4E4F57  # "KNOW": tells our files from any other database
BUSY_SECONDS: Final = 30.0
_TABLES: Final = (
    """create table run (
        run text primary key, template text not null, version text not null, status text not null,
        created_at text not null, updated_at text not null, epoch integer not null, owner text
    ) strict, without rowid""",
    """create table record (
        run text not null references run, sequence integer not null, data blob not null, primary key (run, sequence)
    ) strict, without rowid""",
)


def needs_gate(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite must keep checkpoints and writes apart (see Gate)."""
    return version < SAFE_WAL


def open_database(path: Path, gate: Gate) -> sqlite3.Connection:
    """Open or create a journal database: WAL, synchronous=FULL, schema up to date.

    Raises BackendError for an old SQLite, another program's file or a newer schema, AccessDenied where the file may not
    be opened.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        reason = f"SQLite {sqlite3.sqlite_version} is older than 3.37"
        raise BackendError(backend=str(path), reason=reason, hint="Use a Python that brings a newer SQLite.")
    try:
        # Made by hand first: SQLite would create it readable for everybody.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise translated(error, path) from error
    try:
        if not _is_ready(connection, path):
            # Alone: two processes that create the same file at once would meet in the change of the journal mode.
            gate.enter(BUSY_SECONDS)
            try:
                _create(connection)
            finally:
                gate.leave()
        connection.execute("pragma trusted_schema=off")
        connection.execute("pragma synchronous=full")
        if needs_gate():
            connection.execute("pragma wal_autocheckpoint=0")
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise translated(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("pragma journal_mode=wal")
    if _number(connection, "user_version") == 0:  # nobody else did it meanwhile
        connection.execute("begin immediate")
        for table in _TABLES:
            connection.execute(table)
        connection.execute(f"pragma application_id={_APPLICATION}")
        connection.execute(f"pragma user_version={SCHEMA}")
        connection.execute("commit")


def _is_ready(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is a journal database of today's schema. Raises BackendError for anything but an empty file."""
    application, version = _number(connection, "application_id"), _number(connection, "user_version")
    holds_tables = connection.execute("select count(*) from sqlite_schema").fetchone()[0]
    if holds_tables and application != _APPLICATION:
        hint = "Name another file with --backend; this one was not touched."
        raise BackendError(backend=str(path), reason="it is a database of another program", hint=hint)
    if version > SCHEMA:
        reason = f"its schema is version {version}, this program knows up to {SCHEMA}"
        raise BackendError(backend=str(path), reason=reason, hint="Update knows-sqlite; the file was not touched.")
    return version == SCHEMA


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"pragma {pragma}").fetchone()[0])


def translated(error: OSError | sqlite3.Error, path: Path) -> BackendError | AccessDenied:
    """The project's error for one of the driver's, naming the file and the next move."""
    text = str(error)
    if "closed database" in text:
        hint = "Look at runs and histories before the engine is closed, or open it again."
        return BackendError(backend=str(path), reason="the backend is closed", hint=hint)
    if "disk is full" in text or getattr(error, "errno", None) == errno.ENOSPC:
        free = shutil.disk_usage(path.parent).free
        hint = "Make room and resume the run; every recorded step is safe."
        return BackendError(backend=str(path), reason=f"{text} ({free} bytes free)", hint=hint)
    if isinstance(error, TimeoutError) or "locked" in text or "busy" in text:
        hint = f"A process that holds the file hung for {BUSY_SECONDS:.0f} s: end it, then resume the run."
        return BackendError(backend=str(path), reason=text, hint=hint)
    if isinstance(error, OSError) or "readonly" in text or "unable to open" in text:
        return AccessDenied(path=path, reason=text)
    hint = "Check the file with `sqlite3 FILE 'pragma integrity_check'`, or restore it from a backup."
    return BackendError(backend=str(path), reason=text, hint=hint)
