"""`check` of a composition of 100 steps in ten templates, as a part of the import of pydantic, which any check pays."""

from __future__ import annotations

import subprocess
import sys
import time

from pydantic import BaseModel

from knows_core import compose, pipeline, step

TEMPLATES, STEPS = 10, 10
GOALS = {"cold": 50.0, "cached": 2.0}  # milliseconds


class Lot(BaseModel):
    count: int = 0
    notes: list[str] = []


class Line(BaseModel):
    runs: int = 0


def stage(name):
    def work(lot: Lot, state: Line) -> Lot:
        return lot

    return step(work, name=name, reads=["runs"], writes=["runs"])


def composition():
    parts = []
    for number in range(TEMPLATES):
        stages = [stage(f"s{at}") for at in range(STEPS)]
        parts.append(pipeline(stages, name=f"t{number}", version="1.0", state=Line))
    return compose(parts, name="line", version="1.0")


def once():
    """Milliseconds of a first and of a second check of a composition of new classes, in a process of its own."""
    made = composition()
    began = time.perf_counter()
    assert made.check() == []
    first = time.perf_counter()
    made.check()
    return (first - began) * 1e3, (time.perf_counter() - first) * 1e3


def main():
    script = "from tests.benchmarks.checking import once; print(*once())"
    command = [sys.executable, "-c", script]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(7)]
    found = sorted([float(text) for text in output.split()] for output in outputs)
    for (kind, goal), ours in zip(GOALS.items(), found[len(found) // 2], strict=True):
        verdict = "reached" if ours <= goal else "MISSED"
        yield f"{f'check of 100 steps, {kind}':<44} {'':9} {ours:9.3f} {'ms':<8} {'':7}   goal {goal:g} ms {verdict}"
