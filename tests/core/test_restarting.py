"""Runs begun from a recorded step of another: that one stays as it is, and the new one has all that lay before."""

from __future__ import annotations

import asyncio
import threading

import pytest

from knows_core import (
    ConfigError,
    Limits,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    ShapeChanged,
    UnknownRun,
    approval,
    case,
    each,
    parallel,
    repeat,
    scope,
    step,
    use,
)
from tests.core.mending import AT_ONCE, Clock, Steps, Undoing, made


@pytest.fixture
def backend():
    return MemoryBackend()


def begun(backend, template, at):
    """A run of the template, and one begun from a step of it; the first one is as it was, byte for byte."""
    with LocalEngine(backend) as engine:
        first = engine.run(template, run_id="r")
        stored = backend.load("r")
        new = engine.resume("r", template, from_step=at)
        assert backend.load("r") == stored
    assert (new.origin, new.id != "r", first.origin) == (("r", at), True, None)
    return first, new


def test_everything_before_the_step_is_there_and_nothing_behind(backend):
    """Results and state as they were before it; it and what follows are made again, on the state of then."""
    steps, seen = Steps(), []

    def note(given, state):
        seen.append(dict(state))
        state[f"at{len(seen)}"] = given

    template = made(steps.works("a", 5) | step(note, name="b") | step(note, name="c"))
    first, new = begun(backend, template, "b")
    assert (first.status, new.status, steps.calls) == (RunStatus.COMPLETED, RunStatus.COMPLETED, ["a"])
    assert seen[0] == seen[2] == {}
    assert set(new.state) == {"at3", "at4"}


def test_the_new_run_is_a_run_of_its_own(backend):
    """It has an id of its own, made of the other's, attempts from 1, and other keys for the world outside."""
    told = []

    def note(context):
        told.append(context)

    template = made(Steps().works("a", 1) | step(note, name="b"))
    _, new = begun(backend, template, "b")
    assert new.id.startswith("r-")
    assert [context.attempt for context in told] == [1, 1]
    assert len({context.idempotency_key for context in told}) == 2
    rows = {row.run: row for row in backend.rows()}
    assert rows[new.id].created_at >= rows["r"].updated_at
    assert (rows[new.id].status, rows[new.id].owner) == (RunStatus.COMPLETED, None)
    assert LocalEngine(backend).result(new.id, template).origin == ("r", "b")


def test_a_run_may_be_begun_from_one_that_was_begun_so(backend):
    """The origin is the run whose records it began with."""
    template = made(Steps().works("a", 1) | Steps().works("b"))
    _, new = begun(backend, template, "b")
    again = LocalEngine(backend).resume(new.id, template, from_step="a")
    assert again.origin == (new.id, "a")


def test_it_may_be_begun_from_the_first_step(backend):
    """With the input and the state of the start."""
    template = made(step(lambda given, state: (given, state["level"]), name="a"))
    with LocalEngine(backend) as engine:
        engine.run(template, input=3, state={"level": 4}, run_id="r")
        assert engine.resume("r", template, from_step="a").result == (3, 4)


def test_both_drivers_begin_anew(backend):
    """`aresume` takes the same."""
    template = made(Steps().works("a", 1) | Steps().works("b"))
    engine = LocalEngine(backend)
    engine.run(template, run_id="r")
    assert asyncio.run(engine.aresume("r", template, from_step="b")).origin == ("r", "b")


# ------------------------------------------------------------------ where


def twice(result, state):
    return state["turns"] == 2


def is_so(result, state):
    return True


@pytest.mark.parametrize(
    ("at", "again"),
    [
        ("part/inner", "inner turn turn item item one two last"),
        ("part", "inner turn turn item item one two last"),
        ("turn[1]/turn", "turn item item one two last"),
        ("turn[1]", "turn item item one two last"),
        ("turn", "turn turn item item one two last"),
        ("item[1]/item", "item one two last"),
        ("item", "item item one two last"),
        ("one", "one two last"),
        ("two", "two last"),
        ("choice", "last"),
        ("choice/last", "last"),
        ("last_scope/end", ""),
    ],
)
def test_it_may_be_begun_inside_of_everything(backend, at, again):
    """A part, a turn, an item, a branch, a choice, by their recorded paths; or a node, with all that lies in it."""
    steps = Steps()

    @step
    def turn(state):
        steps.calls.append("turn")
        state["turns"] = state.get("turns", 0) + 1

    flow = (
        use(made(steps.works("inner", 1)), alias="part")
        | repeat(turn, until=twice)
        | step(lambda: [1, 2], name="list")
        | each(steps.works("item"), max_concurrency=1)
        | parallel(steps.works("one") | step(lambda: 1, name="late"), steps.works("two"))
        | case((is_so, steps.works("last")), name="choice")
        | scope(step(lambda: 9, name="end"), timeout=60, name="last_scope")
    )
    template = made(flow)
    with LocalEngine(backend) as engine:
        first = engine.run(template, run_id="r")
        steps.calls.clear()
        new = engine.resume("r", template, from_step=at)
    assert (new.status, new.result, dict(new.state)) == (RunStatus.COMPLETED, 9, dict(first.state))
    before_two = at in ("one", "two") and steps.calls.count("one")  # side by side, either may be recorded first
    assert sorted(steps.calls) == sorted(again.split()) or (before_two and set(steps.calls) == {"one", "two", "last"})


def test_an_approval_is_asked_again_only_where_it_lies_behind(backend):
    """What was approved before the step is approved in the new run too."""
    template = made(Steps().works("a", 1) | approval("apply") | Steps().works("b"))
    with LocalEngine(backend) as engine:
        engine.run(template, run_id="r")
        engine.decide("r", "approve", by="ann")
        engine.resume("r", template)
        assert engine.resume("r", template, from_step="b").status is RunStatus.COMPLETED
        asked = engine.resume("r", template, from_step="apply")
        assert (asked.status, asked.waiting[0].path) == (RunStatus.SUSPENDED, "apply")


def test_what_is_not_recorded_cannot_be_begun_from(backend):
    """A step that never began, a piece of a name, a run that is unknown: told (2), and no new run is left."""
    template = made(Steps().works("first", 1) | Steps().fails("second") | Steps().works("third"))
    with LocalEngine(backend) as engine:
        engine.run(template, run_id="r")
        for step_ in ("third", "fir", "", "first/", "x[0]"):
            with pytest.raises(ConfigError, match=r"a step that r has recorded \(first, second\)") as refused:
                engine.resume("r", template, from_step=step_)
            assert refused.value.exit_code == 2
        with pytest.raises(UnknownRun):
            engine.resume("other", template, from_step="first")
    assert [row.run for row in backend.rows()] == ["r"]


def test_a_new_run_that_is_refused_is_not_left_behind(backend):
    """Where the template is another one by now, there is nothing to go on with, and nothing to tidy up."""
    with LocalEngine(backend) as engine:
        engine.run(made(Steps().works("a", 1) | Steps().works("b")), run_id="r")
        with pytest.raises(ShapeChanged):
            engine.resume("r", made(Steps().works("x", 1) | Steps().works("b")), from_step="b")
    assert [row.run for row in backend.rows()] == ["r"]


# ------------------------------------------------------------------ of what


def test_of_a_failed_run_the_failed_step_is_made_again(backend):
    """Its failures, and the retries that it has used up, are those of the other run."""
    steps = Steps()
    first, new = begun(backend, made(steps.works("a", 1) | steps.fails("b", times=4, retry=AT_ONCE)), "b")
    assert (first.status, new.status, new.result) == (RunStatus.FAILED, RunStatus.COMPLETED, 1)
    assert [one.content["attempt"] for one in new.history if one.kind == "StepFailed"] == [1]


def test_of_a_compensated_run_what_was_undone_counts_as_done(backend):
    """It is the way to go on from one that is over: the new run begins before the failure, and undoes for itself."""
    steps = Undoing()
    template = made(steps.acts("a") | steps.fails("b", times=1) | steps.fails("c", times=1))
    first, new = begun(backend, template, "b")
    assert (first.compensated, new.status, new.compensated) == (True, RunStatus.FAILED, True)
    assert steps.undone == ["a", "a"]


def test_of_a_failed_branch_the_others_are_tried_again(backend):
    """A branch that failed beside the step, and before it, is none of the new run's failures."""
    failed, steps = threading.Event(), Steps()

    def two(given):
        if not failed.is_set():
            failed.set()
            raise ConnectionError

    wait = step(lambda given: failed.wait(30) and given, name="wait")
    template = made(steps.works("a", 1) | parallel(wait | steps.works("one"), step(two)) | steps.works("last"))
    with LocalEngine(backend) as engine:
        run = engine.run(template, run_id="r")
        paths = [(one.kind, one.content.get("path")) for one in run.history]
        assert paths.index(("StepFailed", "two")) < paths.index(("StepDone", "one"))
        assert engine.resume("r", template, from_step="one").status is RunStatus.COMPLETED
        assert engine.resume("r", template, from_step="two").status is RunStatus.COMPLETED


def test_of_a_resumed_run_the_former_tries_are_taken_along(backend):
    """Also its ends and beginnings: the new one begins before the step, whenever that was made."""
    steps = Steps()
    template = made(steps.works("a", 1) | steps.fails("b", times=1) | steps.works("c"))
    with LocalEngine(backend) as engine:
        engine.run(template, run_id="r")
        engine.resume("r", template)
        new = engine.resume("r", template, from_step="c")
    assert (new.status, steps.calls) == (RunStatus.COMPLETED, ["a", "b", "b", "c", "c"])


def test_the_time_and_the_calls_of_the_other_run_are_not_the_new_ones():
    """Limits begin anew: a run whose time was over before a step can be begun from it."""
    clock, backend = Clock(), MemoryBackend()
    slow = step(lambda: clock.forward(250), name="slow")
    template = made(slow | scope(step(lambda: clock.forward(50), name="b"), timeout=300) | Steps().works("c", 3))
    with LocalEngine(backend, clock=clock, limits=Limits(workflow_timeout=60, max_steps=2)) as engine:
        first = engine.run(template, run_id="r")
        assert first.error["code"] == "step-limit"
        new = engine.resume("r", template, from_step="b")
        assert (new.status, new.result) == (RunStatus.COMPLETED, 3)
        again = engine.resume(new.id, template, from_step="c")
        assert again.status is RunStatus.COMPLETED


def test_a_run_that_is_driven_can_be_begun_from(backend):
    """It is only read; whoever owns it goes on."""
    ids = []

    def b(context):
        if context.run_id == "r":
            ids.append(engine.resume("r", template, from_step="a").id)
        return context.run_id

    template = made(Steps().works("a", 1) | step(b))
    with LocalEngine(backend) as engine:
        assert engine.run(template, run_id="r").result == "r"
        assert engine.result(ids[0], template).result == ids[0]
