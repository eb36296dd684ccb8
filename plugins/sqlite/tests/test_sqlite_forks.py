"""Forks with an open backend: the child is another owner, and harms neither the file nor the parent."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from knows_core import Append, BackendError, LeaseLost, LocalEngine, RunRow, RunStatus, pipeline, step
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def row(run="r"):
    return RunRow(run, "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "journals.db"


@pytest.fixture
def opened(file):
    opened = SQLiteBackend(file)
    yield opened
    opened.close()


def is_whole(file):
    with sqlite3.connect(file) as connection:
        answer = connection.execute("pragma integrity_check").fetchone()[0]
    connection.close()
    return answer == "ok"


@pytest.mark.fault(86)
def test_parent_and_child_are_two_owners(opened):
    """The child may not write to the parent's run; both go on with runs of their own, each seen by the other."""
    epoch = opened.create(row(), [b"0"])

    def inherit(wire):
        refused = opened.append([Append("r", epoch, 1, (b"child",))])
        opened.release("r", epoch)
        own = opened.create(row("own"), [b"0"])
        wire.send((list(refused), opened.delete("r", epoch), own, {one.run: one.owner for one in opened.rows()}))
        wire.recv()

    with Child(inherit) as child:
        refused, deleted, own, owners = child.hear()
        assert (refused, deleted) == ([False], False)
        assert {one.run: one.owner for one in opened.rows()} == owners
        assert len(set(owners.values())) == 2
        assert opened.append([Append("own", own, 1, (b"parent",)), Append("r", epoch, 1, (b"1",))]) == [False, True]


def test_the_childs_locks_are_real(file, opened):
    """When the parent closes while the child goes on, the log is not taken from under the child."""
    opened.create(row(), [b"0"])

    def inherit(wire):
        epoch = opened.create(row("own"), [b"0"])
        wire.send(epoch)
        wire.recv()
        wire.send(list(opened.append([Append("own", epoch, 1, (b"1",))])))
        wire.recv()

    with Child(inherit) as child:
        child.hear()
        opened.rows()
        opened.close()
        with SQLiteClosed(file):  # another process that opens and closes: it may not take itself for the last one
            assert file.with_name("journals.db-wal").exists()
        child.say()
        assert child.hear() == [True]
        child.kill()
    again = SQLiteBackend(file)
    assert again.load("own")[1] == [b"0", b"1"]
    again.close()
    assert is_whole(file)


class SQLiteClosed:
    """Opens the file in a process of its own, looks at it and closes it, before the block."""

    def __init__(self, file):
        script = (
            "import sys; from knows_sqlite import SQLiteBackend; b = SQLiteBackend(sys.argv[1]); b.rows(); b.close()"
        )
        subprocess.run([sys.executable, "-c", script, str(file)], check=True, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_fork_beside_a_writing_thread_does_not_hang(opened):
    """Children that are forked while another thread writes can use the backend in any thread; no write is lost."""
    epoch = opened.create(row(), [b"0"])
    answers, enough = [], threading.Event()

    def write():
        while not enough.is_set():
            answers.extend(opened.append([Append("r", epoch, len(answers) + 1, (b"x",))]))

    def inherit(wire):
        def use():
            opened.create(row(f"child {os.getpid()}"), [b"0"])
            wire.send(len(opened.load("r")[1]))

        using = threading.Thread(target=use, daemon=True)
        using.start()
        using.join(timeout=30)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(10):
            with Child(inherit) as child:
                assert child.hear() > 0
    finally:
        enough.set()
        writing.join(timeout=60)
    assert all(answers)
    assert len(opened.load("r")[1]) == 1 + len(answers)
    assert len(opened.rows()) == 11


def test_a_step_that_forks_and_returns_is_recorded_once(opened):
    """The run goes on in the parent; the child that drives it on as well hears that it is not its own."""
    children = []

    def fork():
        children.append(os.fork())
        return "child" if children[0] == 0 else "parent"

    template = pipeline([step(fork, name="fork"), step(lambda result: result, name="after")], name="t", version="1.0")
    try:
        run = LocalEngine(opened).run(template, run_id="r")
    except LeaseLost:
        os._exit(7)
    except BaseException:
        os._exit(1)
    if children[0] == 0:
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 7
    assert (run.status, run.result) == (RunStatus.COMPLETED, "parent")
    assert [one.kind for one in LocalEngine(opened).history("r")].count("RunEnded") == 1


ENDS = """
import gc, os, sys
from datetime import UTC, datetime
from knows_core import Append, RunRow, RunStatus
from knows_sqlite import SQLiteBackend
moment = datetime(2026, 1, 1, tzinfo=UTC)
backend = SQLiteBackend(sys.argv[1])
epoch = backend.create(RunRow("r", "t", "1.0.0", RunStatus.RUNNING, moment, moment), [b"0"])
for at in range(1, 21):
    child = os.fork()
    if not child:
        if at % 2:
            backend.close()
        del backend
        gc.collect()
        sys.exit()  # with every destructor
    assert backend.append([Append("r", epoch, at, (b"x" * 10_000,))]) == [True]
    assert os.waitpid(child, 0)[1] == 0
backend.close()
"""


def test_a_child_that_ends_takes_nothing_with_it(file):
    """Children that close what they inherited, or end with all destructors, harm no record of the parent."""
    subprocess.run([sys.executable, "-c", ENDS, str(file)], check=True, timeout=120)
    opened = SQLiteBackend(file)
    assert len(opened.load("r")[1]) == 21
    opened.close()
    assert is_whole(file)


def test_a_child_forked_in_the_middle_is_refused(opened):
    """Where a signal handler forks inside an operation, the child is told so, and the parent goes on undisturbed."""
    epoch = opened.create(row(), [b"0"])

    def fork(connection):
        connection.execute("begin immediate")
        child = os.fork()
        if child == 0:
            try:
                opened.rows()
            except BackendError as error:
                os._exit(7 if "forked in the middle" in str(error) else 1)
            os._exit(2)
        connection.execute("commit")
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert opened._place.write(fork) == 7
    assert opened.append([Append("r", epoch, 1, (b"1",))]) == [True]
