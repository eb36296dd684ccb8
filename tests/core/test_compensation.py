"""Compensation: when a run fails, what its finished steps did is undone, the newest first."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from knows_core import (
    Continue,
    Fallback,
    LocalEngine,
    MemoryBackend,
    RunIsOver,
    RunStatus,
    WorkflowState,
    case,
    each,
    parallel,
    repeat,
    scope,
    step,
    use,
)
from tests.core.mending import Steps, Undoing, crashed, made, ran

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


@both_drivers
def test_what_finished_is_undone_newest_first(driver):
    """Each compensation gets its step's result; the run is failed and compensated, with the error that ended it."""
    steps = Undoing()
    flow = steps.acts("a") | steps.works("b") | steps.acts("c") | steps.fails("d", compensate=steps.undo)
    run = ran(flow, driver=driver)
    assert steps.undone == ["c", "a"]
    assert (run.status, run.compensated, run.error["step"]) == (RunStatus.FAILED, True, "d")
    recorded = [(one.kind, one.content.get("path")) for one in run.history][4:]
    assert recorded == [
        ("StepFailed", "d"), ("Compensating", "d"), ("StepDone", "c~"), ("StepDone", "a~"), ("RunEnded", "d"),
    ]  # fmt: skip


def test_a_run_that_completes_undoes_nothing():
    """Nor does one that fails before anything to undo was done: that one can be resumed."""
    steps, backend = Undoing(), MemoryBackend()
    assert ran(steps.acts("a")).compensated is False
    run = ran(steps.fails("b", times=1) | steps.acts("a"), backend)
    assert (run.status, run.compensated, steps.undone) == (RunStatus.FAILED, False, [])


def test_a_compensated_run_stays_as_it_is():
    """What was undone cannot be gone on from: resuming and cancelling it are refused, and it is looked at as before."""
    steps, backend = Undoing(), MemoryBackend()
    template = made(steps.acts("a") | steps.fails("b"))
    with LocalEngine(backend) as engine:
        ended = engine.run(template, run_id="r")
        for act in (lambda: engine.resume("r", template), lambda: engine.cancel("r")):
            with pytest.raises(RunIsOver, match="failed and compensated") as refused:
                act()
            assert refused.value.exit_code == 7
        seen = engine.result("r", template)
        assert (seen.status, seen.compensated, seen.error) == (RunStatus.FAILED, True, ended.error)


def test_without_a_journal_it_is_the_same():
    """`execute` and an engine without a backend undo too."""
    steps = Undoing()
    with pytest.raises(ConnectionError):
        made(steps.acts("a") | steps.fails("b")).execute(WorkflowState())
    run = LocalEngine().run(made(steps.acts("a") | steps.fails("b")))
    assert (steps.undone, run.compensated) == (["a", "a"], True)


# ------------------------------------------------------------------ where steps are


def test_every_turn_and_every_item_is_undone():
    """A step that was made several times is undone as often."""
    steps = Undoing()
    numbered = step(lambda given: given + 1, name="n", compensate=steps.undo)
    ran(steps.works("a", 1) | repeat(numbered, until=lambda result, state: result == 4) | steps.fails("x"))
    assert steps.undone == [4, 3, 2]
    steps.undone.clear()
    ran(steps.works("a", [5, 6, 7]) | each(numbered, max_concurrency=1) | steps.fails("x"))
    assert steps.undone == [8, 7, 6]


def test_only_the_branch_that_was_taken_is_undone():
    """Of a case, and of a flow to fall back on."""
    steps = Undoing()
    ran(case((lambda *_: False, steps.acts("a")), steps.acts("b")) | steps.fails("x"))
    ran(scope(steps.acts("c") | steps.fails("y"), on_error=Fallback(steps.acts("d"))) | steps.fails("z"))
    assert steps.undone == ["b", "d", "c"]


def test_what_something_else_stood_for_is_not_undone():
    """A step whose result is that of a fallback, or that was gone on from, did not come to its end."""
    steps = Undoing()
    first = steps.fails("a", compensate=steps.undo, on_error=Fallback(1))
    ran(first | steps.fails("b", compensate=steps.undo, on_error=Continue()) | steps.acts("c") | steps.fails("d"))
    assert steps.undone == ["c"]


class Model(BaseModel):
    level: int = 0


def test_a_compensation_sees_the_state_as_its_template_sees_it():
    """Typed, and under the keys of its part; what it writes is in the state of the run."""
    seen = []

    def fill(state: Model):
        state.level = 5

    def drain(state: Model):
        seen.append(state.level)
        state.level = 1

    part = made(step(fill, compensate=drain), state=Model)
    run = ran(use(part, keys={"level": "tank"}, alias="part") | Steps().fails("x"))
    assert (run.compensated, seen, run.state["tank"]) == (True, [5], 1)


@pytest.mark.parametrize("crashes", [False, True])
def test_a_compensation_sees_what_its_branch_wrote(crashes):
    """Also where the branches were never joined, because another one failed; and after a crash."""
    seen, backend = [], MemoryBackend()
    dies = [crashes]

    def book(result, state):
        state["booked"] = result

    def cancel(state):
        if dies.pop():
            dies.append(False)
            raise KeyboardInterrupt
        seen.append((state["booked"], state["first"]))
        state["cancelled"] = state["booked"]
        dies.append(False)

    first = step(lambda state: state.update(first=1, booked=0), name="first")
    item = step(book, compensate=cancel) | Steps().fails("x")
    flow = first | step(lambda: [7], name="list") | each(parallel(item, Steps().works("other", 1)), name="every")
    template = made(flow)
    with LocalEngine(backend) as engine:
        if crashes:
            with pytest.raises(KeyboardInterrupt):
                engine.run(template, run_id="r")
            run = engine.resume("r", template)
        else:
            run = engine.run(template, run_id="r")
    assert (run.compensated, seen, run.state["cancelled"], run.state["booked"]) == (True, [(7, 1)], 7, 0)


def test_what_was_joined_is_seen_once():
    """A later step's write stands over that of the branch, also after crashes in the branch and in the compensation."""
    seen, backend, dies = [], MemoryBackend(), [True]

    def look(state):
        if dies:
            dies.clear()
            raise KeyboardInterrupt
        seen.append(state["k"])

    a = step(lambda state: state.update(k=1), name="a", compensate=look)
    steps = Steps()
    later = step(lambda state: state.update(k=2), name="later")
    template = made(parallel(a | steps.dies("dies"), steps.works("c", 1)) | later | steps.fails("x"))
    engine = crashed(template, backend)
    with pytest.raises(KeyboardInterrupt):
        engine.resume("r", template)
    assert engine.resume("r", template).compensated
    assert seen == [2]


def test_a_result_is_undone_as_it_was_given():
    """Also where the next step changed the list that it was handed."""
    steps = Undoing()
    ran(steps.acts("a", [1]) | step(lambda given: given.clear(), name="b") | steps.fails("c"))
    assert steps.undone == [[1]]


# ------------------------------------------------------------------ scopes


def test_a_finished_scope_is_undone_as_a_whole():
    """Its own compensation, with its result, replaces those of the steps inside."""
    steps = Undoing()
    whole = scope(steps.acts("a") | steps.acts("b"), name="s", compensate=lambda result: steps.undo(("whole", result)))
    ran(steps.acts("first") | whole | steps.fails("x"))
    assert steps.undone == [("whole", "b"), "first"]


@pytest.mark.parametrize("name", ["s", None])
@pytest.mark.parametrize("inside", ["steps", "repeat", "each"])
def test_what_is_inside_a_scope_is_not_undone_twice(name, inside):
    """Whatever the scope is called, and whether its steps are made once or often."""
    steps = Undoing()
    flow = {
        "steps": steps.acts("a"),
        "repeat": repeat(steps.acts("a"), until=lambda *_: True),
        "each": step(lambda: [1, 2], name="list") | each(steps.acts("a")),
    }[inside]
    if inside == "each":
        flow = step(lambda: [1, 2], name="list") | scope(each(steps.acts("a")), name=name, compensate=whole(steps))
    else:
        flow = scope(flow, name=name, compensate=whole(steps))
    ran(flow | steps.fails("x"))
    assert steps.undone == ["whole"]


def whole(steps):
    return lambda result: steps.undo("whole")


def test_of_a_scope_that_did_not_finish_the_steps_are_undone():
    """It has no result that could be undone as a whole."""
    steps = Undoing()
    ran(scope(steps.acts("a") | steps.fails("x"), name="s", compensate=whole(steps)))
    assert steps.undone == ["a"]


def test_a_template_is_undone_as_a_whole_too():
    """`pipeline(..., compensate=)` counts where the template is a part of another."""
    steps = Undoing()
    part = made(steps.acts("a"), compensate=whole(steps))
    ran(use(part, alias="part") | steps.fails("x"))
    assert steps.undone == ["whole"]
