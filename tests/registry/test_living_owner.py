"""Runs that another process drives: who owns them is told, they can be asked to stop, waited for, and interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

WAITING = """
import time
from pathlib import Path
from knows_core import parallel, pipeline, step

def held(value, context):
    for _ in range(6000):
        if context.cancelled:
            Path("heard").touch()
        if Path("go").exists():
            return f"{value} went"
        Path("waiting").touch()
        time.sleep(0.01)
    raise TimeoutError

@step
def first(): return "first"

@step
def last(value): return value

plain = pipeline(first | step(held, name="hold") | last, name="waiting", version="1.0")
timed = pipeline(first | step(held, name="hold", timeout=60) | last, name="waiting", version="1.0")
isolated = pipeline(first | step(held, name="hold", isolation="process") | last, name="waiting", version="1.0")
beside = pipeline(
    first | parallel(step(held, name="left"), step(held, name="right")) | last, name="waiting", version="1.0"
)
"""
WORDS = [sys.executable, "-m", "knows_registry.cli"]
PLACE = ["--backend", "sqlite:///runs.db"]
PATIENCE = 60  # seconds that a test waits at most


class Beside:
    """A folder with templates that wait for a file, and commands there in processes of their own.

    `kwf` calls a command in this process, which is another owner.
    """

    def __init__(self, folder, kwf):
        self.folder, self.kwf = folder, kwf
        self.begun = []
        (folder / "wf.py").write_text(WAITING)

    def begin(self, *words):
        """Start a command and go on beside it."""
        command = [*WORDS, *words, *PLACE]
        process = subprocess.Popen(command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.begun.append(process)
        return process

    def run(self, template="plain", run="r"):
        """Start a run, and be back when its second step waits."""
        (self.folder / "waiting").unlink(missing_ok=True)
        process = self.begin("run", f"wf.py:{template}", "--run-id", run, "--json")
        self.until(process, (self.folder / "waiting").exists)
        return process

    def until(self, process, happened):
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def go(self):
        """Let the steps that wait go on."""
        (self.folder / "go").touch()

    def end(self):
        for process in self.begun:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=PATIENCE)


@pytest.fixture
def beside(here, kwf):
    stage = Beside(here, kwf)
    yield stage
    stage.end()


# ------------------------------------------------------------------ seeing it


def test_a_run_that_somebody_drives_is_left_alone_and_told_with_its_owner(beside):
    """`runs` names the owner; `resume --all` and `purge` do not touch it; `doctor --runs` finds it sound."""
    owner = f"process {beside.run().pid}"
    row = beside.kwf("runs", "--json")[1]["runs"][0]
    assert owner in row["owner"]
    assert (row["cancelling"], row["interrupted"], row["expired"]) == (False, False, False)
    assert 0 <= row["age"] < PATIENCE
    assert owner in beside.kwf("runs")[1]
    code, told = beside.kwf("resume", "--all")
    assert (code, told.split(";")[0]) == (0, "No interrupted run at sqlite:///runs.db")
    assert f"Kept 1 run: owned by {owner}" in beside.kwf("purge", "--older-than", "0")[1]
    assert "1 journal was read: all of them sound." in beside.kwf("doctor", "--runs")[1]


# ------------------------------------------------------------------ cancelling it


@pytest.mark.parametrize("template", ["plain", "timed", "isolated", "beside"])
def test_a_driven_run_is_asked_to_stop_and_then_goes_on(beside, template):
    """`cancel` names the owner, exit 0; the run ends cancelled, exit 1, with the next move; `resume` completes it."""
    process = beside.run(template)
    code, asked = beside.kwf("cancel", "r")
    assert code == 0
    assert "r is asked to stop" in asked or "r is cancelled" in asked
    if template == "plain":  # its step goes on in the thread of the owner, and so does the request
        assert f"process {process.pid}" in asked
        assert "Next: `kwf history r --backend sqlite:///runs.db`" in asked
        assert beside.kwf("cancel", "r", "--json") == (0, {"run": "r", "status": "running", "cancelling": True})
        assert ", cancelling" in beside.kwf("runs")[1]
        assert beside.kwf("runs", "--json")[1]["runs"][0]["cancelling"] is True
        beside.until(process, (beside.folder / "heard").exists)
        beside.go()
    answer = json.loads(process.communicate(timeout=PATIENCE)[0])
    assert (process.returncode, answer["status"]) == (1, "cancelled")
    assert answer["error"] == {
        "code": "cancelled", "type": "RunCancelled", "message": "run r was cancelled", "step": None,
    }  # fmt: skip
    next_move = "Every recorded step is kept; `kwf resume r --backend sqlite:///runs.db` goes on with it."
    assert answer["next"] == next_move
    assert beside.kwf("cancel", "r", "--json") == (0, {"run": "r", "status": "cancelled", "cancelling": False})
    beside.go()
    code, answer = beside.kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["error"]) == (0, "completed", None)
    told = beside.kwf("cancel", "r", "--json")
    assert (told[0], told[1]["error"]["code"]) == (7, "run-is-over")


# ------------------------------------------------------------------ waiting for it


def test_resume_refuses_a_driven_run_and_with_wait_says_that_it_waits(beside):
    """Without: exit 5 and both ways out. With: a line for a person on stderr, and then the owner's result."""
    running = beside.run()
    code, answer = beside.kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["error"]["code"]) == (5, "running", "run-busy")
    place = "--backend sqlite:///runs.db"
    assert f"`kwf resume r --wait {place}` waits for it; `kwf cancel r {place}`" in answer["next"]
    waiting = beside.begin("resume", "r", "--wait")
    told = waiting.stderr.readline()
    assert told.startswith(f"r is owned by process {running.pid}")
    assert told.endswith("; waiting until it is free (Ctrl+C ends the waiting)\n")
    beside.go()
    assert waiting.communicate(timeout=PATIENCE)[0] == "r completed (waiting@1.0.0)\nfirst went\n"
    assert waiting.returncode == 0


def test_waiting_goes_on_with_a_run_whose_owner_dies(beside):
    """kill -9 of the owner: one who waits takes the run up at once; a program reads nothing but the object."""
    running = beside.run()
    waiting = beside.begin("resume", "r", "--wait", "--json")
    another = beside.begin("resume", "r", "--wait")  # begun later: when it says that it waits, so does the first
    assert another.stderr.readline()
    beside.go()
    running.kill()
    out, err = waiting.communicate(timeout=PATIENCE)
    assert (waiting.returncode, json.loads(out)["result"], err) == (0, "first went", "")
    assert another.communicate(timeout=PATIENCE)[0] == "r completed (waiting@1.0.0)\nfirst went\n"
    kinds = [one["kind"] for one in beside.kwf("history", "r", "--json")[1]["records"]]
    assert kinds.count("RunResumed") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_waiting_and_not_the_run(beside, number, code):
    """The one who waits leaves with the next move; the owner does not notice."""
    running = beside.run()
    waiting = beside.begin("resume", "r", "--wait")
    assert waiting.stderr.readline()
    waiting.send_signal(number)
    err = waiting.communicate(timeout=PATIENCE)[1]
    assert waiting.returncode == code
    assert "Next: `kwf resume r --backend sqlite:///runs.db` goes on with it" in err
    beside.go()
    assert json.loads(running.communicate(timeout=PATIENCE)[0])["status"] == "completed"


# ------------------------------------------------------------------ interrupting it


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("template", ["timed", "isolated", "beside"])
def test_a_signal_releases_a_run_that_waits_for_its_steps(beside, template, number, code):
    """While a step in a thread or process, or branches side by side, are waited for: at once, free and resumable."""
    running = beside.run(template)
    running.send_signal(number)
    answer = json.loads(running.communicate(timeout=PATIENCE)[0])
    assert (running.returncode, answer["status"], answer["error"]["code"]) == (code, "running", "interrupted")
    assert answer["next"] == "`kwf resume r --backend sqlite:///runs.db` goes on with it"
    row = beside.kwf("runs", "--json")[1]["runs"][0]
    assert (row["owner"], row["interrupted"]) == (None, True)
    beside.go()
    code, answer = beside.kwf("resume", "--all", "--json")
    assert (code, [one["status"] for one in answer["runs"]]) == (0, ["completed"])
    kinds = [one["kind"] for one in beside.kwf("history", "r", "--json")[1]["records"]]
    assert kinds.count("RunResumed") == 1
