"""`isolation="process"`: how a step's own process ends: in time or not, by itself, with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from knows_core import LocalEngine, PipelineWorkflow, RunStatus, StepTimeout, WorkerDied, step
from tests.core import isolated_steps as steps
from tests.core.isolated_calls import PATIENCE, called, gone, ids, until


@pytest.mark.fault(79)
def test_a_hanging_step_is_killed_for_real(tmp_path):
    """Its process and the process it started are gone when StepTimeout is raised."""
    begun = time.monotonic()
    with pytest.raises(StepTimeout, match=r"note_and_hang did not end within 3 s\. Give it") as caught:
        called(steps.note_and_hang, str(tmp_path / "ids"), timeout=3)
    assert time.monotonic() - begun < PATIENCE
    assert isinstance(caught.value, TimeoutError)
    pid, child = ids(tmp_path / "ids")
    assert gone(pid)
    until("the end of the child", lambda: gone(child))


def test_what_a_step_leaves_running_ends_with_it(tmp_path):
    """A process it started, and a thread that keeps its own process from ending."""
    assert called(steps.leave_behind, str(tmp_path / "ids")) == "done"
    until("the end of the child", lambda: gone(ids(tmp_path / "ids")[0]))
    assert called(steps.linger, 1) == 1


def test_a_process_ends_in_good_order(capfd):
    """What is to be done at its end is done, and what it prints then is passed on."""
    assert called(steps.tidy, 1) == 1
    assert capfd.readouterr().err == "tidied up\n"


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    ("way", "how", "status"),
    [
        ("exit", "with exit code 4", 4),
        ("clean exit", "with exit code 0", 0),
        ("hard exit", "with exit code 5", 5),
        ("kill", "of signal 9 (SIGKILL)", -9),
        ("segfault", "of signal 11 (SIGSEGV)", -11),
    ],
)
def test_a_process_that_dies_is_named(way, how, status):
    """With how it ended and the last it wrote."""
    with pytest.raises(WorkerDied) as caught:
        called(steps.dying, way)
    error = caught.value
    assert (error.step, error.how, error.status, error.code) == ("dying", how, status, "worker-died")
    assert error.stderr.startswith("last words")
    assert str(error).startswith(f"the process of step dying died {how}; the last it wrote: last words")
    assert (way == "segfault") == ("Segmentation fault" in error.stderr)


def test_of_much_that_a_dead_process_wrote_the_end_is_told():
    """A function that raises what no step may raise: its process dies of it."""
    with pytest.raises(WorkerDied, match=r"of signal 2 \(SIGINT\)") as caught:
        called(steps.dying, "interrupt")
    assert caught.value.stderr.endswith("\nKeyboardInterrupt")
    assert "last words" not in caught.value.stderr


def test_a_death_is_noticed_though_others_hold_the_pipes():
    """A process that left the group cannot keep the step waiting."""
    begun = time.monotonic()
    with pytest.raises(WorkerDied, match="exit code 3; the last it wrote: nothing"):
        called(steps.hold_pipes)
    assert time.monotonic() - begun < 15


def test_an_interrupt_ends_the_process():
    """Whatever is raised in the caller's thread: the process is gone before it goes on."""
    pids = []

    def interrupt(event):
        pids.append(int(event.done))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        called(steps.tell_and_hang, tell=interrupt)
    assert gone(pids[0])


PARENT = """
import os, sys, threading
from knows_core import step
from knows_core.values.codec import Codec
from knows_core.isolating.isolated import call_isolated
from knows_core.secrecy.secrets import Secrets
from tests.core import isolated_steps

def tell(event):
    if sys.argv[2] == "fork" and (pid := os.fork()) == 0:
        threading.Event().wait(20)
        os._exit(0)
    elif sys.argv[2] == "fork":
        print(pid, flush=True)

given = {"codec": Codec({}), "timeout": None, "secrets": Secrets(), "tell": tell}
call_isolated(step(isolated_steps.note_and_hang), sys.argv[1], None, None, **given)
"""


@pytest.mark.fault(14)
@pytest.mark.parametrize("way", ["plain", "fork"])
def test_the_process_ends_with_its_parent(way, tmp_path, root):
    """Nobody is left when the parent is killed, even if a process that it forked holds its pipes."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PARENT, str(tmp_path / "ids"), way]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        left = ids(tmp_path / "ids")
        holder = int(parent.stdout.readline()) if way == "fork" and parent.stdout else None
        assert not any(map(gone, left))
        parent.kill()
        parent.wait(PATIENCE)
        for pid in left:
            until("the end of the process", lambda pid=pid: gone(pid))
        if holder is not None:
            assert not gone(holder)
            os.kill(holder, signal.SIGKILL)


def test_an_engine_runs_such_steps():
    """State, result and timeout of a run whose step has a process of its own."""
    isolated = step(steps.waiting, isolation="process")
    run = LocalEngine().run(PipelineWorkflow([isolated], name="t", version="1.0.0"), input=1)
    assert (run.status, run.result, run.state["awaited"]) == (RunStatus.COMPLETED, 2, True)
    hanging = step(steps.tell_and_hang, isolation="process", timeout=0.5)
    run = LocalEngine().run(PipelineWorkflow([hanging], name="t", version="1.0.0"))
    assert run.status is RunStatus.FAILED
    assert run.error
    assert run.error["code"] == "step-timeout"


def test_nothing_dear_is_loaded_for_other_steps():
    """The room of processes is imported by isolated steps only, and brings no pydantic."""
    rooms = ("knows_core.flows.located", "knows_core.isolating.isolated")
    script = "import sys\n" + "".join(f"import {room}; print(*sys.modules)\n" for room in rooms)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE)
    before, after = (set(line.split()) for line in done.stdout.splitlines())
    assert "subprocess" not in before
    assert "subprocess" in after
    assert "pydantic" not in after
