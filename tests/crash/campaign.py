"""Kill runs at random moments and resume them until they end; print what was lost or made again as JSON.

Run as a process of its own: it forks a child per try, with the imports done, and kills it with SIGKILL. Every child
notes first which steps the journal holds, then each call of a step; the notes of all children are then compared.

    python -m tests.crash.campaign FOLDER KILLS SEED [late]

`late` breaks the backend on purpose: each append is held back until the next one. The comparison must notice.
Other campaigns (`parallel_campaign`) call `main` with a subject of their own.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import LocalEngine, PipelineWorkflow, UnknownRun, step
from knows_sqlite import SQLiteBackend

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = [f"s{number}" for number in range(10)]
STEP_SECONDS = 0.0005


class LateBackend(SQLiteBackend):
    """Answers an append before it is written, with the one after."""

    held = ()

    def append(self, batch):
        held, self.held = self.held, tuple(batch)
        return super().append(held) if held else [True] * len(batch)


class Subject(NamedTuple):
    """What is run: a template whose steps note their calls, and the steps that each step's path is built upon."""

    template: Callable[[Callable[[str], None]], Any]
    built_upon: Callable[[str], set[str]]


def template(note):
    def body(name):
        def run(result, state):
            note(f"call {name}")
            time.sleep(STEP_SECONDS)
            state[name] = len(state)
            return [*(result or []), name]

        return step(run, name=name)

    return PipelineWorkflow([body(name) for name in STEPS], name="campaign", version="1.0.0")


ONE_AFTER_THE_OTHER = Subject(template, lambda path: set(STEPS[: STEPS.index(path)]))


def child(subject, folder, run, backend_class):
    """One try: create or resume the run, noting what is recorded and what is called."""
    log = os.open(folder / f"{run}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(text):
        os.write(log, f"{text};".encode())

    backend = backend_class(folder / "journals.db")
    engine = LocalEngine(backend)
    flow = subject.template(note)
    try:
        recorded = [one.content["path"] for one in engine.history(run) if one.kind == "StepDone"]
    except UnknownRun:
        note("recorded ")
        ended = engine.run(flow, run_id=run)
    else:
        note(f"recorded {' '.join(recorded)}")
        ended = engine.resume(run, flow)
    note(f"end {json.dumps([ended.status, ended.result, dict(ended.state)])}")


def one_try(subject, folder, run, delay, backend_class):
    """Fork a child, kill it after `delay` seconds; whether it came to its end by itself."""
    pid = os.fork()
    if pid == 0:
        try:
            child(subject, folder, run, backend_class)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "a child failed"
        return True
    return False


def compare(subject, log, expected):
    """What a run's notes show: steps made again although recorded, steps lost although built upon, a wrong end."""
    notes = [note for note in log.split(";") if note]
    again = lost = 0
    recorded, built_upon, end = set(), set(), None
    for note in notes:
        kind, _, text = note.partition(" ")
        if kind == "recorded":
            recorded = set(text.split())
            lost += len(built_upon - recorded)
            built_upon |= recorded
        elif kind == "call":
            again += text in recorded
            built_upon |= subject.built_upon(text)
        else:
            end = json.loads(text)
    return again, lost, end != expected


def main(subject, folder, kills, seed, backend_class):
    chance = random.Random(seed)
    uninterrupted = LocalEngine().run(subject.template(lambda _: None))
    # As a child's note tells it.
    expected = json.loads(json.dumps([uninterrupted.status, uninterrupted.result, dict(uninterrupted.state)]))
    done = {"kills": 0, "runs": 0, "again": 0, "lost": 0, "wrong": 0}
    longest = 0.05
    while done["kills"] < kills:
        run = f"run-{done['runs']}"
        while True:
            if one_try(subject, folder, run, chance.uniform(0, longest), backend_class):
                longest *= 0.6
                break
            # The window follows the time that a try really takes on this machine.
            longest *= 1.05
            done["kills"] += 1
        again, lost, wrong = compare(subject, (folder / f"{run}.log").read_text(), expected)
        done["again"] += again
        done["lost"] += lost
        done["wrong"] += wrong
        done["runs"] += 1
    return done


def started(subject):
    """Run the campaign that the command line asks for."""
    backend_class = LateBackend if sys.argv[4:] == ["late"] else SQLiteBackend
    print(json.dumps(main(subject, Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], backend_class)))


if __name__ == "__main__":
    started(ONE_AFTER_THE_OTHER)
