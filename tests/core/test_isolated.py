"""`isolation="process"`: results, changes, errors and the end of a step's process, with real processes."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knows_core import (
    ContractError,
    IsolatedStepFailed,
    LocalEngine,
    NotStorable,
    PipelineWorkflow,
    RunStatus,
    StepContext,
    StepTimeout,
    WorkerDied,
    WorkflowState,
    step,
)
from knows_core.codec import Codec
from knows_core.declared import declared_in
from knows_core.envelope import describe
from knows_core.isolated import call_isolated, why_not_isolated
from knows_core.located import place_of
from knows_core.models import TypedState
from knows_core.records import StepProgress
from knows_core.state import Attempt
from tests.core import isolated_steps as steps

PATIENCE = 30  # seconds until a test gives up
CODEC = Codec(declared_in([steps.Pump, steps.Reading, steps.Ward, steps.Box[int], steps.Box[str]]).classes)


def called(function, value=None, state=None, *, codec=CODEC, timeout=PATIENCE, tell=lambda _: None, context=None):
    return call_isolated(step(function), value, state, context, codec=codec, timeout=timeout, tell=tell)


def until(what, found):
    """Wait for something that becomes true, at most so long."""
    end = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < end, f"{what} did not happen"
        threading.Event().wait(0.01)
    return answer


def gone(pid):
    """Whether a process has ended; one that nobody has reaped yet counts."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return stat.parents[1].exists() and stat.read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def ids(file):
    return [int(one) for one in until("the note", lambda: file.exists() and file.read_text().split())]


def test_the_function_runs_in_another_process():
    """It is given input and context, and its result comes back, tuples as tuples."""
    at = datetime(2030, 1, 1, tzinfo=UTC)
    context = StepContext("run-1", "control/whoami[2]", 3, at)
    pid, *rest = called(steps.whoami, 7, Attempt(WorkflowState()), context=context)
    assert pid != os.getpid()
    assert gone(pid)
    assert rest == [7, "run-1", "control/whoami[2]", 3, str(at)]


def test_its_changes_are_those_of_a_step_in_a_thread():
    """Set, changed in place, dropped: the same changes, and nothing else."""
    base = WorkflowState({"count": 1, "list": ["a"], "old": 0, "untouched": (1, [2])})
    here, there = Attempt(base), Attempt(base)
    steps.change(here)
    assert called(steps.change, None, there) is None
    assert there.changes() == here.changes()
    assert there.changes().written == {"count": 2, "list": ["a", "c"], "read": (1, [2])}
    assert there.changes().dropped == ("old",)
    assert called(steps.pass_on, 1, there) == 1


@pytest.mark.parametrize(
    ("function", "model", "values"),
    [
        (steps.admit, steps.Ward, {"beds": 3, "names": ["a"], "note": "n"}),
        (steps.unseal, steps.Sealed, {"names": ["a"]}),
    ],
    ids=["assigned, deleted, extra", "changed in place in a frozen model"],
)
def test_a_state_model_changes_as_in_a_thread(function, model, values):
    """The machine takes back the same changes from its working copy."""
    outcomes = []
    for isolated in (False, True):
        typed, work = TypedState(model, "t"), Attempt(WorkflowState(values))
        copy = typed.working_copy(work)
        one = step(function)
        call = functools.partial(called, function) if isolated else lambda v, s, one=one: one.binding.invoke(v, s, None)
        result = call("b", copy)
        typed.take_back(copy, work)
        outcomes.append((result, work.changes()))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1].written["names"] == ["a", "b"]


def test_models_and_dataclasses_are_values():
    """Both ways, with a float that JSON does not have."""
    pumps = [steps.Pump(name="P1"), steps.Pump(name="P2", alarms=["hot"])]
    assert called(steps.measure, pumps) == steps.measure(pumps)


def test_a_generic_model_is_a_value():
    """`Box[int]` is no name in its module; the function's annotations make it."""
    assert called(steps.unbox, steps.Box[int](held=3)) == steps.Box[str](held="3")


def test_a_value_that_cannot_be_recorded_is_refused():
    """The result in the process, the input and the state before it is started; each with its path."""
    with pytest.raises(NotStorable, match=r"result of refuse \$\.a\[1\].*found set"):
        called(steps.refuse)
    with pytest.raises(NotStorable, match="input of pass_on"):
        called(steps.pass_on, {1})
    with pytest.raises(NotStorable, match="state k"):
        called(steps.change, None, Attempt(WorkflowState(k={1})))


def test_values_of_many_megabytes_pass():
    """Both pipes are full at once in neither direction: nobody waits for the other."""
    big = {"text": "ä" * 20_000_000, "rows": list(range(200_000))}
    assert called(steps.pass_on, big) == big


def test_prints_go_to_stderr(capfd):
    """Nothing printed disturbs the answer, and stdin is empty."""
    assert called(steps.printing) == ""
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == ["printed on stdout", "printed on stderr", "written on 1"]


def test_progress_is_told():
    """From several threads of the function, each event whole, and before the result."""
    told = []
    called(steps.telling, tell=told.append)
    assert sorted(told[:-1]) == [StepProgress("telling", number, 8, "of eight") for number in range(8)]
    assert told[-1] == StepProgress("telling", 0.5, None, "")


def test_async_functions_are_awaited():
    """In an event loop of the process's own."""
    work = Attempt(WorkflowState())
    assert called(steps.waiting, 1, work) == 2
    assert work.changes().written == {"awaited": True}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (steps.grind.partial(limit=5), [1, 5, ()]),
        (steps.grind.partial(limit=5, unit=("bar",)).partial(limit=6), [1, 6, ("bar",)]),
        (step(functools.partial(steps.grind.function, limit=2)), [1, 2, ()]),
        (step(steps.Shop.sell), "sold 1"),
        (step(steps.Shop.buy), "Shop buys 1"),
        (step(str), "1"),
    ],
    ids=["a fixed parameter", "fixed twice", "a plain partial", "static", "of a class", "a class"],
)
def test_other_functions_are_found(function, expected):
    """Steps under their function's name, partials, methods of classes, classes."""
    assert why_not_isolated(function) == ""
    assert called(function, 1) == expected


@pytest.fixture
def file_module(tmp_path, monkeypatch):
    """A module from a file, under a name that no import finds, as `kwf run FILE.py` loads one."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    file = tmp_path / "wf.py"

    def load(code):
        file.write_text(code)
        spec = importlib.util.spec_from_file_location("knows_file_wf", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


def test_a_module_from_a_file_is_found(file_module, tmp_path):
    """With its neighbours, its classes and its errors."""
    (tmp_path / "neighbour.py").write_text("MORE = 1\n")
    module = file_module(
        "from dataclasses import dataclass\n@dataclass\nclass Dose:\n    n: int\n"
        "class DoseError(Exception): pass\n"
        "def give(result: Dose) -> Dose:\n"
        "    import neighbour\n"
        "    if result.n > 1: raise DoseError('too much')\n    return Dose(result.n + neighbour.MORE)\n"
    )
    codec = Codec(declared_in([module.Dose]).classes)
    assert place_of(module.give) == ("knows_file_wf", "give", str(tmp_path / "wf.py"))
    assert called(module.give, module.Dose(1), codec=codec) == module.Dose(2)
    with pytest.raises(module.DoseError, match="too much"):
        called(module.give, module.Dose(2), codec=codec)


def of_main():
    function = lambda result: result
    function.__module__, function.__qualname__ = "__main__", "function"
    return function


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (steps.unnamed, "it is a lambda"),
        (steps.outer(), "it is defined inside another function, as outer.<locals>.inner"),
        (steps.Shop().keep, "it is a method of an object of class Shop"),
        (steps.Shop(), "it is an object of class Shop"),
        ("text".upper, "it is a method of an object of class str"),
        (of_main(), "it is defined in the script that was started"),
        (steps.wrapped, "tests.core.isolated_steps has no pass_on, or another one"),
    ],
    ids=["lambda", "nested", "bound", "object", "built-in bound", "script", "wrapper"],
)
def test_functions_that_no_process_finds_are_named(function, why):
    """`check` is told why, and calling one is refused with the same words."""
    assert why_not_isolated(step(function, name="s")) == why
    with pytest.raises(ContractError, match="cannot find the function") as caught:
        called(step(function, name="s"))
    assert why in str(caught.value)


@pytest.mark.parametrize("name", ["built-in", "system", "key", "unicode", "text", "facts", "family", "odd", "end"])
def test_an_error_comes_back_as_itself(name):
    """The same class, text, arguments and attributes, with its cause, and where it happened as a note."""
    expected = steps.ERRORS[name]()
    with pytest.raises(type(expected)) as caught:
        called(steps.raising, name)
    error = caught.value
    assert type(error) is type(expected)
    assert (str(error), error.args) == (str(expected), expected.args)
    assert getattr(error, "code", None) == getattr(expected, "code", None)
    assert getattr(error, "facts", None) == getattr(expected, "facts", None)
    assert describe(error)["cause"]["message"] == "inner"
    assert "in raising" in error.__notes__[0]


def test_a_fact_that_is_no_value_is_text():
    """The error keeps its class and its sentence."""
    with pytest.raises(steps.PumpError) as caught:
        called(steps.raising, "odd fact")
    assert "failed at <unsent>" in str(caught.value)
    assert (caught.value.pump, caught.value.at) == ("P1", "<unsent>")


@pytest.mark.parametrize("name", ["local", "group"])
def test_an_error_that_cannot_be_made_here_is_named(name):
    """By its class and its text."""
    expected = steps.ERRORS[name]()
    with pytest.raises(IsolatedStepFailed) as caught:
        called(steps.raising, name)
    assert type(expected).__qualname__ in caught.value.kind
    assert caught.value.text == str(expected)
    assert caught.value.code == "isolated-step-failed"


def test_a_hostile_error_is_told_all_the_same():
    """Even one whose text raises."""
    with pytest.raises(steps.MuteError):
        called(steps.raising, "mute")


def test_an_error_never_imports_anything(file_module, tmp_path):
    """A class of a module that only the process has is not looked for here."""
    (tmp_path / "far_away.py").write_text("class FarError(Exception): pass\n")
    module = file_module("def fail(result):\n    import far_away\n    raise far_away.FarError('far')\n")
    with pytest.raises(IsolatedStepFailed) as caught:
        called(module.fail)
    assert (caught.value.kind, caught.value.text) == ("far_away.FarError", "far")
    assert "far_away" not in sys.modules


def test_a_function_that_cannot_be_imported_any_more_is_an_error_of_the_step(file_module, tmp_path):
    """Whatever its module raises."""
    module = file_module("def work(result):\n    return result\n")
    (tmp_path / "wf.py").write_text("raise LookupError('edited')\n")
    with pytest.raises(LookupError, match="edited"):
        called(module.work)


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
from knows_core.codec import Codec
from knows_core.isolated import call_isolated
from tests.core import isolated_steps

def tell(event):
    if sys.argv[2] == "fork" and (pid := os.fork()) == 0:
        threading.Event().wait(20)
        os._exit(0)
    elif sys.argv[2] == "fork":
        print(pid, flush=True)

call_isolated(step(isolated_steps.note_and_hang), sys.argv[1], None, None, codec=Codec({}), timeout=None, tell=tell)
"""


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
    script = "import knows_core.located, sys; print(*sys.modules); import knows_core.isolated; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE)
    before, after = (set(line.split()) for line in done.stdout.splitlines())
    assert "subprocess" not in before
    assert "subprocess" in after
    assert "pydantic" not in after
