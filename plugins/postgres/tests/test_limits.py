"""What bounds a call: held-up statements, deadlocks, a full pool, and the errors for what the server refuses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from knows_core import AccessDenied, Append, BackendBusy, BackendFull, BackendUnavailable, RunRow, RunStatus
from knows_postgres import PostgresBackend, failures
from knows_postgres.address import read_address

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def backend(url):
    opened = PostgresBackend(url)
    yield opened
    opened.close()


def test_a_statement_that_is_held_up_is_ended(url, sql):
    """An append behind another program's lock raises BackendBusy after the time for an answer, later it is made."""
    backend = PostgresBackend(url, answer=0.2)
    epoch = backend.create(ROW, [b"0"])
    with psycopg.connect(url) as holding:
        holding.execute("select from knows.run for update")
        with pytest.raises(BackendBusy, match=r"statement timeout.*pg_stat_activity"):
            backend.append([Append("r", epoch, 1, (b"1",))])
    assert list(backend.append([Append("r", epoch, 1, (b"1",))])) == [True]
    backend.close()


def test_a_deadlock_is_tried_again(url, backend):
    """Whoever the server chooses as its victim, the append goes through."""
    epochs = [backend.create(replace(ROW, run=run), [b"0"]) for run in ("a", "b")]
    with psycopg.connect(url) as holding, ThreadPoolExecutor(1) as threads:
        holding.execute("set deadlock_timeout = '1 h'")  # never the victim itself
        holding.execute("update knows.run set version = '2' where run = 'b'")
        batch = [
            Append("a", epochs[0], 1, (b"1",)),
            Append("a", epochs[0], 2, (b"2",)),
            Append("b", epochs[1], 1, (b"1",)),
        ]
        answer = threads.submit(backend.append, batch)
        with psycopg.connect(url, autocommit=True) as looking:
            waits = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'knows'"
            )
            while looking.execute(waits).fetchone() == (0,):
                assert not answer.done()
        holding.execute("update knows.run set version = '2' where run = 'a'")
        holding.commit()
        assert list(answer.result(timeout=30)) == [True, True, True]
    assert (backend.load("a")[1], backend.load("b")[1]) == ([b"0", b"1", b"2"], [b"0", b"1"])


def test_an_exhausted_pool_is_an_error_in_time(url, sql):
    """With every connection in use, a further call raises BackendBusy after its patience."""
    backend = PostgresBackend(url, size=1, patience=0.2)
    backend.create(ROW, [b"0"])
    held, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:

        def hold(session, _):
            held.set()
            done.wait(30)

        threads.submit(backend._connections.run, hold)
        assert held.wait(30)
        with pytest.raises(BackendBusy, match=r"all 1 connections were in use for 0\.2 s"):
            backend.load("r")
        done.set()
    assert backend.load("r")[1] == [b"0"]
    backend.close()


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("53100", BackendFull, "no room (None bytes free). Make room and resume the run"),
        ("53300", BackendBusy, "raise max_connections"),
        ("28P01", AccessDenied, "may not be opened"),
        ("42501", AccessDenied, "may not be opened"),
    ],
)
def test_states_of_the_server_have_their_errors(state, kind, words):
    """A full disk, too many connections and missing rights are told as what they are."""
    error = failures.translated(psycopg.errors.lookup(state)("no room"), read_address("postgresql://h/db", "knows"))
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('FATAL:  password authentication failed for user "me"', AccessDenied),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "me", database "db"', AccessDenied),
        ("fe_sendauth: no password supplied", AccessDenied),
        ("FATAL:  sorry, too many clients already", BackendBusy),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", BackendBusy),
        ("Connection refused", BackendUnavailable),
    ],
)
def test_a_refused_connection_has_its_error_by_its_words(words, kind):
    """libpq gives no state for a connection that was not made, so that the server's sentence decides."""
    error = psycopg.OperationalError(
        f'connection failed: connection to server at "10.0.0.1", port 5432 failed: {words}'
    )
    address = read_address("postgresql://me:hunter2@h/db", "knows")
    assert type(failures.given_up(error, address, 1.0)) is kind
    assert type(failures.translated(error, address)) is kind
