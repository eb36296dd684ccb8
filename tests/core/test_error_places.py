"""Failures that no step had, scopes whose time is over, and where the error of a failure is seen."""

from __future__ import annotations

import time

import pytest
from pydantic import BaseModel

from knows_core import (
    Continue,
    Fallback,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    Suspend,
    WorkflowState,
    case,
    each,
    parallel,
    repeat,
    scope,
    step,
)
from tests.core.mending import Steps, hooked, kinds, made, ran


def too_slow():
    """A step that takes longer than any scope around it gives it."""
    return step(until_given_up, name="slow")


def until_given_up(context):
    deadline = time.monotonic() + 10
    while not context.cancelled and time.monotonic() < deadline:
        pass


# ------------------------------------------------------------------ what is no step


def broken(result, state):
    raise ZeroDivisionError


def writes(number):
    """A step that leaves its number in the state."""
    return step(lambda state: state.update(number=number), name=f"write_{number}")


@pytest.mark.parametrize(
    "flow",
    [
        lambda steps: case((broken, steps.works("b")), name="choice"),
        lambda steps: repeat(steps.works("b"), until=broken),
        lambda steps: each(steps.works("b"), name="list"),
        lambda _: parallel(writes(1), writes(2)),
    ],
    ids=["case", "repeat", "each", "parallel"],
)
def test_what_is_no_step_and_fails_is_answered_too(flow):
    """Predicates that raise, what is no list, states that cannot be joined: the answers around are asked, once."""
    asked = []

    def handler(context):
        asked.append((context.step, type(context.exception).__name__))
        return Continue()

    steps = Steps()
    run = ran(steps.works("a", 5) | flow(steps) | steps.works("last"), on_error=handler)
    assert (run.status, run.result, len(asked)) == (RunStatus.COMPLETED, 5, 1)
    assert run.state["error"]["step"] == asked[0][0]
    template = made(steps.works("a", 5) | flow(steps) | steps.works("last"), on_error=Suspend())
    with LocalEngine(MemoryBackend()) as engine:
        (question,) = engine.run(template, run_id="r").waiting
        assert engine.resume("r", template).waiting == (question,)
        engine.decide("r", "done", by="ann", value=8, template=template)
        assert engine.resume("r", template).result == 8


# ------------------------------------------------------------------ time


def test_a_scope_whose_time_is_over_is_answered_by_itself():
    """Not by what is inside: no answer there could help. By a value, a flow, a handler, or those around it."""
    steps, asked = Steps(), []

    def handler(context):
        asked.append((context.step, type(context.exception).__name__))
        return Fallback(3)

    inside = scope(too_slow(), on_error=Fallback(0), name="in")
    for answer in (Fallback(3), Fallback(steps.works("b", 3)), handler):
        run = ran(scope(inside, timeout=0.02, name="out", on_error=answer))
        assert (run.status, run.result, kinds(run).count("StepFailed")) == (RunStatus.COMPLETED, 3, 1)
    assert asked == [("out", "ScopeTimeout")]


def test_the_handlers_of_plugins_are_asked_about_a_scope_whose_time_is_over():
    """At the path of the scope, before what it declares itself; a value stands for the whole scope."""
    asked = []

    def handler(context):
        asked.append((context.step, type(context.exception).__name__))
        return Fallback(3) if len(asked) > 1 else None

    flow = scope(scope(too_slow(), name="in"), timeout=0.02, name="out", on_error=Fallback(Steps().works("b", 2)))
    assert ran(flow, hooks=hooked(handlers=[handler])).result == 2
    assert ran(flow, hooks=hooked(handlers=[handler])).result == 3
    assert asked == [("out", "ScopeTimeout")] * 2


def test_a_scope_inside_another_that_has_time_left_answers_for_itself():
    """The time of the outer one is none of its matter."""
    inside = scope(too_slow(), timeout=0.02, on_error=Fallback(3))
    assert ran(scope(inside | Steps().works("b"), timeout=60)).result == 3


@pytest.mark.parametrize("name", ["in", None])
def test_the_time_of_a_scope_inside_is_answered_further_out(name):
    """By the scopes around it and the template, named or not."""
    steps = Steps()
    inside = scope(too_slow(), timeout=0.02, name=name)
    assert ran(steps.works("a", 1) | scope(inside | steps.works("b"), on_error=Fallback(2))).result == 2
    assert ran(inside | steps.works("b"), on_error=Fallback(4)).result == 4
    run = ran(steps.works("a", 1) | scope(inside | steps.works("b"), name="out"), on_error=Continue())
    assert (run.result, run.state["error"]["type"]) == (1, "ScopeTimeout")


# ------------------------------------------------------------------ where the error is seen


def test_a_failed_run_shows_its_error_and_a_resumed_one_begins_without():
    """The state of a failed run is what was committed, and `error`; the failure that is gone on from is no state."""
    steps, seen = Steps(), []
    look = step(lambda result, state: seen.append("error" in state), name="look")
    template = made(look | steps.fails("b", times=1) | step(look, name="again"))
    with LocalEngine(MemoryBackend()) as engine:
        failed = engine.run(template, run_id="r")
        assert failed.state["error"] == failed.error == engine.result("r", template).state["error"]
        run = engine.resume("r", template)
    assert (run.status, dict(run.state), seen) == (RunStatus.COMPLETED, {}, [False, False])


def test_execute_leaves_the_error_in_the_callers_state():
    """As the proposal has it: on failure only `error` appears; the error of an earlier call is gone after a success."""
    steps, state = Steps(), WorkflowState({"kept": 1})
    flow = step(lambda state: state.update(written=1), name="a") | steps.fails("b", times=1)
    with pytest.raises(ConnectionError):
        made(flow).execute(state)
    assert (set(state), state["error"]["step"]) == ({"kept", "error"}, "b")
    made(flow).execute(state)
    assert dict(state) == {"kept": 1, "written": 1}


class Model(BaseModel, extra="forbid"):
    level: int = 0


def test_a_state_model_admits_the_error():
    """`error` is reserved in every model, also in one that forbids other keys."""
    steps, seen = Steps(), []

    def look(state: Model):
        seen.append(state.level)
        state.level = 3

    run = ran(steps.fails("a", on_error=Continue()) | step(look), state=Model)
    assert (run.state["error"]["step"], run.state["level"], seen) == ("a", 3, [0])


def test_branches_that_both_went_on_from_an_error_are_joined():
    """The error of the last one in declared order is kept: it is no conflict, and no reducer is asked."""
    steps = Steps()
    flow = parallel(steps.fails("a", on_error=Continue()), steps.fails("b", on_error=Continue()), steps.works("c", 1))
    run = ran(flow)
    assert (run.status, run.state["error"]["step"]) == (RunStatus.COMPLETED, "b")
