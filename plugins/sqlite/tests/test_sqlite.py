"""What is particular to the SQLite backend: its file, its journal mode, its owners."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knows_core import (
    AccessDenied,
    Append,
    BackendError,
    BackendFull,
    LocalEngine,
    RecordCorrupt,
    RunRow,
    RunStatus,
    UnknownRun,
    pipeline,
    step,
)
from knows_sqlite import SQLiteBackend, database, place
from knows_sqlite.database import needs_gate
from knows_sqlite.mounts import network_system

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "journals.db"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///sub/runs.db", "sub/runs.db"),
        ("sqlite:////{root}/runs.db", "runs.db"),
        ("sqlite:runs.db", "runs.db"),
        ("sqlite:///with%20blank.db", "with blank.db"),
    ],
)
def test_urls_name_files(url, path, tmp_path, monkeypatch):
    """Three slashes and a relative path, four and an absolute one; folders are made."""
    monkeypatch.chdir(tmp_path)
    opened = SQLiteBackend.from_url(url.format(root=str(tmp_path).lstrip("/")))
    opened.create(ROW, [b"0"])
    opened.close()
    assert (tmp_path / path).is_file()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite://:memory:", "sqlite:///:memory:"])
def test_a_url_without_a_file_is_refused(url):
    """It is told how to write one."""
    with pytest.raises(BackendError, match=r"names no file.*sqlite:///FILE"):
        SQLiteBackend.from_url(url)


@pytest.mark.parametrize("rest", ["runs.db", "sub/runs.db?busy=2"])
def test_two_slashes_are_refused(rest):
    """They would begin the name of a host; the spelling with three is told."""
    with pytest.raises(BackendError) as caught:
        SQLiteBackend.from_url(f"sqlite://{rest}")
    assert str(caught.value).endswith(f"and a file has none. Write sqlite:///{rest}")


def test_looking_makes_nothing(tmp_path):
    """At a place where no run was recorded there is none, and neither file nor folder appears."""
    opened = SQLiteBackend(tmp_path / "typo" / "runs.db")
    assert opened.rows() == []
    assert opened.append([Append("r", 1, 0, (b"x",))]) == [False]
    opened.release("r", 1)
    for look in (opened.load, opened.claim):
        with pytest.raises(UnknownRun):
            look("r")
    opened.close()
    assert list(tmp_path.iterdir()) == []


def test_only_its_person_may_read_it(file):
    """The file is 0600 and the folder of owners 0700, whatever the umask."""
    before = os.umask(0)
    try:
        opened = SQLiteBackend(file)
    finally:
        os.umask(before)
    opened.create(ROW, [b"secret"])
    assert {oct(one.stat().st_mode & 0o777) for one in file.parent.glob("journals.db*") if one.is_file()} == {"0o600"}
    assert oct((file.parent / "journals.db.owners").stat().st_mode & 0o777) == "0o700"
    opened.close()


@pytest.mark.fault(12)
def test_every_commit_is_synced(file):
    """Write-ahead log with synchronous=FULL (2): a commit survives a loss of power."""
    opened = SQLiteBackend(file)
    opened.create(ROW, [b"0"])
    asked = [
        opened._place._opened().execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    assert asked == ["wal", 2]
    opened.close()


@pytest.mark.parametrize(("version", "gate"), [((3, 37, 0), True), ((3, 51, 2), True), ((3, 51, 3), False)])
def test_checkpoints_are_taken_alone_where_sqlite_needs_it(version, gate):
    """Before 3.51.3 a checkpoint beside a write can damage the file."""
    assert needs_gate(version) is gate


@pytest.mark.parametrize("gated", [True, False])
def test_the_log_is_moved_into_the_file(file, monkeypatch, gated):
    """With the gate or without it, the write-ahead log stays bounded while several owners write."""
    monkeypatch.setattr(place, "needs_gate", lambda: gated)
    monkeypatch.setattr(database, "needs_gate", lambda: gated)
    first, second = SQLiteBackend(file), SQLiteBackend(file)
    epoch = first.create(ROW, [b"0"])
    second.create(RunRow("s", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT), [b"0"])
    for at in range(1, 151):
        assert first.append([Append("r", epoch, at, (b"x" * 50_000,))]) == [True]
        assert second.append([Append("s", epoch, at, (b"y",))]) == [True]
    assert file.with_name("journals.db-wal").stat().st_size < 6_000_000
    assert len(second.load("r")[1]) == 151
    first.close()
    second.close()


def test_too_old_a_library_is_named(file, monkeypatch):
    """Below 3.37 there are no STRICT tables, and the error says what to do."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(BackendError, match=r"older than 3.37.*newer SQLite"):
        SQLiteBackend(file).create(ROW, [b"0"])


def test_another_programs_database_is_not_touched(file):
    """A file with foreign tables is refused and stays as it is."""
    with sqlite3.connect(file) as foreign:
        foreign.execute("create table theirs (x)")
    foreign.close()
    before = file.read_bytes()
    with pytest.raises(BackendError, match="database of another program"):
        SQLiteBackend(file)
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_named(file):
    """Rubbish is an error with the path, not a crash, and is not overwritten."""
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(BackendError, match=r"journals\.db: file is not a database"):
        SQLiteBackend(file)
    assert file.read_bytes().startswith(b"not a database")


def test_a_place_that_cannot_be_opened_is_named(tmp_path):
    """A folder where a file should be, and a file where a folder should be."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(AccessDenied, match="folder may not be opened"):
        SQLiteBackend(tmp_path / "folder")
    (tmp_path / "plain").touch()
    with pytest.raises(AccessDenied, match="may not be opened"):
        SQLiteBackend(tmp_path / "plain" / "runs.db").create(ROW, [b"0"])


def test_a_full_disk_is_named_and_resume_works(file):
    """The error tells path and bytes free; recorded steps are safe, and with room the run goes on."""
    calls = []

    def body(name):
        def run(result, state):
            calls.append(name)
            return "x" * 60_000

        return step(run, name=name)

    template = pipeline([body(f"s{number}") for number in range(10)], name="t", version="1.0")
    opened = SQLiteBackend(file)
    opened.create(replace(ROW, run="first"), [b"0"])
    opened._place._opened().execute("pragma max_page_count=80")
    with pytest.raises(BackendFull, match=r"journals\.db: database or disk is full \([0-9]+ bytes free\)"):
        LocalEngine(opened).run(template, run_id="r")
    recorded = [one.content["path"] for one in LocalEngine(opened).history("r") if one.kind == "StepDone"]
    assert 0 < len(recorded) < 10
    calls.clear()
    opened._place._opened().execute("pragma max_page_count=1000000")
    assert LocalEngine(opened).resume("r", template).status is RunStatus.COMPLETED
    assert calls == [f"s{number}" for number in range(len(recorded), 10)]
    opened.close()


@pytest.mark.fault(7)
def test_an_end_that_was_cut_off_is_noticed(file):
    """A run that is stored as completed without the record of its end is damaged, not completed."""
    opened = SQLiteBackend(file)
    engine = LocalEngine(opened)
    engine.run(pipeline([step(lambda: 1, name="one")], name="t", version="1.0"), run_id="r")
    opened._place._opened().execute("delete from record where sequence = 2")
    opened._place._opened().execute("update run set length = 2")
    with pytest.raises(RecordCorrupt, match=r"completed, its records end as .*running"):
        engine.resume("r")
    opened.close()


def test_a_closed_backend_says_so(file):
    """Looking at a history after the engine was closed tells what to do."""
    with LocalEngine(SQLiteBackend(file)) as engine:
        run = engine.run(pipeline([step(lambda: 1, name="one")], name="t", version="1.0"))
    with pytest.raises(BackendError, match="the backend is closed"):
        run.history  # noqa: B018 - reads the backend


def test_closing_twice_is_closing_once(file):
    """close() can be called again."""
    opened = SQLiteBackend(file)
    opened.close()
    opened.close()


MOUNTS = r"""/dev/vda / ext4 rw 0 0
server:/export /srv/shared\040files nfs4 rw 0 0
tmpfs /srv/shared\040files/local tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "system"),
    [("/srv/shared files/a/runs.db", "nfs4"), ("/srv/shared files/local/runs.db", None), ("/srv/runs.db", None)],
)
def test_a_network_file_system_is_seen(tmp_path, path, system):
    """The innermost mount decides; without a table nothing is claimed."""
    (tmp_path / "mounts").write_text(MOUNTS)
    assert network_system(Path(path), tmp_path / "mounts") == system
    assert network_system(Path(path), tmp_path / "none") is None


def test_a_network_file_system_is_warned_of(file, tmp_path, monkeypatch, caplog):
    """The log names the file and the system once, when it is opened."""
    (tmp_path / "mounts").write_text(f"server:/export {tmp_path} nfs rw 0 0")
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "mounts")
    opened = SQLiteBackend(file)
    opened.create(ROW, [b"0"])
    opened.close()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        f"{file} lies on a network file system (nfs)"
    ]
