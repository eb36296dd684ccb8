"""A log that a killed owner left: whatever is missing of what it committed is named before anything is changed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knows_core import Append, BackendError, RunRow, RunStatus
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = 4096 + 24
COMMITS = 5


@pytest.fixture
def left(tmp_path):
    """The file of an owner that was killed after some commits; its log and the index lie beside it."""
    file = tmp_path / "journals.db"

    def work(wire):
        backend = SQLiteBackend(file)
        epoch = backend.create(RunRow("r", "etch", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT), [b"0"])
        wire.send([backend.append([Append("r", epoch, at, (b"%d" % at,))]) for at in range(1, COMMITS + 1)])
        wire.recv()

    with Child(work) as child:
        assert child.hear() == [[True]] * COMMITS
        child.kill()
    return file


def beside(file, ending):
    return file.with_name(f"{file.name}-{ending}")


def records(file):
    backend = SQLiteBackend(file)
    try:
        return backend.load("r")[1]
    finally:
        backend.close()


def test_a_whole_log_is_read(left):
    """All that was committed is there, and again after it was moved into the file."""
    for _ in range(2):
        assert records(left) == [b"%d" % at for at in range(COMMITS + 1)]


def test_every_damaged_frame_is_named(left):
    """A byte in any frame, the last one included, or in the head: twice an error, and the files stay as they are."""
    log = beside(left, "wal")
    whole = log.read_bytes()
    frames = len(whole) // FRAME
    assert frames > COMMITS
    for at in (17, *(32 + number * FRAME + 1000 for number in range(frames))):
        log.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        damaged = log.read_bytes()
        for _ in range(2):
            with pytest.raises(BackendError, match=r"its log is damaged.*remove journals\.db-shm"):
                SQLiteBackend(left)
        assert log.read_bytes() == damaged
    log.write_bytes(whole)
    assert len(records(left)) == COMMITS + 1


@pytest.mark.parametrize("size", [0, 20, 32 + FRAME, 32 + FRAME + 7])
def test_a_log_that_was_cut_is_named(left, size):
    """Nothing, half a head, or fewer pages than were committed."""
    os.truncate(beside(left, "wal"), size)
    with pytest.raises(BackendError, match="its log is damaged"):
        SQLiteBackend(left)


def test_a_missing_log_is_named(left):
    """A file that was restored without its log is not taken for one whose commits never were."""
    beside(left, "wal").unlink()
    with pytest.raises(BackendError, match="after the first 0 are gone"):
        SQLiteBackend(left)


def test_a_commit_that_never_ended_is_no_damage(left):
    """What a kill left behind the last commit is no part of the log."""
    with beside(left, "wal").open("ab") as log:
        log.write(b"\0" * (FRAME // 2))
    assert len(records(left)) == COMMITS + 1


def test_who_accepts_the_loss_goes_on_without(left):
    """As the error says: without the index the log ends where it is damaged, and the run is as it was by then."""
    log = beside(left, "wal")
    os.truncate(log, log.stat().st_size - FRAME)
    with pytest.raises(BackendError):
        SQLiteBackend(left)
    beside(left, "shm").unlink()
    assert records(left) == [b"%d" % at for at in range(COMMITS)]


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_lost(left):
    """Opening and closing again and again leaves at most one open."""
    SQLiteBackend(left).close()
    before = descriptors()
    for _ in range(5):
        SQLiteBackend(left).close()
    assert descriptors() <= before + 1
