"""Who owns a run on this host: alive, dead, hung, forked, and under another name of the file."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from knows_core import Append, BackendBusy, RunBusy, RunRow, RunStatus
from knows_sqlite import SQLiteBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = RunRow("r", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "journals.db"


HOLD = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from knows_core import RunRow, RunStatus
from knows_sqlite import SQLiteBackend
moment = datetime(2026, 1, 1, tzinfo=UTC)
backend = SQLiteBackend(sys.argv[1])
backend.create(RunRow("r", "t", "1.0.0", RunStatus.RUNNING, moment, moment), [b"0"])
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_dead_owner_is_noticed_at_once(file):
    """While its process lives the run is busy; after SIGKILL it can be claimed with no wait."""
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        opened = SQLiteBackend(file)
        with pytest.raises(RunBusy, match=f"process {holder.pid} "):
            opened.claim("r")
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=30)
    assert [(row.status, row.owner) for row in opened.rows()] == [("running", None)]
    assert opened.claim("r") == 2
    opened.close()
    assert list((file.parent / "journals.db.owners").glob("*.lock")) == []


@pytest.mark.fault(14)
def test_a_forked_child_does_not_keep_a_dead_owner_alive(file):
    """A child that outlives its parent holds none of the parent's locks."""
    script = HOLD.replace(
        'print("ready", flush=True)', 'import os\nif os.fork():\n    os._exit(0)\nprint("child", flush=True)'
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "child\n"
        holder.wait(timeout=30)
        opened = SQLiteBackend(file)
        assert opened.claim("r") == 2
        opened.close()
        assert holder.stdin
        holder.stdin.close()


def test_another_name_of_the_file_is_the_same_place(file, tmp_path):
    """Through a symbolic link the owner is seen, and a live run is busy."""
    first = SQLiteBackend(file)
    first.create(ROW, [b"0"])
    (tmp_path / "link.db").symlink_to(file)
    second = SQLiteBackend(tmp_path / "link.db")
    with pytest.raises(RunBusy):
        second.claim("r")
    first.close()
    second.close()


STOPPED_WRITER = HOLD.replace(
    'print("ready", flush=True)',
    'backend._place._connection.execute("begin immediate")\nbackend._place._gate.enter(1)\nprint("ready", flush=True)',
)


def test_a_process_that_hangs_in_a_write_hides_nothing_from_readers(file):
    """Runs can be listed and loaded beside it; a write gives up after a while, with a sentence."""
    command = [sys.executable, "-c", STOPPED_WRITER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        opened = SQLiteBackend(file, busy=0.2)
        assert [row.run for row in opened.rows()] == ["r"]
        assert opened.load("r")[1] == [b"0"]
        with pytest.raises(BackendBusy, match=rf"Process {holder.pid} holds the file"):
            opened.create(RunRow("s", "t", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT), [b"0"])
        holder.kill()
    opened.close()


def test_a_second_object_in_one_process_costs_the_first_no_lock(file):
    """Where another process opens and closes the file, it does not take itself for the last one and move the log."""
    first = SQLiteBackend(file)
    epoch = first.create(ROW, [b"0"])
    second = SQLiteBackend(file)
    second.rows()
    script = "import sys; from knows_sqlite import SQLiteBackend; b = SQLiteBackend(sys.argv[1]); b.rows(); b.close()"
    subprocess.run([sys.executable, "-c", script, str(file)], check=True, timeout=60)
    assert file.with_name("journals.db-wal").exists()
    assert first.append([Append("r", epoch, 1, (b"1",))]) == [True]
    assert second.load("r")[1] == [b"0", b"1"]
    first.close()
    second.close()
