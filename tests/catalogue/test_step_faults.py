"""Steps that fail in every way: what is tried, what is undone, what is kept of the error, and when runs come back."""

from __future__ import annotations

import collections
import itertools
import json
import threading
from datetime import timedelta

import pytest

from knows_core import Fallback, LocalEngine, MemoryBackend, Retry, parallel, pipeline, scope, step
from knows_core.driving.execution import order
from knows_core.journals.envelope import LONGEST_TEXT
from knows_core.resuming.recorded import begin_recorded
from knows_core.template import definition_of
from knows_core.walking.wishes import Call, Sleep
from knows_registry.cli import main
from tests.core.mending import AT_ONCE, Clock, Undoing, made, ran

WF = """
from knows_core import Fallback, Retry, pipeline, step

def note(text):
    with open("notes", "a") as notes:
        print(text, file=notes)

def fails(name):
    def body(value=None):
        note(f"call {name}")
        raise ConnectionError(name + " is away")
    return step(body, name=name, retry=Retry(max_retries=1, delay=0), on_error=OTHER[name])

def undo(result): note(f"undo {result}")

OTHER = {"other": None}
OTHER["first"] = Fallback(fails("other"))
w = pipeline(step(lambda: "pump", name="started", compensate=undo) | fails("first"), name="w", version="1.0")
"""


@pytest.mark.fault(74)
def test_a_failure_goes_through_every_answer_in_order(tmp_path, monkeypatch, capfd):
    """Attempts, then the flow to fall back on with attempts of its own, then compensation, then exit code 1."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wf.py").write_text(WF)
    assert main(["run", "wf.py:w", "--run-id", "r", "--json", "--backend", "sqlite:///runs.db"]) == 1
    called = (tmp_path / "notes").read_text().splitlines()
    assert called == ["call first", "call first", "call other", "call other", "undo pump"]
    answer = json.loads(capfd.readouterr().out)
    assert (answer["status"], answer["error"]["type"]) == ("failed", "ConnectionError")
    assert answer["error"]["step"].endswith("other")


# ------------------------------------------------------------------ hostile errors


class Hostile(Exception):
    """Nothing that one does with an error works."""

    def __init__(self):
        self.lock = threading.Lock()  # cannot be pickled, copied or recorded

    def __str__(self):
        raise SystemExit

    __repr__ = __str__

    def __reduce__(self):
        raise TypeError("it cannot be sent")


class Long(Exception):
    def __str__(self):
        return "x" * 10_000_000


@pytest.mark.fault(75)
@pytest.mark.parametrize("error", [Hostile, Long])
@pytest.mark.parametrize("beside", [False, True])
def test_a_hostile_error_is_kept_as_a_safe_text(error, beside):
    """Its type and a cut text are recorded, its own text is never trusted; the run fails, and can be resumed."""
    broken = [True]

    def body():
        if broken:
            raise error
        return "whole"

    hostile = step(body, name="hostile", retry=AT_ONCE)
    template = made(parallel(hostile, step(lambda: 1, name="quick")) if beside else hostile)
    backend = MemoryBackend()
    with LocalEngine(backend) as engine:
        run = engine.run(template, run_id="r")
        assert (run.status, run.error["type"], run.error["step"]) == ("failed", error.__name__, "hostile")
        assert len(run.error["message"]) < LONGEST_TEXT + 100
        assert engine.result("r", template).error == run.error
        assert sum(map(len, backend.load("r")[1])) < 4 * LONGEST_TEXT
        broken.clear()
        assert engine.resume("r", template).status == "completed"


@pytest.mark.fault(75)
def test_a_group_of_errors_is_kept_as_one(tmp_path):
    """What an event loop's tasks raised together is one failure, described without the help of its members."""
    run = ran(step(lambda: (_ for _ in ()).throw(ExceptionGroup("two", [Hostile(), ValueError("b")])), name="group"))
    assert (run.status, run.error["type"]) == ("failed", "ExceptionGroup")
    json.dumps({**run.error, "timestamp": None})


# ------------------------------------------------------------------ runs that fail together


def attempts_of(template, run, clock):
    """The seconds at which a run makes its attempts, each of which fails: its pauses are granted, and not slept."""
    execution = begin_recorded(order(definition_of(template), None, {}, clock, run), MemoryBackend(), clock)
    found, seconds, wish = [], 0.0, next(execution.machine)
    for _ in itertools.count():
        try:
            if isinstance(wish, Call):
                found.append(seconds)
                wish = execution.machine.throw(ConnectionError("the server is away"))
            else:
                seconds += wish.seconds if isinstance(wish, Sleep) else 0
                wish = execution.machine.send(None)
        except StopIteration:
            break
    return found


@pytest.mark.fault(84)
@pytest.mark.parametrize("jitter", [1.0, 0.5, 0.0])
def test_a_thousand_runs_that_fail_together_come_back_spread(jitter):
    """By their jitter: with half of a minute at most a twentieth of them in one second; without it, all at once."""
    policy = Retry(max_retries=3, delay=60, backoff=2, jitter=jitter)
    template = pipeline(step(lambda: 1, name="ask", retry=policy), name="storm", version="1.0")
    clock = Clock()
    attempts = [attempts_of(template, f"run-{number}", clock) for number in range(1000)]
    assert {len(one) for one in attempts} == {4}
    for retry in (1, 2, 3):
        seconds = collections.Counter(int(one[retry]) for one in attempts)
        most = max(seconds.values())
        assert most <= 50 if jitter else most == 1000
        assert timedelta(seconds=max(seconds)) <= timedelta(seconds=60 * (2**retry - 1))


@pytest.mark.fault(81, 83)
def test_every_error_on_the_way_is_kept():
    """A failure, what the fallback made of it, and a compensation that fails: the last tells the one before."""
    steps = Undoing()
    cannot = scope(steps.works("b"), name="box", compensate=lambda result: [][result])
    flow = steps.acts("a") | cannot | steps.fails("c", on_error=Fallback(steps.fails("other")))
    run = ran(flow)
    assert (run.status, run.error["code"]) == ("compensation_failed", "compensation-failed")
    assert "box~ (TypeError" in run.error["message"]
    assert run.error["cause"]["message"] == "other is away"
    assert steps.undone == ["a"]
