"""Several live processes want the same run: each step is called once, and everybody hears the same result."""

from __future__ import annotations

import contextlib
import time
from functools import partial

from knows_core import LeaseLost, LocalEngine, RunBusy, UnknownRun
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend
from tests.crash.broken import GenerousBackend
from tests.crash.contended import STEPS, calls, noting, template
from tests.crash.levels import CONTENDED_STEPS, bounded

STEP_SECONDS = 0.003
RIVALS = 3


def drive(wire, folder, runs, backend):
    """Run the runs, one after the other."""
    with LocalEngine(backend(folder / "journals.db")) as engine:
        for run in runs:
            wire.recv()
            ended = outcome(lambda run=run: engine.run(template(noting(folder, run, STEP_SECONDS)), run_id=run))
            wire.send(ended)


def rival(wire, folder, runs, backend):
    """Try to resume each run, again and again, until somebody has brought it to its end."""
    with LocalEngine(backend(folder / "journals.db")) as engine:
        for run in runs:
            wire.recv()
            refused = 0
            while (ended := resumed(engine, folder, run)) is None:
                refused += 1
            wire.send((ended, refused))


def resumed(engine, folder, run):
    """How a run ended, as one hears who tries to resume it; None where it is not there, or another's."""
    try:
        return outcome(lambda: engine.resume(run, template(noting(folder, run, STEP_SECONDS))))
    except (UnknownRun, RunBusy):
        return None


def outcome(work):
    try:
        run = work()
    except LeaseLost as error:
        return [error.code, None]
    return [str(run.status), run.result]


def contended(folder, backend, runs):
    """How often steps were called more than once, how often rivals were refused, and whether all heard the same."""
    names = [f"run-{number}" for number in range(runs)]
    with contextlib.ExitStack() as stack:
        arguments = {"folder": folder, "runs": names, "backend": backend}
        works = [partial(work, **arguments) for work in (drive, *[rival] * RIVALS)]
        children = [stack.enter_context(Child(work)) for work in works]
        twice, missing, refused, differing = 0, 0, 0, 0
        for run in names:
            for child in children:
                child.say(run)
            ended, *heard = [child.hear() for child in children]
            made = calls(folder, run)
            twice += len(made) - len(set(made))
            missing += len(set(STEPS) - set(made))
            refused += sum(count for _, count in heard)
            differing += sum(answer != ended for answer, _ in heard)
    return twice, refused, differing + missing


def test_a_live_run_is_nobody_elses(tmp_path, tell):
    """While one process drives a run, others try to resume it without a pause: no step is called twice."""
    runs = CONTENDED_STEPS // len(STEPS)
    twice, refused, differing = contended(tmp_path, SQLiteBackend, runs)
    tell(f"{bounded(twice, runs * len(STEPS), 'steps called twice')}; {refused} attempts to resume were refused")
    assert (twice, differing) == (0, 0)
    assert refused >= runs


def test_the_count_notices_a_backend_that_gives_runs_away(tmp_path):
    """A backend that takes every owner for dead is caught, although its fence holds: the check can fail."""
    twice, _, differing = contended(tmp_path, GenerousBackend, 3)
    assert twice > 0
    assert differing > 0


def test_of_many_who_take_up_a_dead_run_one_gets_it(tmp_path, tell):
    """Its owner is killed in its sixth step, four start at once: five recorded steps stay, the rest is made once."""
    wrong, trials = 0, max(5, CONTENDED_STEPS // 20)
    for number in range(trials):
        run = f"run-{number}"

        def begin(wire, run=run):
            called = noting(tmp_path, run, 0)

            def until_the_sixth(name):
                called(name)
                if name == STEPS[5]:
                    wire.send("there")
                    wire.recv()

            LocalEngine(SQLiteBackend(tmp_path / "journals.db")).run(template(until_the_sixth), run_id=run)

        def take_up(wire, run=run):
            with LocalEngine(SQLiteBackend(tmp_path / "journals.db")) as engine:
                wire.send("ready")
                wire.recv()
                while resumed(engine, tmp_path, run) is None:
                    time.sleep(0.001)
                wire.send("over")

        with Child(begin) as owner, contextlib.ExitStack() as stack:
            assert owner.hear() == "there"
            others = [stack.enter_context(Child(take_up)) for _ in range(4)]
            assert [other.hear() for other in others] == ["ready"] * 4
            owner.kill()
            for other in others:
                other.say("go")
            assert [other.hear() for other in others] == ["over"] * 4
        wrong += calls(tmp_path, run) != [*STEPS[:6], *STEPS[5:]]
    tell(bounded(wrong, trials, "take-overs by one of four with a step too many or too few"))
    assert wrong == 0
