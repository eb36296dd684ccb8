"""The progress of a flow with loops and branches: paths that are not known beforehand, several at a time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from knows_registry.cli import main

FLOW = """
from knows_core import each, parallel, pipeline, repeat, step

@step
def items(): return [1, 2, 3]
@step
def measure(x): return x
@step
def total(xs): return sum(xs)
@step
def left(x): return x
@step
def right(x): return x
@step
def add(pair): return pair[0] if isinstance(pair, tuple) else pair + 1

def is_big(x, state): return x > 7

w = pipeline(items | each(measure) | total | parallel(left, right) | repeat(add, until=is_big), name="w", version="1.0")
"""


def test_each_turn_and_item_is_a_line(here, capfd):
    """In a pipe a numbered path stands beside the number of its step."""
    (here / "wf.py").write_text(FLOW)
    assert main(["run", "wf.py:w", "--backend", "memory:"]) == 0
    lines = sorted(capfd.readouterr().err.splitlines())
    assert lines == [
        "[1/6] items done", *(f"[2/6] measure[{number}]/measure done" for number in range(3)), "[3/6] total done",
        "[4/6] left done", "[5/6] right done", *(f"[6/6] add[{number}]/add done" for number in range(3)),
    ]  # fmt: skip


def test_the_live_view_comes_to_its_end(here):
    """At a terminal all steps are behind it in the end, however often they were made."""
    (here / "wf.py").write_text(FLOW)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "knows_registry.cli", "run", "wf.py:w", "--backend", "memory:"]
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, timeout=60, check=True)
    os.close(theirs)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "6/6" in drawn
    assert "7/6" not in drawn
