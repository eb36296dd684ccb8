"""Kill runs at random moments and resume them until they end; print what was lost or made again as JSON.

Run as a process of its own: it forks a child per try, with the imports done, and kills it with SIGKILL. Every child
opens the backend itself. It notes first which steps the journal holds, then each call of a step; the notes of all
children are then compared. How long a child takes from its fork to the first call of a step that goes on with a run is
noted too: the time to resume.

    python -m tests.crash.campaign FOLDER KILLS SEED sqlite|late|URL

`late` breaks the backend on purpose: each append is held back until the next one. The comparison must notice.
Other campaigns (`parallel_campaign`) call `main` with a subject of their own.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import Limits, LocalEngine, PipelineWorkflow, RunIsOver, UnknownRun, step
from tests.crash.broken import LateBackend

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = [f"s{number}" for number in range(10)]
STEP_SECONDS = 0.0005
LEAST_RESUMED = 3  # a few kills may all fall before the first step: then there is nothing to compare yet
# Kills come faster than steps here: what is judged is the journal, not how long somebody would go on trying.
LIMITS = Limits(max_recoveries=10**6)
BACKENDS = {
    "sqlite": ("knows_sqlite", "SQLiteBackend"),
    "postgresql": ("knows_postgres", "PostgresBackend"),
    "redis": ("knows_redis", "RedisBackend"),
}


class Subject(NamedTuple):
    """What is run: a template whose steps note their calls, and the steps that each step's path is built upon."""

    template: Callable[[Callable[[str], None]], Any]
    built_upon: Callable[[str], set[str]]


def template(note, names=STEPS, seconds=STEP_SECONDS):
    def body(name):
        def run(result, state):
            note(f"call {name}")
            time.sleep(seconds)
            state[name] = len(state)
            return [*(result or []), name]

        return step(run, name=name)

    return PipelineWorkflow([body(name) for name in names], name="campaign", version="1.0.0")


ONE_AFTER_THE_OTHER = Subject(template, lambda path: set(STEPS[: STEPS.index(path)]))


def opener(name, folder):
    """What opens the backend of that name or URL; its module is imported now."""
    if name == "late":
        return lambda: LateBackend(folder / "journals.db")
    url = f"sqlite:///{folder / 'journals.db'}" if name == "sqlite" else name
    module, kind = BACKENDS[url.partition(":")[0]]
    backend = getattr(importlib.import_module(module), kind)
    return lambda: backend.from_url(url)


def notebook(path):
    """What appends notes to a file; each is ended, and one that a kill tore is marked by the next to open the file."""
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, b"~;")
    return lambda text: os.write(log, f"{text};".encode())


def child(subject, note, run, open_backend, begun):
    """One try: create or resume the run, noting what is recorded and what is called."""
    engine = LocalEngine(open_backend(), limits=LIMITS)
    is_first = True

    def called(text):
        nonlocal is_first
        if is_first and is_resumed:
            note(f"after {time.monotonic() - begun}")
        is_first = False
        note(text)

    flow = subject.template(called)
    try:
        recorded = [one.content["path"] for one in engine.history(run) if one.kind == "StepDone"]
        is_resumed = True
    except UnknownRun:
        is_resumed = False
        note("recorded ")
        ended = engine.run(flow, run_id=run)
    else:
        note(f"recorded {' '.join(recorded)}")
        # A server may need a moment to hear that the killed owner is gone.
        ended = engine.resume(run, flow, wait=True)
    note(f"end {json.dumps([ended.status, ended.result, dict(ended.state)])}")
    engine.close()  # the last one moves the log into the file: another moment to be killed


def forked(work):
    """The process id of a child that does the work and ends, with 0 if it could; `work` is told when it was forked."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            work(begun)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    return pid


def one_try(work, delay):
    """Fork a child, kill it after `delay` seconds; whether it came to its end by itself."""
    pid = forked(work)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "a child failed"
        return True
    return False


def notes_of(path):
    """The notes of a run, as pairs of kind and text, without those that a kill tore."""
    return [note.partition(" ")[::2] for note in path.read_text().split(";") if note and not note.endswith("~")]


def compare(subject, notes, expected):
    """What a run's notes show: steps made again although recorded, steps lost although built upon, a wrong end."""
    again = lost = 0
    recorded, built_upon, end = set(), set(), None
    for kind, text in notes:
        if kind == "recorded":
            recorded = set(text.split())
            lost += len(built_upon - recorded)
            built_upon |= recorded
        elif kind == "call":
            again += text in recorded
            built_upon |= subject.built_upon(text)
        elif kind == "end":
            end = json.loads(text)
    return again, lost, end != expected


def undisturbed(subject):
    """How a run ends that nobody disturbs, as a child's note tells it. Imports all that the children need."""
    run = LocalEngine().run(subject.template(lambda _: None))
    return json.loads(json.dumps([run.status, run.result, dict(run.state)]))


def warm(subject, open_backend):
    """Let a child do all that children do, and import what it imported: the others are forked with the imports done."""
    names, answer = os.pipe()

    def work(begun):
        engine = LocalEngine(open_backend())
        run = engine.run(subject.template(lambda _: None))
        with contextlib.suppress(RunIsOver):  # a compensated one
            engine.resume(run.id, subject.template(lambda _: None))
        os.write(answer, " ".join(sys.modules).encode())
        engine.close()

    pid = forked(work)
    os.close(answer)
    with os.fdopen(names) as pipe:
        found = pipe.read().split()
    assert os.waitpid(pid, 0)[1] == 0, "a child that nobody disturbs failed"
    for name in found:
        if name not in sys.modules and name.partition(".")[0] != "__main__":
            importlib.import_module(name)


def disturbed(folder, seed, work, done, growth=1.05):
    """Run after run, each killed at random moments until it comes to its end: the notes of each.

    `work(note, run, begun)` is what a child does; `done` counts kills and runs. With more `growth` each try has longer.
    """
    chance, longest = random.Random(seed), 0.05
    for number in itertools.count():
        run, path = f"run-{number}", folder / f"run-{number}.log"

        def one(begun, run=run, path=path):
            work(notebook(path), run, begun)

        while not one_try(one, chance.uniform(0, longest)):
            # The window follows the time that a try really takes on this machine.
            longest *= growth
            done["kills"] += 1
        longest *= 0.6
        done["runs"] += 1
        yield notes_of(path)


def main(subject, folder, kills, seed, open_backend):
    expected = undisturbed(subject)
    done = {"kills": 0, "runs": 0, "again": 0, "lost": 0, "wrong": 0}
    took: list[float] = []

    def work(note, run, begun):
        child(subject, note, run, open_backend, begun)

    for notes in disturbed(folder, seed, work, done):
        took += [float(text) for kind, text in notes if kind == "after"]
        for fault, count in zip(("again", "lost", "wrong"), compare(subject, notes, expected), strict=True):
            done[fault] += count
        if done["kills"] >= kills and len(took) >= LEAST_RESUMED:
            break
    twentieths = statistics.quantiles(took, n=20, method="inclusive")
    return done | {"resumed": len(took), "median": twentieths[9], "p95": twentieths[18]}


def started(subject):
    """Run the campaign that the command line asks for."""
    folder, kills, seed, backend = sys.argv[1:]
    warm(subject, opener("sqlite" if backend == "late" else backend, Path(folder)))
    print(json.dumps(main(subject, Path(folder), int(kills), seed, opener(backend, Path(folder)))))


if __name__ == "__main__":
    started(ONE_AFTER_THE_OTHER)
