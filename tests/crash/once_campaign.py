"""Kill runs of acts that must not be repeated; resume them, let a person look where one is in doubt, and count.

    python -m tests.crash.once_campaign FOLDER KILLS SEED sqlite|URL [blind]

An act is one line in a file beside the journal, with its idempotency key. Of every three acts one has a `look` that can
tell from the file, one a `look` that never can, and one has none. Each child takes up the run, and is the person as
well: where an act is reported in doubt it looks into the file, and says `done` or `retry`. Prints as JSON: acts that
were made twice (`again`), acts whose intent was recorded without an outcome and that were then made without a look or
a question (`unasked`), acts that are not there in the end (`lost`), other ends than the undisturbed one (`wrong`); and
how often such an act was looked up, and reported in doubt.

`blind` lets nobody read the intents in a journal: acts are then repeated. The comparison must notice.
"""

from __future__ import annotations

import collections
import json
import sys
import time
from pathlib import Path

from knows_core import Done, LocalEngine, NotDone, UnknownRun, parallel, pipeline, step
from knows_core.resuming import folding
from tests.crash.campaign import LIMITS, Subject, disturbed, notes_of, opener, warm

NAMES = [f"s{number}" for number in range(9)]
ACT_SECONDS = 0.0005
LEAST_OPEN = 5  # acts that were found open, before a few kills show anything


def template(note, acts):
    """Nine acts, of which three are made side by side; `acts()` reads what was made so far, as paths with keys."""

    def made(number, name):
        def act(result, context):
            note(f"call {name}")
            time.sleep(ACT_SECONDS)
            note(f"act {name} {context.idempotency_key}")
            time.sleep(ACT_SECONDS)
            return name

        def look(context):
            note(f"look {name}")
            if number % 3 == 1:
                return None
            return Done(name) if context.step in dict(acts()) else NotDone()

        return step(act, name=name, effect="once", look=look if number % 3 else None)

    steps = [made(*one) for one in enumerate(NAMES)]
    flow = steps[0] | steps[1] | steps[2] | parallel(*steps[3:6]) | steps[6] | steps[7] | steps[8]
    return pipeline(flow, name="once_campaign", version="1.0.0")


def acts_in(notes):
    return [text.split() for kind, text in notes if kind == "act"]


def still_open(history):
    """The acts whose intent is the last that a journal tells of them."""
    last = {}
    for entry in history:
        if "path" in entry.content:
            last[entry.content["path"]] = entry.kind
    return [path for path, kind in last.items() if kind == "StepIntended"]


def child(note, read, run, open_backend):
    """One try: begin or resume the run, and answer what is asked until it is over."""
    with LocalEngine(open_backend(), limits=LIMITS) as engine:
        flow = template(note, lambda: acts_in(read()))
        try:
            for path in still_open(engine.history(run)):
                note(f"open {path}")
            ended = engine.resume(run, flow, wait=True)
        except UnknownRun:
            ended = engine.run(flow, run_id=run)
        while ended.status == "suspended":
            for question in ended.waiting:
                note(f"{question.kind} {question.path}")
                is_there = question.path in dict(acts_in(read()))
                note(f"person {question.path} {'done' if is_there else 'retry'}")
                choice, value = ("done", question.path) if is_there else ("retry", None)
                engine.decide(run, choice, value=value, by="a person", step=question.path, template=flow)
            ended = engine.resume(run, flow)
        recorded = [one.content["path"] for one in engine.history(run) if one.kind == "StepDone"]
        note(f"end {json.dumps([ended.status, ended.result, sorted(recorded)])}")


END = ["completed", NAMES[-1], NAMES]


def compare(notes):
    """What a run's notes show, as counts."""
    found = collections.Counter()
    acts = acts_in(notes)
    made = collections.Counter(path for path, _ in acts)
    found["again"] = sum(made.values()) - len(made)
    found["lost"] = len(set(NAMES) - set(made))
    found["wrong"] = [json.loads(text) for kind, text in notes if kind == "end"][-1] != END
    found["wrong"] += len({key for _, key in acts}) != len(made)
    for name in NAMES:
        found += _of_one(name, [(kind, *text.split()[1:]) for kind, text in notes if text.split()[:1] == [name]])
    return found


def _of_one(name, events):
    """How one act fared: whatever was found open is looked up, or asked about, before it is called."""
    found = collections.Counter()
    may_be_called, can_tell = True, NAMES.index(name) % 3 == 2
    for kind, *more in events:
        if kind == "open":
            may_be_called = False
            found["open"] += 1
        elif kind == "look":
            may_be_called = can_tell
            found["looked"] += 1
        elif kind == "doubt":
            may_be_called = False
            found["doubts"] += 1
        elif kind == "person":
            may_be_called = more == ["retry"]
        elif kind == "call":
            found["unasked"] += not may_be_called
    return found


def main(folder, kills, seed, open_backend):
    done = collections.Counter({"kills": 0, "runs": 0, "again": 0, "unasked": 0, "lost": 0, "wrong": 0})

    def work(note, run, _):
        child(note, lambda: notes_of(folder / f"{run}.log"), run, open_backend)

    for notes in disturbed(folder, seed, work, done):
        done.update(compare(notes))
        if done["kills"] >= kills and done["open"] >= LEAST_OPEN:
            break
    return done


if __name__ == "__main__":
    FOLDER, KILLS, SEED, BACKEND = Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
    if sys.argv[5:] == ["blind"]:
        folding._FOLDS["StepIntended"] = lambda log, entry: None
    warm(Subject(lambda note: template(note, list), lambda _: set()), opener(BACKEND, FOLDER))
    print(json.dumps(main(FOLDER, KILLS, SEED, opener(BACKEND, FOLDER))))
