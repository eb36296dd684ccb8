"""Connections that end at the worst moment: nothing is lost, nothing is stored twice, and the caller hears nothing."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from knows_core import (
    Append,
    BackendUnavailable,
    RunBusy,
    RunExists,
    RunRow,
    RunStatus,
)
from knows_postgres import PostgresBackend
from knows_postgres.testing import Proxy

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)
TERMINATE = """select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'knows' and datname = current_database()"""

HOLDS_THE_LOCK = """exists (
    select from pg_locks where pid = pg_stat_activity.pid and locktype = 'advisory' and mode = 'ExclusiveLock')"""


@pytest.fixture
def proxy(url):
    with Proxy(url) as between:
        yield between


@pytest.fixture
def backend(proxy):
    opened = PostgresBackend(proxy.url)
    yield opened
    opened.close()


def test_terminated_connections_lose_and_repeat_nothing(url, sql):
    """Two hundred appends with every connection terminated before each of them: all accepted, all there once."""
    backend = PostgresBackend(url)
    epoch = backend.create(ROW, [b"0"])
    ended = 0
    for at in range(1, 201):
        ended += len(sql(TERMINATE).fetchall())
        assert list(backend.append([Append("r", epoch, at, (b"%d" % at,))])) == [True]
    assert ended >= 200
    # The good-bye to the owner's own connection may arrive after the last append has looked for it.
    backend.renew()
    row, records = backend.load("r")
    assert records == [b"%d" % at for at in range(201)]
    assert (row.epoch, row.owner) == (epoch, backend._owner.name)
    backend.close()


def test_connections_terminated_at_any_moment_are_not_noticed(url, sql):
    """While four threads append, connections end in the middle of whatever they do."""
    backend = PostgresBackend(url, size=4)
    epochs = {f"r{number}": backend.create(replace(ROW, run=f"r{number}"), [b"0"]) for number in range(4)}

    def work(run):
        return all(backend.append([Append(run, epochs[run], at, (b"%d" % at,))])[0] for at in range(1, 101))

    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(work, run) for run in epochs]
        cut_at = 0
        while not all(answer.done() for answer in answers):
            (stored,) = sql("select count(*) from knows.record").fetchone()
            if stored > cut_at + 5:
                cut_at = stored
                # Not the owner's own connection: without it somebody else could rightly take the runs over.
                sql(f"{TERMINATE} and not {HOLDS_THE_LOCK}")
        assert all(answer.result() for answer in answers)
    assert all(backend.load(run)[1] == [b"%d" % at for at in range(101)] for run in epochs)
    backend.close()


def test_a_storm_of_cuts_is_weathered(proxy):
    """With all connections cut dozens of times a second, at any moment, idle ones too, every append comes through."""
    backend, chance, pause = PostgresBackend(proxy.url, patience=10), random.Random(1), threading.Event()
    epochs = {f"r{number}": backend.create(replace(ROW, run=f"r{number}"), [b"0"]) for number in range(4)}

    def work(run):
        return all(backend.append([Append(run, epochs[run], at, (b"%d" % at,))])[0] for at in range(1, 101))

    cuts = 0
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(work, run) for run in epochs]
        while not all(answer.done() for answer in answers):
            cuts += proxy.cut()
            pause.wait(chance.uniform(0, 0.03))
        assert all(answer.result() for answer in answers)
    print(f"{cuts} connections cut, 0 of 400 appends lost or repeated")
    assert cuts >= 50
    assert all(backend.load(run)[1] == [b"%d" % at for at in range(101)] for run in epochs)
    backend.close()


@pytest.mark.parametrize("fault", ["lose_answer", "lose_question"])
def test_every_write_survives_a_lost_answer(backend, proxy, fault):
    """Carried out or not: creating, claiming, appending, cancelling, releasing and deleting have one effect each."""

    def lose(containing):
        getattr(proxy, fault)(containing)

    lose(b"FIRST")
    epoch = backend.create(ROW, [b"FIRST"])
    assert proxy.lost.is_set()
    with pytest.raises(RunExists):
        backend.create(ROW, [b"FIRST"])
    single, several = Append("r", epoch, 1, (b"SINGLE",)), Append("r", epoch, 2, (b"A", b"B"), RunStatus.SLEEPING)
    status = Append("r", epoch, 4, (), RunStatus.RUNNING, "1.1.0", compensated=True)
    for one, needle in ((single, b"SINGLE"), (several, b"sleeping"), (status, b"1.1.0")):
        lose(needle)
        assert list(backend.append([one])) == [True], one
        assert proxy.lost.is_set(), one
    assert list(backend.append([single])) == [False]
    assert backend.load("r")[1] == [b"FIRST", b"SINGLE", b"A", b"B"]
    lose(b"set cancelling")
    assert backend.request_cancel("r")
    assert proxy.lost.is_set()
    lose(b"set owner = null")
    backend.release("r", epoch)
    assert proxy.lost.is_set()
    lose(b"set epoch = run.epoch + 1")
    assert backend.claim("r") == epoch + 1
    assert proxy.lost.is_set()
    with pytest.raises(RunBusy):
        backend.claim("r")
    lose(b"END")
    assert list(backend.append([Append("r", epoch + 1, 4, (b"END",), RunStatus.FAILED)])) == [True]
    found = backend.load("r")[0]
    assert (found.status, found.version, found.owner) == (RunStatus.FAILED, "1.1.0", None)
    assert (found.cancelling, found.compensated) == (False, True)
    epoch = backend.claim("r")
    lose(b"COMMIT")
    assert backend.delete("r", epoch)
    assert proxy.lost.is_set()
    assert backend.rows() == []


def test_a_batch_with_a_lost_commit_answers_run_by_run(backend, proxy):
    """Of a batch in several statements the COMMIT's answer is lost: stored ones are True, refused ones False, once."""
    first, second = backend.create(replace(ROW, run="a"), [b"0"]), backend.create(replace(ROW, run="b"), [b"0"])
    batch = [
        Append("a", first + 7, 1, (b"no",)),
        Append("b", second, 1, (b"yes",)),
        Append("a", first, 1, (b"a",)),
        Append("a", first, 2, (b"end",), RunStatus.COMPLETED),
        Append("b", second, 9, (b"gap",)),
    ]
    proxy.lose_answer(b"COMMIT")
    assert list(backend.append(batch)) == [False, True, True, True, False]
    assert proxy.lost.is_set()
    assert (backend.load("a")[1], backend.load("b")[1]) == ([b"0", b"a", b"end"], [b"0", b"yes"])


def test_what_another_wrote_at_that_place_is_not_taken_for_ours(backend, proxy, sql):
    """Where the question was lost and somebody else took the run over meanwhile, the answer is False."""
    epoch = backend.create(ROW, [b"0"])
    sql("update knows.run set epoch = 2, owner = 'another', length = 2 where run = 'r'")
    sql("insert into knows.record values ('r', 1, 2, 'SAME')")
    proxy.lose_question(b"SAME")
    assert list(backend.append([Append("r", epoch, 1, (b"SAME",))])) == [False]
    assert proxy.lost.is_set()


def test_a_flag_that_was_not_stored_is_not_taken_for_stored(backend, proxy, sql):
    """Where nothing but the flag was to be stored, the question was lost and the run was taken over, it is False."""
    epoch = backend.create(ROW, [b"0"])
    proxy.lose_question(b"with asked")
    sql("update knows.run set epoch = 2 where run = 'r'")
    assert list(backend.append([Append("r", epoch, 1, (), compensated=True)])) == [False]
    assert proxy.lost.is_set()
    assert backend.load("r")[0].compensated is False


def test_a_server_that_comes_back_in_time_is_waited_for(backend, proxy):
    """Calls made while the way is closed go on by themselves when it opens."""
    epoch = backend.create(ROW, [b"0"])
    proxy.down()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(backend.append, [Append("r", epoch, 1, (b"1",))])
        refused = proxy.connections
        while proxy.connections == refused:
            assert not answer.done()
        proxy.up()
        assert list(answer.result(timeout=30)) == [True]
    assert backend.load("r")[1] == [b"0", b"1"]


def test_a_server_that_stays_away_is_an_error_and_the_run_resumable(proxy, url):
    """After its patience the backend tells which place is away; what was recorded is there, and can be claimed."""
    backend, other = PostgresBackend(proxy.url, patience=0.3), PostgresBackend(url)
    epoch = backend.create(ROW, [b"0"])
    proxy.down()
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:.*tried for 0\.3 s.*resume the run"):
        backend.append([Append("r", epoch, 1, (b"1",))])
    assert other.load("r")[1] == [b"0"]
    assert other.claim("r") == epoch + 1
    proxy.up()
    assert list(backend.append([Append("r", epoch, 1, (b"1",))])) == [False]
    backend.close()
    other.close()


def test_a_stalled_server_does_not_hang_a_caller(proxy, monkeypatch):
    """Where no answer comes the connection is given up after the time for an answer, and the append made once."""
    monkeypatch.setattr("knows_postgres.connections._GRACE", 0.0)
    backend = PostgresBackend(proxy.url, answer=0.5)
    epoch = backend.create(ROW, [b"0"])
    proxy.stall()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(backend.append, [Append("r", epoch, 1, (b"1",))])
        reached = proxy.connections
        while proxy.connections == reached:  # a new one, since the old one was given up
            assert not answer.done()
        proxy.flow()
        assert list(answer.result(timeout=30)) == [True]
    assert backend.load("r")[1] == [b"0", b"1"]
    backend.close()
