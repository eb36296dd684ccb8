"""A step that ends its own process, in whatever way: the run is taken up again, but not for ever."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal

import pytest

from knows_core import LeaseLost, Limits, LocalEngine, PipelineWorkflow, RecoveryLimit, step
from knows_sqlite import SQLiteBackend
from tests.crash.campaign import forked, notebook, notes_of

RUN = "r"
ENDS = {
    "killed as by a system out of memory": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "left": lambda: os._exit(0),
    "aborted": os.abort,
    "crashed in C": lambda: ctypes.string_at(0),
}


def template(note, end):
    """Three steps, the second of which ends as told."""

    def body(name):
        def run(result, state):
            note(f"call {name}")
            return [*(result or []), end() if name == "b" else name]

        return step(run, name=name)

    return PipelineWorkflow([body(name) for name in "abc"], name="ending", version="1.0.0")


def engine_of(folder, recoveries=10):
    return LocalEngine(SQLiteBackend(folder / "journals.db"), limits=Limits(max_recoveries=recoveries))


def gone(folder, end, *, is_new):
    """Begin or resume the run in a child whose second step does that; how the child ended."""

    def work(_):
        faulthandler.disable()  # the crash is wanted, and so is no core file of it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with engine_of(folder) as engine:
            flow = template(notebook(folder / "notes"), end)
            engine.run(flow, run_id=RUN) if is_new else engine.resume(RUN, flow)

    return os.waitpid(forked(work), 0)[1]


def calls(folder):
    return [text for kind, text in notes_of(folder / "notes") if kind == "call"]


@pytest.mark.fault(13)
@pytest.mark.parametrize("how", ENDS)
def test_a_step_that_ends_its_process_is_made_again(how, tmp_path):
    """Killed, left, aborted or crashed in C in its second step: resumed, the first is not made again."""
    gone(tmp_path, ENDS[how], is_new=True)
    with engine_of(tmp_path) as engine:
        ended = engine.resume(RUN, template(notebook(tmp_path / "notes"), lambda: "b"))
    assert (ended.status, ended.result) == ("completed", ["a", "b", "c"])
    assert calls(tmp_path) == ["a", "b", "b", "c"]


@pytest.mark.fault(11)
def test_a_run_that_kills_whoever_takes_it_up_is_stuck(tmp_path):
    """After `max_recoveries` without a new record it is stored as stuck, with RecoveryLimit; by name it goes on."""
    kill = ENDS["killed as by a system out of memory"]
    gone(tmp_path, kill, is_new=True)
    for _ in range(3):
        gone(tmp_path, kill, is_new=False)
    flow = template(notebook(tmp_path / "notes"), lambda: "b")
    with engine_of(tmp_path, recoveries=3) as engine:
        with pytest.raises(RecoveryLimit):
            engine.resume(RUN, flow)
        assert engine.status(RUN) == "stuck"
        assert calls(tmp_path) == ["a", *["b"] * 4]
        assert engine.resume(RUN, flow).result == ["a", "b", "c"]
        assert calls(tmp_path)[-2:] == ["b", "c"]


@pytest.mark.fault(14)
def test_a_step_that_forks_goes_on_once(tmp_path):
    """Parent and child both return from the step: the parent's record counts, the child hears that it owns nothing."""
    heard, told = os.pipe()

    def fork():
        return "child" if os.fork() == 0 else "parent"

    def work(_):
        here = os.getpid()
        try:
            gone_on = engine_of(tmp_path).run(template(notebook(tmp_path / "notes"), fork), run_id=RUN).result
        except LeaseLost as error:
            gone_on = error.code
        os.write(told, f"{'parent' if os.getpid() == here else 'child'} {gone_on};".encode())

    pid = forked(work)
    os.close(told)
    with os.fdopen(heard) as pipe:
        found = sorted(filter(None, pipe.read().split(";")))
    assert os.waitpid(pid, 0)[1] == 0
    assert found == ["child lease-lost", "parent ['a', 'parent', 'c']"]
    assert calls(tmp_path) == ["a", "b", "c"]
    with engine_of(tmp_path) as engine:
        assert engine.result(RUN).result == ["a", "parent", "c"]
        assert [one.kind for one in engine.history(RUN)] == ["RunCreated", *["StepDone"] * 3, "RunEnded"]
