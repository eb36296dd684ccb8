"""Leases and proofs of life on one host: told by locks and by an injected clock, never by pids or by the wall clock."""

from __future__ import annotations

import math
import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from knows_core import Append, BackendError, ConfigError, RunBusy, RunRow, RunStatus
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pair(tmp_path, clock):
    """Two owners of one file, with leases of 15 s."""
    both = [SQLiteBackend(tmp_path / "journals.db", clock=clock) for _ in range(2)]
    yield both
    for one in both:
        one.close()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journals.db.owners"


def lock_of(folder, owner):
    return folder / f"{''.join(filter(str.isalnum, owner))}.lock"


def test_a_lease_ends_when_it_ends(pair, clock):
    """One tick before, the run is busy and its owner shown; at its end it is free, and nobody is shown."""
    first, second = pair
    epoch = first.create(ROW, [b"0"])
    clock.now += 14.99
    with pytest.raises(RunBusy):
        second.claim("r")
    assert second.load("r")[0].owner is not None
    clock.now += 0.02
    assert second.load("r")[0].owner is second.rows()[0].owner is None
    assert second.request_cancel("r") is False
    assert second.claim("r") == epoch + 1


def test_a_zombie_may_do_nothing(pair, clock):
    """Its records, its status, its release and its deletion are refused, and it cannot claim the run back."""
    first, second = pair
    old = first.create(ROW, [b"0"])
    clock.now += 20
    new = second.claim("r")
    assert first.append([Append("r", old, 1, (b"late",))]) == [False]
    assert first.append([Append("r", old, 1, (b"late",), RunStatus.FAILED)]) == [False]
    assert first.append([Append("r", old, 1, (), RunStatus.FAILED)]) == [False]
    assert first.append([Append("r", new, 1, (b"late",))]) == [False]  # nor by the epoch that it has seen
    assert first.delete("r", old) is first.delete("r", new) is False
    first.release("r", old)
    first.release("r", new)
    first.renew()
    with pytest.raises(RunBusy):
        first.claim("r")
    assert second.append([Append("r", new, 1, (b"mine",))]) == [True]
    assert first.load("r")[1] == [b"0", b"mine"]


def test_who_renews_keeps_its_runs(pair, clock):
    """Each renewal gives all runs of the owner a whole lease more."""
    first, second = pair
    first.create(ROW, [b"0"])
    first.create(replace(ROW, run="s"), [b"0"])
    for _ in range(10):
        clock.now += 14
        first.renew()
        for run in ("r", "s"):
            with pytest.raises(RunBusy):
                second.claim(run)


@pytest.mark.parametrize("how", ["create", "claim"])
def test_an_idle_owner_begins_its_lease_with_a_run(pair, clock, how):
    """However long an object had nothing to renew, what it creates or claims has a whole lease."""
    first, second = pair
    first.release("r", first.create(ROW, [b"0"]))
    clock.now += 10_000
    run = "r" if how == "claim" else "s"
    if how == "claim":
        first.claim(run)
    else:
        first.create(replace(ROW, run=run), [b"0"])
    clock.now += 14
    with pytest.raises(RunBusy):
        second.claim(run)


def test_without_a_lease_a_living_owner_stays(tmp_path, clock):
    """`lease=inf`: only its death ends an ownership."""
    first, second = (SQLiteBackend(tmp_path / "journals.db", lease=math.inf, clock=clock) for _ in range(2))
    first.create(ROW, [b"0"])
    clock.now += 1e12
    with pytest.raises(RunBusy):
        second.claim("r")
    first.close()
    assert second.claim("r") == 2
    second.close()


@pytest.mark.parametrize("text", [b"", b"12", b"12\n", b"\0" * 32, b"1e", b"\xff" * 32, b"nan".ljust(31) + b"\n"])
def test_a_torn_lease_is_no_death(pair, clock, folder, text):
    """While its lock is held, an owner whose lease cannot be read, or not wholly, is alive; it writes it again."""
    first, second = pair
    first.create(ROW, [b"0"])
    owner = first.load("r")[0].owner
    os.truncate(lock_of(folder, owner), 0)
    lock_of(folder, owner).write_bytes(text)
    with pytest.raises(RunBusy):
        second.claim("r")
    first.renew()
    clock.now += 16
    assert second.claim("r") == 2


def test_an_owner_that_cannot_be_looked_at_is_not_taken_for_dead(pair, folder):
    """Where the owner's file cannot be opened, the run stays busy."""
    first, second = pair
    first.create(ROW, [b"0"])
    path = lock_of(folder, first.load("r")[0].owner)
    path.unlink()
    path.symlink_to(path)  # may be opened by nobody
    with pytest.raises(RunBusy):
        second.claim("r")


def test_a_pid_means_nothing(pair, clock):
    """An owner that names the pid of a living process and holds no lock is dead: pids are used again."""
    first, second = pair
    ghost = f"process {os.getpid()} (0123456789ab)"
    epoch = first.create(ROW, [b"0"])
    first._place.transaction(
        lambda connection: first._store(connection, (row := first._row(connection, "r")), replace(row, owner=ghost))
    )
    assert second.load("r")[0].owner is None
    assert second.claim("r") == epoch + 1


def test_the_files_of_the_dead_are_removed(pair, folder, tmp_path):
    """Opening removes what owners that were killed left behind, and nothing of the living."""
    first, _ = pair
    first.create(ROW, [b"0"])
    (folder / "process1dead.lock").write_bytes(b"99999999.0")
    living = lock_of(folder, first.load("r")[0].owner)
    third = SQLiteBackend(tmp_path / "journals.db")
    assert {living.name, "gate"} < {path.name for path in folder.iterdir()}
    assert not (folder / "process1dead.lock").exists()
    assert len(list(folder.glob("*.lock"))) == 2  # the second object opened no file yet
    third.close()


def test_an_owner_whose_file_was_removed_makes_it_again(pair, folder):
    """After somebody cleared the folder, the next renewal shows the owner alive."""
    first, second = pair
    first.create(ROW, [b"0"])
    for path in folder.glob("*.lock"):
        path.unlink()
    first.renew()
    with pytest.raises(RunBusy):
        second.claim("r")


def test_renewing_waits_for_no_write(pair):
    """A write that hangs does not cost its owner the lease."""
    first, _ = pair
    first.create(ROW, [b"0"])
    renewing = threading.Thread(target=first.renew)
    with first._place._lock:
        renewing.start()
        renewing.join(timeout=30)
        assert not renewing.is_alive()


def test_a_stopped_process_is_followed_and_fenced(tmp_path):
    """After SIGSTOP its lease runs out although its lock is held; woken, its append is refused."""

    def own(wire):
        backend = SQLiteBackend(tmp_path / "journals.db", lease=0.2)
        epoch = backend.create(ROW, [b"0"])
        wire.send((os.getpid(), epoch))
        wire.recv()
        wire.send(list(backend.append([Append("r", epoch, 1, (b"zombie",))])))

    with Child(own) as child:
        pid, epoch = child.hear()
        os.kill(pid, signal.SIGSTOP)
        opened = SQLiteBackend(tmp_path / "journals.db")
        while opened.load("r")[0].owner is not None:
            os.sched_yield()  # at most the rest of the lease, by the real clock
        assert opened.claim("r") == epoch + 1
        os.kill(pid, signal.SIGCONT)
        child.say()
        assert child.hear() == [False]
        assert opened.load("r")[1] == [b"0"]
        opened.close()


def test_a_url_sets_lease_and_wait(tmp_path):
    """Both stand behind a question mark, in seconds; the capabilities tell the lease."""
    opened = SQLiteBackend.from_url(f"sqlite:///{tmp_path}/journals.db?lease=30.5&busy=2")
    assert opened.capabilities == (True, True, True, 30.5)
    assert SQLiteBackend.from_url(f"sqlite:///{tmp_path}/journals.db").capabilities.lease == 15


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("lease=long", "could not convert"),
        ("leas=1", "no option leas"),
        ("clock=1", "no option clock"),
        ("lease", "''"),
    ],
)
def test_options_that_cannot_be_read_are_named(tmp_path, options, told):
    """A misspelt option or figure is refused, never passed over."""
    with pytest.raises(BackendError, match=told):
        SQLiteBackend.from_url(f"sqlite:///{tmp_path}/journals.db?{options}")


@pytest.mark.parametrize(("lease", "busy"), [(0, 1), (-1, 1), (math.nan, 1), (1, -1), (1, math.inf), (1, math.nan)])
def test_figures_without_meaning_are_refused(tmp_path, lease, busy):
    """A lease that is over before it begins, and a wait without an end."""
    with pytest.raises(ConfigError, match="a lease is above 0 s"):
        SQLiteBackend(tmp_path / "journals.db", lease=lease, busy=busy)
