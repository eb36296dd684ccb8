"""The state of a run that moves to another version: converted by a function, checked, and recorded as what changed."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import pytest
from pydantic import create_model

from knows_core import Migration, MigrationFailed, PipelineWorkflow, RunStatus, parallel, pipeline, step
from tests.core.migration_bench import Bench


@pytest.fixture
def bench():
    return Bench()


@dataclass
class Reading:
    value: float


def stateful(bench):
    def measure(state):
        bench.calls.append("measure")
        state["reading"] = Reading(20.0)
        state["other"] = [1, (2,)]
        return 1

    def fail(result, state):
        if bench.broken:
            raise ConnectionError
        return "done"

    return PipelineWorkflow([measure, fail], name="t", version="1.0", state=OldState)


OldState = create_model("OldState", __module__=__name__, reading=(Reading | None, None), other=(object, None))
NewState = create_model("NewState", __module__=__name__, kelvin=(float, 0.0), other=(object, None), unit=(str, "K"))


def moved_state(bench, function):
    bench.broken = True
    bench.engine.run(stateful(bench), run_id="r")
    bench.calls.clear()
    bench.broken = None
    migrations = [Migration("^1.0", {}, function)]

    def measure(state):
        bench.calls.append("measure")

    def fail(result, state):
        return "done"

    return PipelineWorkflow([measure, fail], name="t", version="2.0", state=NewState, migrations=migrations)


@pytest.mark.fault(55)
def test_a_function_makes_the_new_state_of_the_old_one(bench):
    """Objects of classes that are gone are data to it; what it leaves alone comes back the same; defaults are added."""
    seen = []

    def convert(state):
        seen.append(dict(state))
        state["other"].append("in its own copy only")
        return {"kelvin": state["reading"]["value"] + 273.15, "other": [1, (2,)]}

    run = bench.engine.resume("r", moved_state(bench, convert))
    assert (run.result, bench.calls) == ("done", [])
    assert seen[0]["reading"] == {"value": 20.0}
    assert run.state.data == {"kelvin": 293.15, "other": [1, (2,)], "unit": "K"}
    (moved,) = [one.content for one in run.history if one.kind == "Migrated"]
    assert (sorted(moved["set"]), moved["drop"]) == (["kelvin", "unit"], ["reading"])


def raising(state):
    raise RuntimeError("no such unit")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (raising, "its state function raised RuntimeError: no such unit"),
        (lambda state: None, "must return a dict, and returned a NoneType"),
        (lambda state: {1: 2}, "a dict with texts as keys, and one is 1"),
        (lambda state: {"kelvin": "warm"}, "kelvin: Input should be a valid number"),
        (lambda state: {"kelvin": 1.0, "other": object()}, "expected a value that can be recorded"),
    ],
)
def test_a_new_state_that_does_not_fit_leaves_the_run_as_it_was(bench, function, reason):
    """It must be a dict that the new state model takes and that can be recorded."""
    template = moved_state(bench, function)
    before = bench.engine.backend.load("r")
    with pytest.raises(MigrationFailed) as caught:
        bench.engine.resume("r", template)
    assert reason in str(caught.value), str(caught.value)
    after = bench.engine.backend.load("r")
    assert (after[1], after[0].version, after[0].status) == (before[1], "1.0.0", RunStatus.FAILED)


def test_a_value_that_only_looks_the_same_is_written_anew(bench):
    """1, 1.0 and True are equal and are not the same value."""
    bench.start("a b", "b", state={"n": 1, "m": 1})
    run = bench.resume("a b", Migration("^1.0", {}, lambda state: {**state, "n": True, "m": 1}))
    assert (run.state["n"], run.state["m"]) == (True, 1)
    assert type(run.state["n"]) is bool
    (moved,) = [one.content for one in run.history if one.kind == "Migrated"]
    assert moved["set"] == {"n": True}


def test_state_is_not_converted_while_branches_have_their_own(bench):
    """A branch that is not joined has written state that the function would not see; renaming alone is no matter."""

    def flow(last):
        return parallel(bench.step("a"), bench.step("b"), name="p") | bench.step(last)

    bench.start(flow("c"), "b")
    text = bench.refused(flow("d"), Migration("^1.0", {}, dict))
    assert "the branch p#a has written state that is not joined yet" in text
    assert bench.resume(flow("d"), Migration("^1.0", {"c": "d"})).result == "('a ', 'b ')d "


@pytest.mark.parametrize("broken", ["b", "c"])
def test_state_is_converted_when_branches_are_joined_or_wrote_nothing(bench, broken):
    """After the join, and for branches that only return something, there is one state to convert."""
    branches = [bench.step(one, writes=broken == "c") for one in "ab"]
    flow = parallel(*branches, name="p") | bench.step("c")
    bench.start(flow, broken)
    run = bench.resume(flow, Migration("^1.0", {}, functools.partial(dict, converted=True)))
    assert (run.state["converted"], run.result) == (True, "('a ', 'b ')c ")


def test_a_recorded_result_of_a_class_that_changed_does_not_move(bench):
    """Only state can be converted: a result that a new class cannot hold keeps the run at its version."""

    def template(cls, version, *migrations):
        def make():
            return cls(1)

        def fail(value):
            if bench.broken:
                raise ConnectionError
            return "done"

        make.__annotations__["return"] = cls
        return pipeline(step(make) | fail, name="t", version=version, migrations=migrations)

    @dataclass
    class Value:
        x: int

    old = Value

    @dataclass
    class Value:  # type: ignore[no-redef]
        y: int

    bench.broken = True
    bench.engine.run(template(old, "1.0"), run_id="r")
    bench.broken = None
    with pytest.raises(MigrationFailed, match="a recorded input, result or branch holds a value of it"):
        bench.engine.resume("r", template(Value, "2.0", Migration("^1.0")))
    assert bench.engine.resume("r", template(old, "2.0", Migration("^1.0"))).result == "done"
