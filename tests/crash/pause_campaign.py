"""Kill runs that wait between two attempts of a step, and resume them; print what was wrong as JSON.

    python -m tests.crash.pause_campaign FOLDER KILLS SEED sqlite|URL [anew]

The step of every second run fails whenever it is called, that of the others three times. Only kills in a pause count.
What the notes of a run show: attempts whose number is not above the one before (`reset`), that began before their pause
was over (`early`), runs with more or fewer failures than their policy allows, or another end (`wrong`). A pause that
was interrupted early enough to tell ended nearer to when it should, or nearer to a whole pause after it was taken up
(`slept`, `anew`).

`anew` gives every process a clock that begins anew, by which the whole pause is always left. The count must notice.
"""

from __future__ import annotations

import collections
import itertools
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from knows_core import LocalEngine, Retry, TransientError, UnknownRun, pipeline, step
from knows_core.rules import utc_now
from tests.crash.campaign import LIMITS, Subject, disturbed, opener, warm

RETRIES = 3
POLICY = Retry(max_retries=RETRIES, delay=0.3, backoff=1, jitter=0.3)
TELLING = 0.04  # seconds between the failure and the next process, from which on the two ends can be told apart
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def template(note, fails):
    """One step, which fails as long as it is told to."""

    def attempt(context):
        note(f"call {context.attempt} {time.monotonic()}")
        if fails():
            raise TransientError("not now")
        return "done"

    return pipeline(step(attempt, name="it", retry=POLICY), name="pause_campaign", version="1.0.0")


def recorded_failures(engine, run):
    return [one for one in engine.history(run) if one.kind == "StepFailed"]


def child(note, run, open_backend, clock):
    """One try: begin or resume the run; where it finds a pause, how long that was to be is noted."""
    begun = time.monotonic()
    with LocalEngine(open_backend(), limits=LIMITS, clock=lambda: clock(begun)) as engine:
        is_hopeless = int(run.partition("-")[2]) % 2

        def fails():
            try:
                return is_hopeless or len(recorded_failures(engine, run)) < RETRIES
            except UnknownRun:
                return True

        flow = template(note, fails)
        try:
            history = engine.history(run)
        except UnknownRun:
            ended = engine.run(flow, run_id=run)
        else:
            last = history[-1]
            is_paused = last.kind == "StepFailed" and "until" in last.content
            pause = last.content["until"] - last.at.timestamp() if is_paused else 0
            note(f"paused {pause} {time.monotonic()}")
            ended = engine.result(run, flow)
            if ended.status not in ("completed", "failed"):
                ended = engine.resume(run, flow, wait=True)
        note(f"end {json.dumps([ended.status, len(recorded_failures(engine, run))])}")


def compare(run, notes):
    """What a run's notes show, as counts."""
    found = collections.Counter()
    attempts = [int(text.split()[0]) for kind, text in notes if kind == "call"]
    found["reset"] = sum(later <= before for before, later in itertools.pairwise(attempts))
    end = ["failed", RETRIES + 1] if run % 2 else ["completed", RETRIES]
    found["wrong"] = [json.loads(text) for kind, text in notes if kind == "end"][-1] != end
    called, pause = 0.0, None
    for kind, text in notes:
        if kind == "paused":
            length, began = map(float, text.split())
            found["kills"] += length > 0
            pause = (called, length, began) if length else None
        elif kind == "call":
            called = float(text.split()[1])
            if pause is not None:
                _judge(pause, called, found)
            pause = None
    return found


def _judge(pause, called, found):
    failed, length, began = pause
    found["early"] += called < failed + length - 0.001
    if TELLING < began - failed < length - TELLING / 2:
        is_anew = abs(called - began - length) < abs(called - failed - length)
        found["anew" if is_anew else "slept"] += 1


def main(folder, kills, seed, open_backend, clock):
    done = collections.Counter({"kills": 0, "reset": 0, "early": 0, "wrong": 0, "slept": 0, "anew": 0, "runs": 0})

    def work(note, run, _):
        child(note, run, open_backend, clock)

    for notes in disturbed(folder, seed, work, collections.Counter(), growth=1.3):
        done.update(compare(done["runs"], notes))
        done["runs"] += 1
        if done["kills"] >= kills:
            break
    return done


if __name__ == "__main__":
    FOLDER, KILLS, SEED, BACKEND = Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
    CLOCK = lambda _: utc_now()
    if sys.argv[5:] == ["anew"]:
        CLOCK = lambda begun: NOON + timedelta(seconds=time.monotonic() - begun)
    warm(Subject(lambda note: template(note, lambda: False), lambda _: set()), opener(BACKEND, FOLDER))
    print(json.dumps(main(FOLDER, KILLS, SEED, opener(BACKEND, FOLDER), CLOCK)))
