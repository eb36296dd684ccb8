"""Files of other schemas: older ones come to today's wholly or not at all, newer ones are not touched."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knows_core import Append, BackendBusy, RunRow, RunStatus, SchemaTooNew
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend, migrations
from knows_sqlite.owners import Owner

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = {
    1: """
    insert into run values ('done', 'etch', '1.2.0', 'completed',
        '2026-01-02T03:04:05.000006+00:00', '2026-01-02T03:05:00+00:00', 3, null);
    insert into run values ('alive', 'etch', '1.2.0', 'running',
        '2026-02-02T03:04:05.000006+00:00', '2026-02-02T03:04:05.000006+00:00', 1, 'process 4711 (0123456789ab)');
    """,
    2: """
    insert into run values ('done', 'etch', '1.2.0', 'completed',
        '2026-01-02T03:04:05.000006+00:00', '2026-01-02T03:05:00+00:00', 3, null, 0, 3888110516, 0);
    insert into run values ('alive', 'etch', '1.2.0', 'running', '2026-02-02T03:04:05.000006+00:00',
        '2026-02-02T03:04:05.000006+00:00', 1, 'process 4711 (0123456789ab)', 1, 667094999, 0);
    """,
}
RECORDS = "insert into record values ('done', 0, x'00ff'), ('done', 1, x''), ('alive', 0, x'30');"


def write(file, schema):
    """A file as the version of that schema wrote it; the tables stand beside this test."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(Path(__file__).with_name(f"schema_{schema}.sql").read_text("utf-8"))
        connection.executescript(ROWS[schema] + RECORDS)
    file.chmod(0o600)


@pytest.fixture(params=sorted(ROWS))
def schema(request):
    """The number of an older schema."""
    return request.param


@pytest.fixture
def old(tmp_path, schema):
    """A file of an older schema."""
    file = tmp_path / "journals.db"
    write(file, schema)
    return file


def dump(file):
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return [connection.execute("pragma user_version").fetchone()[0], *connection.iterdump()]


def test_an_old_file_is_read_and_continued(old, schema):
    """Runs, records, times, epochs and requests are there after the change, and a dead owner's run goes on."""
    opened = SQLiteBackend(old)
    found = {one.run: one for one in opened.rows()}
    assert found["done"] == RunRow(
        "done",
        "etch",
        "1.2.0",
        RunStatus.COMPLETED,
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 5, tzinfo=UTC),
        epoch=3,
    )
    assert (found["alive"].status, found["alive"].owner, found["alive"].epoch) == (RunStatus.RUNNING, None, 1)
    assert (found["alive"].cancelling, found["alive"].compensated) == (schema == 2, False)  # schema 1 knew no requests
    assert opened.load("done")[1] == [b"\x00\xff", b""]
    assert opened.claim("alive") == 2
    assert opened.append([Append("alive", 2, 1, (b"1",), RunStatus.FAILED, compensated=True)]) == [True]
    assert opened.load("alive")[0].compensated
    opened.close()


def test_old_and_new_files_have_one_schema(old, tmp_path):
    """A migrated file and a fresh one are made by the same way."""
    fresh = tmp_path / "fresh.db"
    for file in (old, fresh):
        opened = SQLiteBackend(file)
        opened.create(RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT), [b"0"])
        opened.close()

    def tables(file):
        return [line for line in dump(file) if not str(line).startswith("INSERT")]

    assert tables(old) == tables(fresh)
    assert tables(fresh)[0] == migrations.SCHEMA == 3


@pytest.mark.parametrize("what", ["epoch = 9", "digest = 7", "run = cast(x'6cff' as text)"])
def test_the_change_passes_no_damage_on_as_sound(tmp_path, caplog, what):
    """A row whose digest did not fit is damaged after the change too; the other one is sound."""
    file = tmp_path / "journals.db"
    write(file, 2)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"update run set {what} where run = 'alive'")  # noqa: S608 - fixed texts
    opened = SQLiteBackend(file)
    assert [one.run for one in opened.rows()] == ["done"]
    assert "its digest does not fit" in caplog.text
    opened.close()


def test_the_file_is_kept_as_it_was(old, schema):
    """Beside the migrated file lies the old one, readable by its person alone, under the number of its schema."""
    before = dump(old)
    SQLiteBackend(old).close()
    kept = old.with_name(f"journals.db.schema-{schema}")
    assert dump(kept) == before
    assert oct(kept.stat().st_mode & 0o777) == "0o600"
    assert dump(old)[0] == migrations.SCHEMA
    assert not kept.with_name(f"{kept.name}.partial").exists()


@pytest.mark.fault(10)
def test_a_change_that_fails_halfway_changes_nothing(old, monkeypatch):
    """Whatever stops a migration in the middle, the file has its old schema; the next opening does it all."""
    before, whole = dump(old), migrations.MIGRATIONS

    def stop(connection):
        whole[-1](connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(migrations, "MIGRATIONS", (*whole[:-1], stop))
    with pytest.raises(KeyboardInterrupt):
        SQLiteBackend(old)
    assert dump(old) == before
    monkeypatch.undo()
    opened = SQLiteBackend(old)
    assert len(opened.rows()) == 2
    opened.close()


def test_a_new_file_that_failed_halfway_is_empty(tmp_path, monkeypatch):
    """Whatever stops the making of a file, the next one finds it as if it were new."""

    def stop(connection):
        raise KeyboardInterrupt

    row = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)
    monkeypatch.setattr(migrations, "MIGRATIONS", (migrations.MIGRATIONS[0], stop))
    with pytest.raises(KeyboardInterrupt):
        SQLiteBackend(tmp_path / "journals.db").create(row, [b"0"])
    monkeypatch.undo()
    opened = SQLiteBackend(tmp_path / "journals.db")
    assert opened.rows() == []
    assert opened.create(row, [b"0"]) == 1
    opened.close()


def test_a_file_that_an_older_program_uses_is_left_alone(old, schema):
    """While a program that knows no later schema has the file open, it is not changed under it; the error says so."""
    folder = old.with_name("journals.db.owners")
    folder.mkdir()
    before, theirs = dump(old), Owner(folder, lease=15, clock=time.monotonic)
    with pytest.raises(BackendBusy, match=rf"schema is version {schema}.*programs that know no later one have it open"):
        SQLiteBackend(old)
    assert dump(old) == before
    theirs.close()
    SQLiteBackend(old).close()
    assert dump(old)[0] == migrations.SCHEMA


def test_a_newer_file_tells_what_to_update(old):
    """The facts of the error: where, what was found, what is known, which package."""
    with contextlib.closing(sqlite3.connect(old)) as later:
        later.execute("pragma user_version=99")
    before = old.read_bytes()
    with pytest.raises(SchemaTooNew, match="Update knows-sqlite") as error:
        SQLiteBackend(old)
    facts = {name: error.value.facts[name] for name in ("backend", "found", "known", "package")}
    assert facts == {"backend": str(old), "found": 99, "known": migrations.SCHEMA, "package": "knows-sqlite"}
    assert old.read_bytes() == before


def test_a_newer_program_that_was_killed_finds_its_file_as_it_left_it(old):
    """What still stands in its log is seen, and not moved into the file."""

    def later(wire):
        connection = sqlite3.connect(old)
        connection.execute("pragma user_version=99")
        wire.send("written")
        wire.recv()

    with Child(later) as child:
        child.hear()
        child.kill()
    files = [old, old.with_name("journals.db-wal")]
    before = [file.read_bytes() for file in files]
    assert before[1]
    with pytest.raises(SchemaTooNew):
        SQLiteBackend(old)
    assert [file.read_bytes() for file in files] == before
