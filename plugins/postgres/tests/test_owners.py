"""Who owns a run: alive, dead, hung, forked, cut off, and taken over while another transaction is open."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from knows_core import Append, RunBusy, RunRow, RunStatus
from knows_postgres import PostgresBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)
HOLD = """
import gc, os, sys
from datetime import UTC, datetime
from knows_core import Append, RunRow, RunStatus
from knows_postgres import PostgresBackend
moment = datetime(2026, 1, 1, tzinfo=UTC)
row = lambda run: RunRow(run, "t", "1.0.0", RunStatus.RUNNING, moment, moment)
backend = PostgresBackend(sys.argv[1])
backend.create(row("r"), [b"0"])
"""
READY = 'print("ready", flush=True)\nsys.stdin.read()\n'


@contextlib.contextmanager
def another(url, script):
    """A process of its own that has run r, and says when it is so far."""
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", HOLD + script, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def backend(url):
    opened = PostgresBackend(url)
    yield opened
    opened.close()


def is_freed(backend):
    """Whether the run has no living owner any more; the server needs a moment to see the end of a socket."""
    pause = threading.Event()
    return any(backend.rows()[0].owner is None or pause.wait(0.01) for _ in range(300))


def test_a_dead_owner_is_noticed_at_once(url, backend):
    """While its process lives the run is busy; after SIGKILL it can be claimed with no wait for the lease."""
    with another(url, READY) as holder:
        with pytest.raises(RunBusy, match=f"process {holder.pid} on "):
            backend.claim("r")
        assert f"process {holder.pid} " in backend.load("r")[0].owner
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=30)
        assert is_freed(backend)
        assert not backend.request_cancel("r")
        assert backend.claim("r") == 2


def test_a_lease_that_ran_out_is_followed_by_another(url, backend, sql):
    """A hung owner holds its lock and is not shown any more; the run can be claimed, and the old one is fenced."""
    other = PostgresBackend(url)
    epoch = other.create(ROW, [b"0"])
    sql("update knows.owner set lease_until = clock_timestamp() - interval '1 ms'")
    assert backend.load("r")[0].owner is None
    assert backend.claim("r") == epoch + 1
    assert list(other.append([Append("r", epoch, 1, (b"zombie",))])) == [False]
    other.release("r", epoch)
    assert not other.delete("r", epoch)
    assert list(backend.append([Append("r", epoch + 1, 1, (b"mine",))])) == [True]
    assert backend.load("r")[1] == [b"0", b"mine"]
    other.close()


def test_renewing_keeps_what_is_owned(url, backend, sql):
    """A lease that was nearly over begins anew, by the server's clock."""
    other = PostgresBackend(url, lease=30)
    other.create(ROW, [b"0"])
    sql("update knows.owner set lease_until = clock_timestamp() + interval '5 s'")
    other.renew()
    (left,) = sql("select extract(epoch from lease_until - clock_timestamp()) from knows.owner").fetchone()
    assert 25 < left <= 30
    with pytest.raises(RunBusy):
        backend.claim("r")
    other.close()


def test_an_owner_forgotten_by_the_server_registers_anew(url, backend, sql):
    """Its row swept away during a long sleep, a renewal brings it back, and the run is busy again."""
    other = PostgresBackend(url)
    epoch = other.create(ROW, [b"0"])
    sql("delete from knows.owner")
    assert backend.load("r")[0].owner is None
    other.renew()
    with pytest.raises(RunBusy):
        backend.claim("r")
    assert list(other.append([Append("r", epoch, 1, (b"1",))])) == [True]
    other.close()


def test_owners_of_yesterday_are_swept_away(backend, sql):
    """Whoever registers removes the rows whose lease ended more than a day ago, and no other."""
    backend.create(ROW, [b"0"])
    sql("insert into knows.owner values ('old', 1, now() - interval '2 days'), ('late', 2, now() - interval '1 hour')")
    sql("delete from knows.owner where name = %s", backend._owner.name)
    backend.renew()
    assert {name for (name,) in sql("select name from knows.owner")} == {"late", backend._owner.name}


@pytest.mark.parametrize("committed", [True, False])
def test_a_zombie_waits_for_an_open_takeover(url, backend, committed):
    """An append beside a take-over that is not yet committed waits for it: fenced if it is made, stored if not."""
    epoch = backend.create(ROW, [b"0"])
    with psycopg.connect(url) as taking, ThreadPoolExecutor(1) as threads:
        taking.execute("update knows.run set epoch = epoch + 1, owner = 'another' where run = 'r'")
        answer = threads.submit(backend.append, [Append("r", epoch, 1, (b"1",), RunStatus.COMPLETED)])
        with psycopg.connect(url, autocommit=True) as looking:
            waits = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%insert into%'"
            )
            while looking.execute(waits).fetchone() == (0,):
                assert not answer.done()
        if committed:
            taking.commit()
        else:
            taking.rollback()
        assert list(answer.result(timeout=30)) == [not committed]
    assert backend.load("r")[1] == ([b"0"] if committed else [b"0", b"1"])


def test_a_takeover_waits_for_an_open_append(url, backend):
    """A claim beside an append that is not yet committed sees its record, and goes on behind it."""
    other = PostgresBackend(url)
    epoch = other.create(ROW, [b"0"])
    other.release("r", epoch)
    with psycopg.connect(url) as writing, ThreadPoolExecutor(1) as threads:
        writing.execute("update knows.run set length = 2 where run = 'r'")
        writing.execute("insert into knows.record values ('r', 1, 1, 'late')")
        answer = threads.submit(backend.claim, "r")
        with psycopg.connect(url, autocommit=True) as looking:
            waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%ticket%'"
            while looking.execute(waits).fetchone() == (0,):
                assert not answer.done()
        writing.commit()
        assert answer.result(timeout=30) == 2
    assert list(backend.append([Append("r", 2, 1, (b"x",))])) == [False]
    assert list(backend.append([Append("r", 2, 2, (b"x",))])) == [True]
    other.close()


def test_an_owner_whose_lock_was_cut_takes_it_anew(url, backend, sql):
    """With the owner's connection terminated, the next append proves it alive again, under another key."""
    epoch = backend.create(ROW, [b"0"])
    (before,) = sql("select key from knows.owner").fetchone()
    sql("select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory'")
    assert list(backend.append([Append("r", epoch, 1, (b"1",))])) == [True]
    assert sql("select key from knows.owner").fetchone() != (before,)
    other = PostgresBackend(url)
    with pytest.raises(RunBusy):
        other.claim("r")
    other.close()


FORK = (
    """
child = os.fork()
if child == 0:
    sys.unraisablehook = lambda one: os._exit(9)
    answers = [backend.append([Append("r", 1, 1, (b"child",))])[0], backend.create(row("s"), [b"s"])]
    assert answers == [False, 1], answers
    backend.close()
    del backend
    gc.collect()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert list(backend.append([Append("r", 1, 1, (b"parent",))])) == [True]
backend.renew()
"""
    + READY
)


@pytest.mark.fault(86)
def test_a_forked_child_is_another_owner(url, backend, sql):
    """The child opens its own connections, is fenced from its parent's run, and its end hurts the parent in nothing."""
    with another(url, FORK):
        assert backend.load("r")[1] == [b"0", b"parent"]
        with pytest.raises(RunBusy):
            backend.claim("r")
        assert backend.claim("s") == 2
        assert sql("select count(*) from pg_locks where locktype = 'advisory' and granted").fetchone() == (2,)


def test_a_forked_child_does_not_keep_a_dead_owner_alive(url, backend):
    """A child that outlives its parent holds none of the parent's lock: the run is free long before the lease ends."""
    script = 'if os.fork():\n    os._exit(0)\nprint("ready", flush=True)\nsys.stdin.read()\n'
    with another(url, script) as parent:
        parent.wait(timeout=30)
        assert is_freed(backend)
        assert backend.claim("r") == 2
        assert parent.stdin
        parent.stdin.close()


@pytest.mark.fault(87)
def test_many_threads_share_one_backend(backend):
    """Thirty-two threads append to thirty-two runs through at most eight connections; every record arrives in order."""
    epochs = {f"r{number}": backend.create(replace(ROW, run=f"r{number}"), [b"0"]) for number in range(32)}

    def work(run):
        return all(backend.append([Append(run, epochs[run], at, (b"%d" % at,))])[0] for at in range(1, 11))

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(work, epochs))
    assert all(backend.load(run)[1] == [b"%d" % at for at in range(11)] for run in epochs)


def test_this_process_is_named(backend):
    """A person who meets a busy run is told which process has it."""
    backend.create(ROW, [b"0"])
    with pytest.raises(RunBusy, match=rf"process {os.getpid()} on .+ since 2026-01-01 .+, for [0-9]+ s now"):
        backend.claim("r")
