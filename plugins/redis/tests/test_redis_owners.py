"""Who owns a run, how long, and what a former owner may still do: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from knows_core import Append, RunBusy, RunStatus
from knows_redis import owners
from knows_redis.owners import Owner, is_dead, notices_death


def let_the_lease_run_out(redis, backend):
    """Delete the proof of life, as the server does when the lease is over."""
    assert redis.ask("DEL", backend._key(f"owner:{backend._owner.name}")) == 1


def test_a_lease_that_ran_out_ends_the_ownership(redis, open_backend, row):
    """The run is shown without owner and may be taken; the former owner is refused everything."""
    old, new = open_backend(), open_backend()
    was = old.create(row(), [b"0"])
    with pytest.raises(RunBusy, match=rf"process {os.getpid()} on "):
        new.claim("r")
    assert new.load("r")[0].owner == old._owner.name
    let_the_lease_run_out(redis, old)
    assert new.load("r")[0].owner is None
    assert not new.request_cancel("r")
    now = new.claim("r")
    old.renew()
    assert old.append([Append("r", was, 1, (b"late",), RunStatus.COMPLETED)]) == [False]
    old.release("r", was)
    assert not old.delete("r", was)
    found, records = new.load("r")
    assert (found.owner, found.status, found.epoch, records) == (new._owner.name, RunStatus.RUNNING, now, [b"0"])
    assert new.append([Append("r", now, 1, (b"1",))]) == [True]


def test_what_nobody_took_stays_with_its_owner(redis, open_backend, row):
    """An owner that renews too late keeps the run, and is alive again for others."""
    late, other = open_backend(), open_backend()
    epoch = late.create(row(), [b"0"])
    let_the_lease_run_out(redis, late)
    late.renew()
    with pytest.raises(RunBusy):
        other.claim("r")
    assert late.append([Append("r", epoch, 1, (b"1",))]) == [True]


def test_the_lease_is_as_long_as_asked(redis, open_backend, row):
    """The server counts it from the creation, the claim and each renewal, and no longer once nothing is owned."""
    opened = open_backend(lease=7.5)
    key = f"{{knows}}:owner:{opened._owner.name}"
    epoch = opened.create(row(), [b"0"])
    assert 5_000 < redis.ask("PTTL", key) <= 7_500
    redis.ask("PEXPIRE", key, 1_000)
    opened.renew()
    assert 5_000 < redis.ask("PTTL", key) <= 7_500
    opened.append([Append("r", epoch, 1, (b"1",), RunStatus.COMPLETED)])
    redis.ask("PEXPIRE", key, 1_000)
    opened.renew()
    assert redis.ask("PTTL", key) <= 1_000
    assert opened.claim("r") == epoch + 1
    assert 5_000 < redis.ask("PTTL", key) <= 7_500


def test_a_refused_sequence_does_not_end_the_ownership(redis, open_backend, row):
    """Whoever was refused for a gap still renews its lease."""
    opened = open_backend()
    epoch = opened.create(row(), [b"0"])
    assert opened.append([Append("r", epoch, 5, (b"gap",)), Append("r", epoch + 1, 1, (b"other",))]) == [False, False]
    let_the_lease_run_out(redis, opened)
    opened.renew()
    assert redis.ask("EXISTS", f"{{knows}}:owner:{opened._owner.name}") == 1


def test_busy_tells_the_age_by_the_clock_of_the_server(redis, open_backend, row):
    """How long an owner has the run is the difference of two moments of the server."""
    first, second = open_backend(), open_backend()
    first.release("r", first.create(row(), [b"0"]))
    first.claim("r")
    with pytest.raises(RunBusy) as busy:
        second.claim("r")
    assert busy.value.age in (0, 1)


@pytest.mark.skipif(not notices_death(), reason="this system does not tell enough of its processes")
def test_a_killed_process_of_this_host_is_noticed_at_once(redis, open_backend, row):
    """Its runs are shown without owner and may be claimed long before the lease is over."""
    script = (
        "import sys; from datetime import UTC, datetime; from knows_core import RunRow, RunStatus\n"
        "from knows_redis import RedisBackend\n"
        "row = RunRow('r', 'etch', '1', RunStatus.RUNNING, datetime.now(UTC), datetime.now(UTC))\n"
        "RedisBackend(sys.argv[1], lease=600).create(row, [b'0']); print('made', flush=True); sys.stdin.read()"
    )
    opened = open_backend()
    child = subprocess.Popen(
        [sys.executable, "-c", script, redis.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout
        assert child.stdout.readline() == "made\n"
        with pytest.raises(RunBusy):
            opened.claim("r")
        child.kill()
        child.wait(30)
        assert opened.load("r")[0].owner is opened.rows()[0].owner is None
        assert not opened.request_cancel("r")
        began = time.monotonic()
        assert opened.claim("r") == 2
        assert time.monotonic() - began < 2


def test_a_process_is_dead_only_when_that_is_sure(monkeypatch):
    """Another host, boot or container, a number in use since then, and rubbish: each is judged for what it is."""
    life = Owner().life
    if not life:
        pytest.fail("no /proc: this test needs a system that has it")
    here, _, process = life.rpartition(" ")
    number, _, started = process.partition(":")
    assert not is_dead(life)
    assert is_dead(f"{here} {number}:{int(started) + 1}")  # the number was given to another process
    assert is_dead(f"{here} 4194305:{started}")  # no such process
    assert not is_dead(f"another-boot {here.split()[1]} 4194305:{started}")
    assert not is_dead(f"{here.split()[0]} pid:[1] 4194305:{started}")
    assert not any(map(is_dead, ["", "rubbish", f"{here} x:1", f"{here} {10**30}:1"]))
    monkeypatch.setattr(owners, "_here", lambda: "")  # a system that tells nothing
    assert not is_dead(f" 4194305:{started}")
    assert not notices_death()


@pytest.mark.fault(86)
def test_a_forked_child_is_another_owner(open_backend, row):
    """It may read, owns nothing of its parent's, and closing what it inherited does not disturb the parent."""
    opened = open_backend()
    epoch, other = opened.create(row(), [b"0"]), opened.create(row("other"), [b"0"])
    name = opened._owner.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
        child = os.fork()
    if not child:
        status = 1
        try:
            assert opened.load("r")[0].owner == name != opened._owner.name
            assert opened.append([Append("r", epoch, 1, (b"child",))]) == [False]
            with pytest.raises(RunBusy):
                opened.claim("r")
            opened.renew()
            assert opened.create(row("child"), [b"0"]) == 1
            opened.close()
            status = 0
        finally:
            os._exit(status)
    assert all(opened.append([Append("other", other, at, (b"parent",))])[0] for at in range(1, 50))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert opened.append([Append("r", epoch, 1, (b"parent",))]) == [True]
    with pytest.raises(RunBusy):
        open_backend().claim("r")
    assert [one.run for one in open_backend().rows() if one.owner is None] == ["child"]


@pytest.mark.fault(87)
def test_thirty_two_threads_share_a_backend(open_backend, row):
    """They create, append, look and end at once, on fewer connections than threads; every record is there in order."""
    opened = open_backend()
    start = threading.Barrier(32)

    def work(number):
        run = f"r{number}"
        start.wait(30)
        epoch = opened.create(row(run), [b"0"])
        for at in range(1, 20):
            assert opened.append([Append(run, epoch, at, (b"%d" % at,))]) == [True]
            opened.renew()
        assert opened.append([Append(run, epoch, 20, (b"20",), RunStatus.COMPLETED)]) == [True]
        return opened.load(run)[1] == [b"%d" % at for at in range(21)]

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(work, range(32)))
    assert len(opened.rows(RunStatus.COMPLETED)) == 32
    assert not opened._owner.owns_any()


def test_a_backend_that_is_forgotten_is_freed(open_backend):
    """The hook for forked children does not keep it."""
    import weakref  # beside what it proves

    from knows_redis import RedisBackend

    known = weakref.ref(RedisBackend("redis://h"))
    assert known() is None
