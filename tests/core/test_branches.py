"""Branches that run side by side: isolated states, one merged state, failures, and going on after them."""

from __future__ import annotations

import operator
from typing import Annotated

import pytest
from pydantic import BaseModel

from knows_core import LocalEngine, MemoryBackend, Reducer, RunStatus, each, parallel, pipeline, step


class Plant(BaseModel):
    alarms: Annotated[list[str], Reducer(operator.concat)] = []
    highest: Annotated[float, Reducer(max)] = 0.0
    speed: int = 0


class Broken(BaseModel):
    n: Annotated[int, Reducer(lambda one, other: "text")] = 0


def writes(key, value, name=None):
    return step(lambda state: state.set(key, value), name=name or f"{key}_{value}")


def alarm(text):
    def raise_alarm(state: Plant) -> None:
        state.alarms.append(text)
        state.highest = float(len(text))

    return step(raise_alarm, name=text)


def run_of(flow, model=None, input=None, **state):
    return LocalEngine(MemoryBackend()).run(
        pipeline(flow, name="t", version="1.0", state=model), input=input, state=state
    )


def test_branches_see_the_state_as_it_was_when_they_began():
    """None sees what another wrote; all of it is there behind them, with what the steps after them read."""
    seen = []

    def look(name):
        def run(state):
            seen.append(dict(state))
            state[name] = 1

        return step(run, name=name)

    run = run_of(parallel(look("a"), look("b")) | look("c"), x=0)
    assert seen == [{"x": 0}, {"x": 0}, {"x": 0, "a": 1, "b": 1}]
    assert run.state.data == {"x": 0, "a": 1, "b": 1, "c": 1}


def test_one_key_written_by_two_branches_is_a_conflict():
    """It fails at the join, before its commit: the message names key and branches, and the state is as it was."""
    run = run_of(parallel(writes("x", 1), writes("x", 2)), x=0)
    assert (run.error["code"], run.error["step"]) == ("state-conflict", "x_1&x_2")
    assert "'x'" in run.error["message"]
    assert run.state["x"] == 0
    assert run_of(parallel(writes("x", 1), step(lambda state: state.pop("x"), name="drop")), x=0).error["code"] == (
        "state-conflict"
    )


def test_the_same_value_is_no_conflict_and_a_dropped_key_is_dropped():
    """Branches that agree do not clash."""
    assert run_of(parallel(writes("x", 1, "a"), writes("x", 1, "b"))).state.data == {"x": 1}
    assert run_of(parallel(step(lambda state: state.pop("x"), name="drop"), writes("y", 1)), x=0).state.data == {"y": 1}


def test_a_reducer_merges_what_branches_wrote():
    """What was there stands once before what each added, in declared order; other values are folded whole."""
    run = run_of(parallel(alarm("hot"), alarm("high")), Plant, alarms=["old"])
    assert run.error is None
    assert (run.state["alarms"], run.state["highest"]) == (["old", "hot", "high"], 4.0)
    assert run_of(parallel(alarm("hot"), alarm("hot2")) | alarm("last"), Plant).state["alarms"] == [
        "hot",
        "hot2",
        "last",
    ]


def test_a_merged_state_must_fit_the_model():
    """A reducer whose result does not fit is a failure of the branches, and nothing of it counts."""

    def grow(by):
        def more(state: Broken) -> None:
            state.n += by

        return step(more, name=f"grow{by}")

    run = run_of(parallel(grow(1), grow(2)), Broken)
    assert (run.error["code"], run.state["n"]) == ("state-mismatch", 0)


def test_two_branches_that_declare_one_key_are_refused_before():
    """Declared writes are compared when composing; a reducer allows them."""
    one, other = (step(lambda state: None, name=name, writes=["speed"]) for name in ("one", "other"))
    (problem,) = pipeline(parallel(one, other), name="t").check()
    assert "both declare to write the state key 'speed'" in str(problem)
    one, other = (step(lambda state: None, name=name, writes=["alarms"]) for name in ("one", "other"))
    assert pipeline(parallel(one, other), name="t", state=Plant).check() == []


@pytest.mark.parametrize("max_concurrency", [1, 3])
def test_a_failed_item_costs_only_itself(max_concurrency):
    """After a failure no further item begins; resuming makes the failed and the missing ones, and no other."""
    calls, broken = [], [2]

    def make(item, state):
        calls.append(item)
        if item in broken:
            raise OSError(f"item {item}")
        state[f"k{item}"] = item
        return item * 10

    template = pipeline(each(step(make, name="make"), max_concurrency=max_concurrency), name="t", version="1.0")
    engine = LocalEngine(MemoryBackend())
    run = engine.run(template, input=list(range(8)), run_id="r")
    assert (run.status, run.error["step"]) == (RunStatus.FAILED, "make[2]/make")
    assert 7 not in calls
    assert run.state.data == {"error": run.error}  # nothing is joined
    done = {int(one.content["path"][5]) for one in run.history if one.kind == "StepDone"}
    broken.clear()
    calls.clear()
    resumed = engine.resume("r", template)
    assert resumed.result == [item * 10 for item in range(8)]
    assert sorted(calls) == sorted(set(range(8)) - done)
    assert resumed.state.data == {f"k{item}": item for item in range(8)}


def test_all_branches_come_to_their_end_when_one_fails():
    """The failure told is the first in declared order, whichever came first; finished branches are not made again."""
    calls, broken = [], [True]

    def body(name, fails):
        def run(result):
            calls.append(name)
            if fails and broken[0]:
                raise OSError(name)
            return name

        return step(run, name=name)

    template = pipeline(
        parallel(body("a", fails=False) | body("b", fails=True), body("c", fails=True), body("d", fails=False)),
        name="t",
        version="1.0",
    )
    engine = LocalEngine(MemoryBackend())
    assert engine.run(template, run_id="r").error["message"] == "b"
    assert sorted(calls) == ["a", "b", "c", "d"]
    broken[0] = False
    calls.clear()
    assert engine.resume("r", template).result == ("b", "c", "d")
    assert sorted(calls) == ["b", "c"]


def test_a_branch_goes_on_with_its_own_state():
    """What a branch wrote before a failure is there when it goes on, and only there."""
    broken = [True]

    def second(state):
        if broken[0]:
            raise OSError
        return state["x"], "y" in state

    left = writes("x", 5) | step(second, name="second")
    template = pipeline(parallel(left, writes("y", 1)), name="t", version="1.0")
    engine = LocalEngine(MemoryBackend())
    engine.run(template, run_id="r")
    broken[0] = False
    run = engine.resume("r", template)
    assert (run.result[0], run.state.data) == ((5, False), {"x": 5, "y": 1})


def test_forks_inside_forks():
    """Inner branches are joined into the branch that they left, and that into the run."""
    inner = each(step(lambda item, state: state.set(f"k{item}", item), name="set"))
    run = run_of(parallel(step(lambda: [1, 2], name="list") | inner, writes("y", 1)), x=0)
    assert run.state.data == {"x": 0, "k1": 1, "k2": 2, "y": 1}


def test_very_many_items_need_no_depth():
    """Ten thousand items that are all recorded are gone over without nesting calls."""
    template = pipeline(each(step(abs, name="abs")) | step(len, name="len"), name="t", version="1.0")
    engine = LocalEngine(MemoryBackend())
    assert engine.run(template, input=list(range(2_000)), run_id="r").result == 2_000


def test_results_that_are_too_deep_only_together_end_the_run_as_failed():
    """Each branch can be recorded, their tuple is one level too deep: the steps stay recorded, and the run ends."""

    def deep():
        value = []
        for _ in range(199):
            value = [value]
        return value

    run = run_of(parallel(step(deep, name="a"), step(lambda: 1, name="b")))
    assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "too-deep", None)
    assert [one.kind for one in run.history] == ["RunCreated", "StepDone", "StepDone", "RunEnded"]
