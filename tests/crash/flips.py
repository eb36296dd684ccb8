"""Flip one random byte of a stored journal, read it and go on with its runs; print what came of it as JSON.

    python -m tests.crash.flips FOLDER FLIPS SEED [blind]

The journal holds a run that is complete, one that failed, one that was compensated, one that waits for a person and two
whose processes were killed, one of them behind a pause, a decision and an act. Half of the flips hit a file that was
closed, half one that was not, whose log lies beside it. Each flip is looked at by a child of its own, with a
limit: an error of the project is right, and so is the result that the run has without damage, with no recorded step
made again. All else is silent: `again`, `different`, `unnamed` (another error), `died` (a signal: a crash or a hang).

`blind` lets the backend take a damaged log for one that ends early, as SQLite alone does. The comparison must notice.
"""

from __future__ import annotations

import collections
import json
import logging
import os
import random
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

from knows_core import KnowsError, LocalEngine, PipelineWorkflow, Retry, approval, pipeline, step
from knows_sqlite import SQLiteBackend, place
from tests.crash.campaign import forked

NAMES = ["a", "b", "c", "d", "e"]
SECONDS = 20  # for one look
RUNS = {"complete": None, "failed": "d", "killed": "d"}  # and in which step
RECOVERING = ("undone", "waiting", "decided")


def template(called, stops=None):
    def body(name):
        def run(result, state):
            called.append(name)
            if name == stops:
                raise RuntimeError("a step that fails")
            state[name] = name * 40
            return [*(result or []), {"made by": name, "number": len(called)}]

        return step(run, name=name)

    return PipelineWorkflow([body(name) for name in NAMES], name="flipped", version="1.0.0")


def recovering(called, stops=None):
    """A pause, an act, a question, and what undoes it all; `stops` is where the process ends, or the run fails."""

    def first(context):
        called.append("first")
        if context.attempt == 1:
            raise ConnectionError("not now")
        return "first"

    def act(result):
        called.append("act")
        return [result, "act"]

    def undo(result):
        called.append("undo")

    def last(result):
        called.append("last")
        if stops == "killed":
            os._exit(0)
        if stops == "failed":
            raise RuntimeError("a step that fails")
        return [*result, "last"]

    flow = step(first, name="first", retry=Retry(delay=0)) | step(act, name="act", effect="once", compensate=undo)
    if stops != "failed":
        flow = flow | approval("release", role="engineer")
    return pipeline(flow | step(last, name="last"), name="recovering", version="1.0.0")


class Stop(list[str]):
    """Calls, up to the one in which the process ends."""

    def append(self, name):
        if name == RUNS["killed"]:
            os._exit(0)


def original(folder, *, closed):
    """Make the journals, of which the last owner was killed: the files to flip, and what else lies beside them.

    A later owner closed them, or they were left with their log and its index.
    """
    folder.mkdir()
    path = folder / "journals.db"

    def work(_):
        engine = LocalEngine(SQLiteBackend(path))
        engine.run(template([]), run_id="complete")
        engine.run(template([], stops="d"), run_id="failed")
        engine.run(recovering([], "failed"), run_id="undone")
        engine.run(recovering([]), run_id="waiting")
        engine.run(recovering([]), run_id="decided")
        engine.decide("decided", "approve", by="Ada", role="engineer", note="seen")
        engine.run(template(Stop()), run_id="killed")

    def work_on(_):
        LocalEngine(SQLiteBackend(path)).resume("decided", recovering([], "killed"))

    for one in (work, work_on):
        assert os.waitpid(forked(one), 0)[1] == 0
    if closed:
        LocalEngine(SQLiteBackend(path)).close()
    files = [one for one in (path, path.with_name(f"{path.name}-wal")) if one.exists()]
    assert len(files) == (1 if closed else 2)
    return files, [one for one in (path.with_name(f"{path.name}-shm"),) if one.exists()]


def look(path):
    """What becomes of each run that is taken up from the file; an error of the project by its code."""
    opened = _answer(lambda: LocalEngine(SQLiteBackend(path)))
    if not isinstance(opened, LocalEngine):
        return dict.fromkeys([*RUNS, *RECOVERING], opened)
    with opened as engine:
        return {run: _answer(partial(_taken_up, engine, run)) for run in [*RUNS, *RECOVERING]}


def _taken_up(engine, run):
    called: list[str] = []
    engine.runs()
    engine.history(run)
    flow = template(called) if run in RUNS else recovering(called, "failed" if run == "undone" else None)
    ended = engine.resume(run, flow)
    return [ended.status, ended.result, dict(ended.state), called, [list(one) for one in ended.waiting]]


def _answer(work):
    try:
        return work()
    except KnowsError as error:
        return error.code
    except BaseException as error:
        return {"unnamed": f"{type(error).__name__}: {error}"}


def looked(path):
    """The same by a child, which may crash or hang."""
    answer, said = os.pipe()

    def work(_):
        os.close(answer)
        logging.disable()  # damaged rows are left out of a list with a warning
        signal.alarm(SECONDS)
        os.write(said, json.dumps(look(path), default=str).encode())

    pid = forked(work)
    os.close(said)
    with os.fdopen(answer) as pipe:
        text = pipe.read()
    status = os.waitpid(pid, 0)[1]
    return json.loads(text) if status == 0 else f"died of status {status}"


def verdict(found, right):
    """In one word what came of a flip, the worst that came of any of its runs."""
    if isinstance(found, str):
        return "died"
    words = [_verdict(found[run], right[run]) for run in right]
    return next(word for word in ("unnamed", "different", "again", "named", "right") if word in words)


def _verdict(found, right):
    if found == right:
        return "right"
    if isinstance(found, str):
        return "named"
    if isinstance(found, dict):
        return "unnamed"
    return "again" if found[:1] == right[:1] and len(found[3]) > len(right[3]) else "different"


def main(folder, flips, seed):
    chance = random.Random(seed)
    counts = collections.Counter()
    examples = []
    for closed in (True, False):
        files, beside = original(folder / f"closed-{closed}", closed=closed)
        copy = folder / "flipped"
        right = _flipped(files, beside, copy, None)
        assert verdict(right, right) == "right", right
        for _ in range(flips // 2):
            at, bits = chance.randrange(sum(file.stat().st_size for file in files)), chance.randrange(1, 256)
            found = _flipped(files, beside, copy, (at, bits))
            word = verdict(found, right)
            counts[word] += 1
            if word not in ("right", "named"):
                examples.append([closed, at, bits, word, found])
    return counts | {"examples": examples[:20]}


def _flipped(files, beside, copy, flip):
    """Look at a copy of the files in which one byte, counted through all of them, is another."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in beside:
        shutil.copy(file, copy)
    passed = 0
    for file in files:
        content = bytearray(file.read_bytes())
        if flip is not None and passed <= flip[0] < passed + len(content):
            content[flip[0] - passed] ^= flip[1]
        passed += len(content)
        (copy / file.name).write_bytes(content)
    return looked(copy / files[0].name)


if __name__ == "__main__":
    if sys.argv[4:] == ["blind"]:
        vars(place)["check_log"] = lambda path: None
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
