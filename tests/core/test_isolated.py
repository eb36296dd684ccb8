"""`isolation="process"`: what a step's own process is given, and what comes back: results, changes, errors."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from datetime import UTC, datetime

import pytest

from knows_core import (
    ContractError,
    IsolatedStepFailed,
    NotStorable,
    StepContext,
    WorkflowState,
    step,
)
from knows_core.flows.located import place_of
from knows_core.isolating.isolated import why_not_isolated
from knows_core.journals.envelope import describe
from knows_core.journals.records import StepProgress
from knows_core.state import Attempt
from knows_core.states.models import TypedState
from knows_core.values.codec import Codec
from knows_core.values.declared import declared_in
from tests.core import isolated_steps as steps
from tests.core.isolated_calls import called, gone


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
    with pytest.raises(NotStorable, match=r"result of refuse \$\.a\[1\].*found function"):
        called(steps.refuse)
    with pytest.raises(NotStorable, match="input of pass_on"):
        called(steps.pass_on, called)
    with pytest.raises(NotStorable, match="state k"):
        called(steps.change, None, Attempt(WorkflowState(k=called)))


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
    assert sorted(told[:-1]) == [StepProgress("telling", number, 8, "of eight" * 20_000) for number in range(8)]
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
