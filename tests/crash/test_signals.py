"""SIGINT and SIGTERM while a failed run is compensated, and in an act: the run is left free, and goes on as it must."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

SIGNALS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
FLOWS = """
import sys, threading
from pathlib import Path
from knows_core import pipeline, step

def slow(name):
    note(name)
    if not Path("go").exists():
        print("waiting", file=sys.stderr, flush=True)
        threading.Event().wait(60)

def note(name):
    with open("notes", "a") as notes:
        notes.write(name + " ")

def undo_a(result): note("undo a")
def undo_b(result): slow("undo b")
def undo_c(result): note("undo c")

@step(compensate=undo_a)
def a(): return 1

@step(compensate=undo_b)
def b(value): return value

@step(compensate=undo_c)
def c(value): return value

@step
def fails(value): raise ValueError("no")

@step(effect="once")
def act(value): slow("act")

undone = pipeline(a | b | c | fails, name="undone", version="1.0")
once = pipeline(a | act, name="once", version="1.0")
"""
COMMAND = [sys.executable, "-m", "knows_registry.cli"]
PLACE = ["--backend", "sqlite:///runs.db", "--json"]


def interrupted(folder, number, *words):
    """Send a command a signal when its run waits; its exit code and answer."""
    process = subprocess.Popen(
        [*COMMAND, *words, *PLACE], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr
    assert process.stderr.readline() == "waiting\n"
    process.send_signal(number)
    return process.communicate(timeout=60)[0], process.returncode


def kwf(folder, *words):
    done = subprocess.run(
        [*COMMAND, *words, *PLACE], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def flows(tmp_path):
    (tmp_path / "wf.py").write_text(FLOWS)
    return tmp_path


@pytest.mark.fault(8, 76, 77)
@SIGNALS
def test_a_compensation_is_interrupted_and_goes_on(flows, number, code):
    """What is recorded as undone stays so, the interrupted one is made again, and the run ends compensated."""
    for words in (["run", "wf.py:undone", "--run-id", "r"], ["resume", "r"]):
        out, exited = interrupted(flows, number, *words)
        answer = json.loads(out)
        assert (exited, answer["status"], answer["error"]["code"]) == (code, "running", "interrupted")
        assert answer["next"] == "`kwf resume r --backend sqlite:///runs.db` goes on with it"
    (flows / "go").touch()
    exited, answer = kwf(flows, "resume", "r")
    assert (exited, answer["status"], answer["error"]["type"]) == (1, "failed", "ValueError")
    assert (flows / "notes").read_text() == "undo c undo b undo b undo b undo a "
    assert kwf(flows, "resume", "r")[0] == 7


@pytest.mark.fault(76, 77)
@SIGNALS
def test_an_act_that_was_interrupted_is_in_doubt(flows, number, code):
    """It is not made again before somebody has looked: exit 9, and the decision counts."""
    assert interrupted(flows, number, "run", "wf.py:once", "--run-id", "r")[1] == code
    (flows / "go").touch()
    exited, answer = kwf(flows, "resume", "r")
    assert (exited, answer["status"]) == (9, "suspended")
    assert kwf(flows, "decide", "r", "done", "--as", "Ada")[0] == 0
    exited, answer = kwf(flows, "resume", "r")
    assert (exited, answer["status"]) == (0, "completed")
    assert (flows / "notes").read_text() == "act "
