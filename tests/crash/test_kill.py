"""kill -9 in the middle of runs: nothing recorded is made again or lost, and the result is the uninterrupted one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.crash.campaigns import judge, killed
from tests.crash.levels import KILLS


@pytest.mark.fault(2, 3)
def test_killed_runs_lose_nothing_and_repeat_nothing(tmp_path, tell):
    """After random SIGKILLs recorded steps are never made again, never lost, and every run ends as if undisturbed."""
    kills = KILLS * 2 // 3
    judge(killed("campaign", tmp_path, kills), kills, 0.05, tell)


def test_the_comparison_notices_a_backend_that_writes_late(tmp_path):
    """A backend that answers before it has written is caught: the check can fail."""
    done = killed("campaign", tmp_path, 60, "late")
    assert done["lost"] + done["again"] + done["wrong"] > 0


WAITING = """
import os, time
from pathlib import Path
from knows_core import pipeline, step

@step
def first(): return "first"

@step
def second(value):
    Path("calls").open("a").write("second ")
    for _ in range(3000):
        if Path("go").exists():
            return value + " second"
        Path("waiting").touch()
        time.sleep(0.01)
    raise TimeoutError

w = pipeline(first | second, name="waiting", version="1.0")
"""


@pytest.fixture
def alive(tmp_path):
    """A `kwf run` whose second step waits, and a way to call kwf beside it."""
    (tmp_path / "wf.py").write_text(WAITING)
    words = [sys.executable, "-m", "knows_registry.cli"]
    place = ["--backend", "sqlite:///runs.db", "--json"]

    def kwf(*arguments):
        command = [*words, *arguments, *place]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout)

    command = [*words, "run", "wf.py:w", "--run-id", "r", *place]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "waiting").exists():
            assert process.poll() is None
        yield process, kwf, tmp_path
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)


def test_a_live_run_is_busy_and_a_killed_one_resumes(alive):
    """`kwf resume` on a live run: exit 5 naming the owner; after kill -9 it goes on at once with the recorded step."""
    process, kwf, folder = alive
    code, answer = kwf("resume", "r")
    assert (code, answer["error"]["code"], answer["run"]) == (5, "run-busy", "r")
    assert f"process {process.pid}" in answer["error"]["message"]
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    (folder / "go").touch()
    code, answer = kwf("resume", "r")
    assert (code, answer["status"], answer["result"]) == (0, "completed", "first second")
    assert (folder / "calls").read_text() == "second second "
    kinds = [one["kind"] for one in kwf("history", "r")[1]["records"]]
    assert kinds == ["RunCreated", "StepDone", "RunResumed", "StepDone", "RunEnded"]


def test_an_interrupted_run_says_how_to_go_on(alive):
    """Ctrl+C ends with 130 and leaves the run resumable."""
    process, kwf, folder = alive
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    (folder / "go").touch()
    assert kwf("resume", "r")[1]["status"] == "completed"
