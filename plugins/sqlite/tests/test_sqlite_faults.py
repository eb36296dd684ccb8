"""A place that fails: full, locked, read-only, broken, replaced. Each has its error, and nothing recorded is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knows_core import (
    AccessDenied,
    Append,
    BackendBusy,
    BackendError,
    BackendFull,
    LocalEngine,
    RunRow,
    RunStatus,
    pipeline,
    step,
)
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend
from knows_sqlite.faults import is_final, translated

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def row(run="r"):
    return RunRow(run, "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "journals.db"


@pytest.mark.parametrize("how", ["exclusive", "immediate"])
def test_a_foreign_program_that_locks_the_file_is_waited_for_and_named(file, how):
    """A write gives up after `busy` seconds, naming file, process and next move; readers are served; later it works."""
    opened = SQLiteBackend(file, busy=0.1)
    epoch = opened.create(row(), [b"0"])

    def hold(wire):
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute(f"begin {how}")
        wire.send(os.getpid())
        wire.recv()

    with Child(hold) as child:
        pid = child.hear()
        with pytest.raises(BackendBusy, match=rf"journals\.db: database is locked.*Process {pid} holds the file"):
            opened.append([Append("r", epoch, 1, (b"1",))])
        assert opened.load("r")[1] == [b"0"]
    assert opened.append([Append("r", epoch, 1, (b"1",))]) == [True]
    opened.close()


def test_a_full_place_tells_path_and_room(file):
    """The facts of the error are there for a program; what was accepted before is safe, and with room it goes on."""
    opened = SQLiteBackend(file)
    epoch = opened.create(row(), [b"0"])
    opened._place._opened().execute("pragma max_page_count=20")
    with pytest.raises(BackendFull) as error:
        opened.append([Append("r", epoch, 1, (b"x" * 1_000_000,))])
    assert (error.value.path, error.value.free > 0) == (file, True)
    assert opened.append([Append("r", epoch, 1, (b"small",))]) == [True]
    opened._place._opened().execute("pragma max_page_count=1000000")
    assert opened.append([Append("r", epoch, 2, (b"x" * 1_000_000,))]) == [True]
    opened.close()


def test_after_a_write_that_failed_nothing_is_written(file):
    """The same error comes again although the disk would write now; reading goes on; a new object goes on writing."""

    def fail(wire):
        opened = SQLiteBackend(file)
        epoch, accepted = opened.create(row(), [b"0"]), 0
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
        told = []
        for _ in range(100):
            try:
                accepted += opened.append([Append("r", epoch, accepted + 1, (b"x" * 20_000,))])[0]
            except BackendError as error:
                told.append(str(error))
                break
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        for write in (
            lambda: opened.append([Append("r", epoch, accepted + 1, (b"small",))]),
            lambda: opened.create(row("s"), [b"0"]),
            lambda: opened.release("r", epoch),
            lambda: opened.request_cancel("r"),
            lambda: opened.delete("r", epoch),
        ):
            with contextlib.suppress(BackendError):
                write()
                told.append("written")
        try:
            opened.append([Append("r", epoch, accepted + 1, (b"small",))])
        except BackendError as error:
            told.append(str(error))
        wire.send((accepted, told, len(opened.load("r")[1])))
        wire.recv()

    with Child(fail) as child:
        accepted, told, seen = child.hear()
    assert len(told) == 2
    assert told[0] == told[1]
    assert "journals.db: disk I/O error (SQLITE_IOERR_WRITE). Nothing more is written" in told[0]
    assert 0 < accepted == seen - 1
    again = SQLiteBackend(file)
    assert len(again.load("r")[1]) == accepted + 1
    assert again.append([Append("r", again.claim("r"), accepted + 1, (b"next",))]) == [True]
    again.close()


@pytest.fixture
def public():
    """A folder that another person may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_somebody_else(work):
    """What work() answers where the administrator's rights do not help."""
    SQLiteBackend, AccessDenied, LocalEngine(None).run(pipeline([step(lambda: 1, name="one")], name="t"))

    def begin(wire):
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        wire.send(work())
        wire.recv()

    with Child(begin) as child:
        return child.hear()


def test_a_folder_that_may_not_be_written_is_denied_before_any_step(public):
    """No step is called, and the error names the folder."""
    public.chmod(0o555)
    calls = []

    def work():
        template = pipeline([step(lambda: calls.append("step"), name="one")], name="t", version="1.0")
        try:
            LocalEngine(SQLiteBackend(public / "journals.db")).run(template)
        except AccessDenied as error:
            return str(error), calls
        return "run", calls

    told, called = as_somebody_else(work)
    assert f"{public}/journals.db" in told
    assert "may not be opened" in told
    assert called == []
    assert list(public.iterdir()) == []


def test_a_file_that_may_not_be_written_is_denied_before_any_step(public):
    """It can neither be opened nor claimed, and is not changed."""
    owner = SQLiteBackend(public / "journals.db")
    owner.release("r", owner.create(row(), [b"0"]))
    owner.close()
    (public / "journals.db").chmod(0o444)
    (public / "journals.db.owners").chmod(0o777)
    (public / "journals.db.owners" / "gate").chmod(0o666)
    before = (public / "journals.db").read_bytes()

    def work():
        try:
            SQLiteBackend(public / "journals.db").claim("r")
        except AccessDenied as error:
            return str(error)
        return "claimed"

    assert "may not be opened" in as_somebody_else(work)
    assert (public / "journals.db").read_bytes() == before


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_was_taken_away_is_noticed_at_the_next_commit(file, how):
    """Where another file has its name, or none, an append is an error, since nobody would find what it wrote."""
    opened, other = SQLiteBackend(file), SQLiteBackend(file.with_name("backup.db"))
    epoch = opened.create(row(), [b"0"])
    other.create(row(), [b"0"])
    other.close()
    if how == "replaced":
        file.with_name("backup.db").rename(file)
    else:
        file.unlink()
    for _ in range(2):
        with pytest.raises(BackendError, match="the file was removed or replaced while it was open"):
            opened.append([Append("r", epoch, 1, (b"1",))])
    opened.close()


def test_no_room_for_the_index_of_the_log_is_a_full_disk(tmp_path):
    """SQLite calls it a failure of the disk; it is BackendFull, after which the same backend may go on."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    assert isinstance(translated(error, tmp_path / "journals.db"), BackendFull)
    assert not is_final(error)
