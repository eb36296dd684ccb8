"""Kill failed runs while what they did is undone, and resume them until that is done; print what was wrong as JSON.

    python -m tests.crash.undo_campaign FOLDER KILLS SEED sqlite|URL [blind]

Steps, items, and a scope that is undone as a whole precede a step that fails. Only kills that fall after the first
record of the compensation count. What the calls of each run show: a compensation that was made again although it was
recorded (`again`), in another order than the newest first or left out (`order`), a step that was called while the run
was compensated (`forward`), another end than the undisturbed one (`wrong`).

`blind` lets nobody read which compensations are recorded: they are made again. The comparison must notice.
"""

from __future__ import annotations

import collections
import json
import sys
import time
from pathlib import Path

from knows_core import LocalEngine, UnknownRun, each, parallel, pipeline, scope, step
from knows_core.resuming import folding
from tests.crash.campaign import LIMITS, Subject, disturbed, opener, warm

UNDO_SECONDS = 0.002
UNDONE = ["e", "d", "box", "item[1]/item", "item[0]/item", "a"]  # of `box`, what lies inside is its own matter


def template(note):
    """Of the branches side by side one is undone: of two, either may have been the newer one."""

    def undo(result, context):
        note(f"undo {context.step.removesuffix('~')}")  # what ends with ~ is a torn note
        time.sleep(UNDO_SECONDS)

    def made(name, *, is_undone=True):
        def run(result, context):
            note(f"call {context.step}")
            return [1, 2] if name == "items" else name

        return step(run, name=name, compensate=undo if is_undone else None)

    def fail(result, context):
        note("call fail")
        raise ValueError("it cannot be done")

    box = scope(made("b") | made("c"), name="box", compensate=undo)
    flow = made("a") | made("items", is_undone=False) | each(made("item"), max_concurrency=1) | box
    flow = flow | made("d") | parallel(made("e"), made("plain", is_undone=False))
    return pipeline(flow | step(fail, name="fail"), name="undo_campaign", version="1.0.0")


def child(note, run, open_backend):
    """One try: begin or resume the run, noting what is recorded, unless it has come to its end."""
    with LocalEngine(open_backend(), limits=LIMITS) as engine:
        flow = template(note)
        try:
            kinds = [(one.kind, str(one.content.get("path"))) for one in engine.history(run)]
        except UnknownRun:
            ended = engine.run(flow, run_id=run)
        else:
            if ("Compensating", "fail") in kinds:
                paths = [path for kind, path in kinds if kind == "StepDone"]
                note(f"recorded {' '.join(path[:-1] for path in paths if path.endswith('~'))}")
            ended = engine.result(run, flow)
            if not ended.compensated:
                ended = engine.resume(run, flow, wait=True)
        error = [ended.error["type"], ended.error["message"], ended.error["step"]]
        note(f"end {json.dumps([ended.status, ended.compensated, error])}")


END = ["failed", True, ["ValueError", "it cannot be done", "fail"]]


def compare(notes):
    """What a run's notes show, as counts; `kills` are those after the compensation had begun."""
    found = collections.Counter()
    recorded: set[str] = set()
    undone: list[str] = []
    for kind, text in notes:
        if kind == "recorded":
            recorded = set(text.split())
            found["kills"] += 1
        elif kind == "undo":
            found["again"] += text in recorded
            undone += [text] if undone[-1:] != [text] else []
        elif kind == "call":
            found["forward"] += bool(undone)
    found["order"] = undone != UNDONE
    found["wrong"] = [json.loads(text) for kind, text in notes if kind == "end"][-1] != END
    return found


def main(folder, kills, seed, open_backend):
    done = collections.Counter({"kills": 0, "again": 0, "order": 0, "forward": 0, "wrong": 0})

    def work(note, run, _):
        child(note, run, open_backend)

    for notes in disturbed(folder, seed, work, collections.Counter()):
        done.update(compare(notes))
        done["runs"] += 1
        if done["kills"] >= kills:
            break
    return done


if __name__ == "__main__":
    FOLDER, KILLS, SEED, BACKEND = Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
    if sys.argv[5:] == ["blind"]:
        real = folding._FOLDS["StepDone"]
        folding._FOLDS["StepDone"] = lambda log, entry: None if "~" in entry.content["path"] else real(log, entry)
    warm(Subject(template, lambda _: set()), opener(BACKEND, FOLDER))
    print(json.dumps(main(FOLDER, KILLS, SEED, opener(BACKEND, FOLDER))))
