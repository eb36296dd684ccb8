"""Many threads, many processes, one file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from knows_core import Append, RunRow, RunStatus
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def row(run="r"):
    return RunRow(run, "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "journals.db"


@pytest.mark.fault(87)
def test_many_threads_share_one_object(file):
    """32 threads drive four runs each through every method at once: no driver's error, no record lost."""
    opened = SQLiteBackend(file)

    def drive(thread):
        for number in range(4):
            run = f"{thread}-{number}"
            epoch = opened.create(row(run), [b"0"])
            assert opened.append([Append(run, epoch, 1, (b"1",))]) == [True]
            opened.renew()
            opened.release(run, epoch)
            epoch = opened.claim(run)
            assert opened.request_cancel(run)
            assert opened.cancelling([run]) == {run}
            assert opened.append([Append(run, epoch, 2, (b"2", b"3"), RunStatus.COMPLETED)]) == [True]
            assert opened.load(run)[1] == [b"0", b"1", b"2", b"3"]
            assert number or opened.delete(run, opened.claim(run))
            assert opened.rows(RunStatus.FAILED) == []

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(drive, range(32)))
    assert len(opened.rows()) == 32 * 3
    opened.close()


@pytest.mark.parametrize("turn", range(5))
def test_processes_that_make_the_same_file_at_once(file, turn):
    """Eight processes open and make a file that is not there yet: all are served, none sees half a schema."""

    def work(wire):
        number = wire.recv()
        opened = SQLiteBackend(file)
        opened.rows()
        epoch = opened.create(row(f"r{number}"), [b"0"])
        wire.send(list(opened.append([Append(f"r{number}", epoch, 1, (b"1",))])))
        opened.close()

    children = [Child(work) for _ in range(8)]
    try:
        for number, child in enumerate(children):
            child.say(number)
        assert [child.hear() for child in children] == [[True]] * 8
    finally:
        for child in children:
            child.kill()
    opened = SQLiteBackend(file)
    assert len(opened.rows()) == 8
    opened.close()


def test_a_run_is_loaded_as_it_stood_at_one_moment(file):
    """When its owner ends a run between the two questions of a load, row and records are both from before."""
    owner, reader = SQLiteBackend(file), SQLiteBackend(file)
    epoch = owner.create(row(), [b"0"])
    reader.rows()
    ended = []

    def end_it(statement):
        if "from record" in statement and not ended:
            ended.extend(owner.append([Append("r", epoch, 1, (b"end",), RunStatus.COMPLETED)]))

    reader._place._opened().set_trace_callback(end_it)
    found, records = reader.load("r")
    assert ended == [True]
    assert (found.status, records) == (RunStatus.RUNNING, [b"0"])
    assert reader.load("r")[0].status is RunStatus.COMPLETED
    for one in (owner, reader):
        one.close()


def test_the_room_of_deleted_runs_is_used_again(file):
    """Deleting removes one run and no other; the file does not grow when runs come and go."""
    opened = SQLiteBackend(file)
    opened.create(row("kept"), [b"k" * 50_000])

    def come_and_go():
        for number in range(5):
            epoch = opened.create(row(f"r{number}"), [b"x" * 200_000])
            assert opened.delete(f"r{number}", epoch)
        pages = opened._place._opened().execute("pragma page_count").fetchone()[0]
        return int(pages)

    before = come_and_go()
    assert [come_and_go() for _ in range(3)] == [before] * 3
    assert [one.run for one in opened.rows()] == ["kept"]
    assert opened.load("kept")[1] == [b"k" * 50_000]
    opened.close()


@pytest.mark.parametrize("records", [(), (b"1",), (b"1", b"2")])
def test_every_kind_of_append_is_fenced(file, records):
    """With no record, one, or several, with a status or without: another object's epoch is not accepted."""
    owner, other = SQLiteBackend(file), SQLiteBackend(file)
    epoch = owner.create(row(), [b"0"])
    for status in (None, RunStatus.SLEEPING, RunStatus.FAILED):
        for version in (None, "2.0.0"):
            assert other.append([Append("r", epoch, 1, records, status, version)]) == [False]
            assert owner.append([Append("r", epoch, 2, records, status, version)]) == [False]
    assert owner.append([Append("r", epoch, 1, records, RunStatus.SLEEPING, "2.0.0")]) == [True]
    found, stored = other.load("r")
    assert (found.status, found.version, stored) == (RunStatus.SLEEPING, "2.0.0", [b"0", *records])
    for one in (owner, other):
        one.close()
