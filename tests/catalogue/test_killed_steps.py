"""A process that is killed in the middle of a step: what the step is told when it is made again."""

from __future__ import annotations

import os
import signal

import pytest

from knows_core import Done, LocalEngine, NotDone, pipeline, step
from knows_sqlite import SQLiteBackend
from tests.crash.campaign import forked, notebook, notes_of

RUN = "r"


def engine_of(folder):
    return LocalEngine(SQLiteBackend(folder / "journals.db"))


def killed(folder, template):
    """Let a process begin the run that kills itself."""
    pid = forked(lambda _: engine_of(folder).run(template, run_id=RUN))
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def resumed(folder, template):
    with engine_of(folder) as engine:
        return engine.resume(RUN, template)


def noted(folder):
    return [text.split() for kind, text in notes_of(folder / "notes") if kind == "made"]


def made(folder, **options):
    """A template whose second step has its effect, a line in a file, and then kills its process the first time."""

    def effect(result, context):
        notebook(folder / "notes")(f"made {context.attempt} {context.idempotency_key}")
        if len(noted(folder)) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return "made"

    flow = step(lambda: 1, name="first") | step(effect, name="effect", **options)
    return pipeline(flow, name="killed", version="1.0")


@pytest.mark.fault(2, 3)
def test_a_step_that_is_made_again_has_its_key_and_another_number(tmp_path):
    """Killed behind its effect and before its record, it is made again: attempt 2, under the same idempotency key."""
    template = made(tmp_path)
    killed(tmp_path, template)
    assert resumed(tmp_path, template).result == "made"
    [first, second] = noted(tmp_path)
    assert (first[0], second[0]) == ("1", "2")
    assert first[1] == second[1]


@pytest.mark.fault(3)
def test_an_act_is_looked_up_instead_of_made_again(tmp_path):
    """With effect="once" and a look that finds the effect, there is one effect, and its result counts."""
    look = lambda: Done("found") if noted(tmp_path) else NotDone()
    template = made(tmp_path, effect="once", look=look)
    killed(tmp_path, template)
    assert resumed(tmp_path, template).result == "found"
    assert len(noted(tmp_path)) == 1
