"""The tables: made once, by whole steps, and left alone where they are not ours."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from knows_core import Append, BackendError, RecordCorrupt, RunRow, RunStatus, SchemaTooNew, UnknownRun
from knows_postgres import PostgresBackend, schema

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def backend(url):
    opened = PostgresBackend(url)
    yield opened
    opened.close()


def content(sql):
    """Every table of the database outside PostgreSQL's own, with what is in it."""
    tables = sql(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^(pg_|information_schema)'"
    )
    return {name: sql(f"select * from {name}").fetchall() for (name,) in tables.fetchall()}  # noqa: S608 - names of our own


def test_looking_makes_nothing(backend, sql):
    """In a database without a run nothing is found, and neither schema nor table appears."""
    assert backend.rows() == []
    assert backend.append([Append("r", 1, 0, (b"x",))]) == [False]
    assert backend.cancelling(["r"]) == set()
    assert not backend.delete("r", 1)
    backend.release("r", 1)
    backend.renew()
    for look in (backend.load, backend.claim, backend.request_cancel):
        with pytest.raises(UnknownRun):
            look("r")
    assert sql("select count(*) from pg_namespace where nspname = 'knows'").fetchone() == (0,)


def test_many_who_come_first_make_it_once(url, sql):
    """Of eight threads, each with a backend of its own, all create their run, in one schema of today's version."""
    start = threading.Barrier(8)

    def create(number):
        opened = PostgresBackend(url)
        start.wait(timeout=30)
        opened.create(replace(ROW, run=f"r{number}"), [b"0"])
        opened.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(create, range(8)))
    assert sql("select version from knows.knows_schema").fetchall() == [(len(schema.MIGRATIONS),)] == [(2,)]
    assert sql("select count(*) from knows.run").fetchone() == (8,)


def test_a_newer_schema_is_not_touched(backend, sql, url):
    """What a later version wrote is refused with both versions, and stays as it is."""
    backend.create(ROW, [b"0"])
    backend.close()
    sql("update knows.knows_schema set version = 7")
    before = content(sql)
    newer = PostgresBackend(url)
    for act in (newer.rows, lambda: newer.create(replace(ROW, run="s"), [b"0"]), lambda: newer.claim("r")):
        with pytest.raises(SchemaTooNew, match="its schema is version 7, this program knows up to 2") as caught:
            act()
    assert "Update knows-postgres" in str(caught.value)
    assert content(sql) == before
    newer.close()


def test_another_programs_schema_is_not_touched(backend, sql):
    """A schema of that name with foreign tables is refused and stays as it is."""
    sql("create schema knows")
    sql("create table knows.run (theirs text)")
    before = content(sql)
    for act in (backend.rows, lambda: backend.create(ROW, [b"0"])):
        with pytest.raises(BackendError, match="'knows' belongs to another program"):
            act()
    assert content(sql) == before


def test_an_empty_schema_is_used(backend, sql):
    """A schema that somebody with more rights made for us is filled."""
    sql("create schema knows")
    assert backend.create(ROW, [b"0"]) == 1


@pytest.mark.fault(10)
def test_a_migration_is_done_whole_or_not_at_all(backend, sql, url, monkeypatch):
    """One that fails in its second statement leaves the version, the tables and the runs as they were."""
    backend.create(ROW, [b"0"])
    backend.close()
    before = content(sql)
    with monkeypatch.context() as patched:
        broken = ("create table {s}.extra (x integer)", "create table {s}.run (again text)")
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        later = PostgresBackend(url)
        with pytest.raises(BackendError, match="already exists"):
            later.rows()
        later.close()
        assert content(sql) == before
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], ("create table {s}.extra (x integer)",)))
        later = PostgresBackend(url)
        assert [row.run for row in later.rows()] == ["r"]
        later.close()
        assert content(sql) == {**before, "knows.extra": [], "knows.knows_schema": [(3,)]}


def test_a_schema_of_version_1_is_brought_up_to_date(url, sql, monkeypatch):
    """By whoever looks first; its runs are not compensated, and can be by then."""
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        former = PostgresBackend(url)
        former._connections.run(lambda session, _: schema.create(session, "knows", former._address))
        former.close()
    sql("""insert into knows.run values ('r', 'etch', '1.2.0', 'running', '2026-01-01', '2026-01-01', 3, null, true, 1,
        gen_random_uuid())""")
    sql("insert into knows.record values ('r', 0, 3, '0')")
    opened = PostgresBackend(url)
    [row] = opened.rows()
    assert (row.run, row.epoch, row.cancelling, row.compensated) == ("r", 3, True, False)
    assert sql("select version from knows.knows_schema").fetchall() == [(2,)]
    epoch = opened.claim("r")
    assert opened.append([Append("r", epoch, 1, (b"1",), RunStatus.FAILED, compensated=True)]) == [True]
    assert opened.load("r")[0].compensated
    opened.create(replace(ROW, run="s"), [b"0"])
    assert [(row.run, row.compensated) for row in opened.rows(RunStatus.RUNNING)] == [("s", False)]
    opened.close()


def test_places_in_one_database_are_apart(url):
    """Two schemas are two places."""
    first, second = PostgresBackend(url), PostgresBackend.from_url(f"{url}&knows_schema=other&knows_lease=3")
    first.create(ROW, [b"0"])
    second.create(ROW, [b"other"])
    assert (first.load("r")[1], second.load("r")[1]) == ([b"0"], [b"other"])
    assert (first.capabilities.lease, second.capabilities.lease) == (15.0, 3.0)
    first.close()
    second.close()


@pytest.mark.fault(12)
def test_every_commit_is_synced(backend, sql, url):
    """A server that is set to forget commits is overruled in our sessions; one that is set to more is not."""
    (name,) = sql("select current_database()").fetchone()
    for setting, ours in (("off", "on"), ("remote_apply", "remote_apply")):
        sql(f"alter database {name} set synchronous_commit = {setting}")
        opened = PostgresBackend(url)
        opened.rows()
        found = opened._connections.run(lambda session, _: session.execute("show synchronous_commit").fetchone())
        assert found == (ours,)
        opened.close()


def test_a_damaged_row_costs_only_its_run(backend, sql, caplog):
    """The others are listed; the damaged one is named where it is asked for, and in the log."""
    for run in ("r", "s"):
        backend.create(replace(ROW, run=run), [b"0"])
    sql("update knows.run set status = 'dreaming' where run = 'r'")
    assert [row.run for row in backend.rows()] == ["s"]
    assert "run r" in caplog.text
    with pytest.raises(RecordCorrupt, match="'dreaming' is not a valid RunStatus"):
        backend.load("r")


def test_text_that_no_database_keeps_is_an_error(backend):
    """A NUL or half a surrogate pair in a name is refused with a sentence, and the backend goes on."""
    for name in ("a\0b", "a\ud800b"):
        with pytest.raises(BackendError):
            backend.create(replace(ROW, template=name), [b"0"])
    assert backend.create(ROW, [b"0"]) == 1


def test_a_closed_backend_says_so(backend):
    """After close(), which may be called twice, every use is a named error."""
    epoch = backend.create(ROW, [b"0"])
    backend.close()
    backend.close()
    acts = (
        backend.rows,
        backend.renew,
        lambda: backend.load("r"),
        lambda: backend.claim("r"),
        lambda: backend.append([Append("r", epoch, 1, (b"1",))]),
        lambda: backend.create(replace(ROW, run="s"), [b"0"]),
    )
    for act in acts:
        with pytest.raises(BackendError, match="the backend is closed"):
            act()
