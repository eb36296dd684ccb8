"""One template for the tests in which several processes want one run: it notes every call, and says who made it."""

from __future__ import annotations

import os
import time

from knows_core import PipelineWorkflow, step
from tests.crash.campaign import notebook, notes_of

STEPS = [f"s{number}" for number in range(10)]


def template(called, names=STEPS):
    """Steps that say by `called(name)` that they are called, and return who called them, for each step so far."""

    def body(name):
        def run(result, state):
            called(name)
            return [*(result or []), [name, os.getpid()]]

        return step(run, name=name)

    return PipelineWorkflow([body(name) for name in names], name="contended", version="1.0.0")


def noting(folder, run, seconds):
    """What notes the calls of a run's steps, each of which takes so many seconds."""
    note = notebook(folder / f"{run}.log")

    def called(name):
        note(f"call {name}")
        time.sleep(seconds)

    return called


def calls(folder, run):
    """The steps of a run that were called, each as often as it was."""
    return [text for kind, text in notes_of(folder / f"{run}.log") if kind == "call"]
