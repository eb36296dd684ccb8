"""The schema, as the list of changes that made it; a new file and an old one come to today's by the same way."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from knows_core import SchemaTooNew
from knows_sqlite.rows import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

APPLICATION: Final = 0x4B4E4F57  # "KNOW": tells our files from any other database
# What the digest went over in schema 2; a change that was released stays as it is, whatever the columns of today are.
_COLUMNS_2: Final = "run, template, version, status, created_at, updated_at, epoch, owner, cancelling"


def _tables(connection: sqlite3.Connection) -> None:
    connection.execute("""create table run (
        run text primary key, template text not null, version text not null, status text not null,
        created_at text not null, updated_at text not null, epoch integer not null, owner text
    ) strict, without rowid""")
    connection.execute("""create table record (
        run text not null references run, sequence integer not null, data blob not null, primary key (run, sequence)
    ) strict, without rowid""")


def _cancelling_and_proofs(connection: sqlite3.Connection) -> None:
    connection.execute("alter table run add column cancelling integer not null default 0")
    connection.execute("alter table run add column digest integer not null default 0")
    # How many records a run has, kept by the file itself: where damage hides the last ones, nothing else tells.
    connection.execute("alter table run add column length integer not null default 0")
    connection.execute("update run set length = (select count(*) from record where record.run = run.run)")
    connection.execute("""create trigger record_counted after insert on record begin
        update run set length = new.sequence + 1 where run = new.run;
    end""")
    # Asked ten times a second: only the few runs that somebody asked to stop are in it.
    connection.execute("create index run_cancelling on run (run) where cancelling = 1")
    for values in connection.execute(f"select {_COLUMNS_2} from run").fetchall():  # noqa: S608 - fixed names
        connection.execute("update run set digest = ? where run = ?", (digest_of(values), values[0]))


def _compensated(connection: sqlite3.Connection) -> None:
    connection.execute("alter table run add column compensated integer not null default 0")
    for *values, digest in connection.execute(f"select {_COLUMNS_2}, digest from run").fetchall():  # noqa: S608 - fixed names
        if digest_of(values) == digest:  # a new digest over a damaged row would pass it on as sound
            connection.execute("update run set digest = ? where run = ?", (digest_of([*values, 0]), values[0]))


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_tables, _cancelling_and_proofs, _compensated)
SCHEMA: Final = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date in one transaction: killed anywhere, the file has the old or the new one."""
    if number(connection, "user_version") not in (0, SCHEMA):
        _back_up(connection, path)
    try:
        connection.execute("begin immediate")
        found = number(connection, "user_version")
        check_version(found, path)
        for change in MIGRATIONS[found:]:
            change(connection)
        connection.execute(f"pragma application_id={APPLICATION}")
        connection.execute(f"pragma user_version={SCHEMA}")
        connection.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a failed commit may have ended it
            connection.execute("rollback")
        raise


def check_version(found: int, path: Path) -> None:
    """Raise SchemaTooNew where a later version of this program wrote the file."""
    if found > SCHEMA:
        raise SchemaTooNew(backend=str(path), path=path, found=found, known=SCHEMA, package="knows-sqlite")


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the file as it is to `FILE.schema-N`, for a return to the older version of this program."""
    kept = path.with_name(f"{path.name}.schema-{number(connection, 'user_version')}")
    partial = kept.with_name(f"{kept.name}.partial")  # never a half one under the name of a whole one
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(partial)) as copy:
        connection.backup(copy)
    partial.rename(kept)


def number(connection: sqlite3.Connection, pragma: str) -> int:
    """The value of a pragma."""
    return int(connection.execute(f"pragma {pragma}").fetchone()[0])
