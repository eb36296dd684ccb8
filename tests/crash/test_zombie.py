"""An owner that is paused past its lease, and wakes when another has taken its run over: nothing it writes is taken."""

from __future__ import annotations

import contextlib
import os
import signal

from knows_core import KnowsError, LocalEngine
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend
from tests.crash.broken import UnfencedBackend
from tests.crash.contended import STEPS, template
from tests.crash.levels import PAUSES, bounded

LEASE = 0.3  # seconds
AT_ONCE = 5  # trials that wait for their leases together
PATIENCE = 60  # seconds


def own(wire, folder, run, paused_in, backend):
    """Begin the run, stop in one step until told to go on, and tell how it went."""

    def called(name):
        if name == paused_in:
            wire.send(os.getpid())
            wire.recv()

    wire.send(outcome(lambda: engine_of(folder, backend).run(template(called), run_id=run)))


def take_over(wire, folder, run, held_in):
    """Resume the run as soon as its lease is over; stop in one step, if there is one, until told to go on."""

    def called(name):
        if name == held_in:
            wire.send(name)
            wire.recv()

    answer = outcome(lambda: engine_of(folder, SQLiteBackend).resume(run, template(called), wait=True))
    if held_in is None:
        wire.send("over")
        wire.recv()
    wire.send(answer)


def engine_of(folder, backend):
    return LocalEngine(backend(folder / "journals.db", lease=LEASE))


def outcome(work):
    try:
        run = work()
    except KnowsError as error:
        return error.code
    return str(run.status)


def accepted_after_takeover(folder, run, zombie):
    """How many records the former owner could still write, or that cannot be read because of it."""
    with LocalEngine(SQLiteBackend(folder / "journals.db")) as engine:
        try:
            history = list(engine.history(run))
        except KnowsError:
            return 1
    taken = [entry.kind for entry in history].index("RunResumed")
    makers = [entry.content["result"][-1][1] for entry in history[taken:] if entry.kind == "StepDone"]
    return makers.count(zombie)


def trial(stack, folder, number, backend):
    """A run with its first owner paused, and another waiting to take it over."""
    run = f"run-{number}"
    # The step in which the first is paused differs, and whether the second is done when it wakes, or in a later step.
    paused_in, held_in = STEPS[number % len(STEPS)], STEPS[-1] if number % 2 else None
    owner = stack.enter_context(Child(lambda wire: own(wire, folder, run, paused_in, backend)))
    pid = owner.hear()
    os.kill(pid, signal.SIGSTOP)
    other = stack.enter_context(Child(lambda wire: take_over(wire, folder, run, held_in)))
    return run, pid, owner, other


def woken(folder, run, pid, owner, other):
    """Wake the first owner under the second: how many of its writes were accepted."""
    other.hear()
    owner.say("go on")
    os.kill(pid, signal.SIGCONT)
    told = owner.hear()
    other.say("go on")
    ended = other.hear()
    accepted = accepted_after_takeover(folder, run, pid)
    return accepted + (told != "lease-lost") + (ended != "completed")


def trials(folder, count, backend):
    failures = 0
    for first in range(0, count, AT_ONCE):
        with contextlib.ExitStack() as stack:
            numbers = range(first, min(first + AT_ONCE, count))
            begun = [trial(stack, folder, number, backend) for number in numbers]
            failures += sum(woken(folder, *one) > 0 for one in begun)
    return failures


def test_nothing_of_a_former_owner_is_accepted(tmp_path, tell):
    """Stopped in a step and woken after the take-over, it hears LeaseLost; all that follows is the new owner's."""
    failures = trials(tmp_path, PAUSES, SQLiteBackend)
    tell(bounded(failures, PAUSES, "paused owners whose writes were accepted after the take-over"))
    assert failures == 0


def test_the_count_notices_a_backend_without_a_fence(tmp_path):
    """A backend that writes what the epoch refuses is caught: the check can fail."""
    assert trials(tmp_path, 2, UnfencedBackend) > 0
