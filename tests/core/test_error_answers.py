"""What follows a failure that is not tried again: answers of the step, of the scopes around it, and of the template."""

from __future__ import annotations

import pytest

from knows_core import (
    ConfigError,
    Continue,
    Fail,
    Fallback,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    Suspend,
    WorkflowState,
    case,
    parallel,
    scope,
    step,
    use,
)
from tests.core.mending import AT_ONCE, Steps, kinds, made, ran


def is_there(result, state):
    return True


# ------------------------------------------------------------------ of a step


def test_a_value_stands_for_the_missing_result():
    """The run goes on with the value; the failure is in its history, and not in its state."""
    steps = Steps()
    run = ran(steps.fails("a", on_error=Fallback(7)) | steps.works("b"))
    assert (run.status, run.result, dict(run.state)) == (RunStatus.COMPLETED, 7, {})
    assert kinds(run) == ["RunCreated", "StepFailed", "Settled", "StepDone", "RunEnded"]


def test_the_value_is_every_runs_own():
    """What a step does to a list that it fell back on is not there in the next run."""
    steps = Steps()
    flow = steps.fails("a", on_error=Fallback([])) | step(lambda items: [*items, items.append(1)], name="b")
    assert [ran(flow).result for _ in range(2)] == [[None]] * 2


def test_a_flow_stands_for_the_missing_result():
    """It gets what the failed step got; a function and a template are flows too."""
    steps = Steps()

    def twice(given):
        return given * 2

    for other in (step(twice), twice, made([twice]), step(twice) | steps.works("c")):
        run = ran(steps.works("a", 3) | steps.fails("x", on_error=Fallback(other)))
        assert (run.status, run.result) == (RunStatus.COMPLETED, 6)


def test_the_retries_of_a_step_come_before_its_flow_to_fall_back_on():
    """The order is: other attempts, then the answer."""
    steps = Steps()
    ran(steps.fails("a", retry=AT_ONCE, on_error=Fallback(steps.works("b"))))
    assert steps.calls == ["a", "a", "a", "b"]


def test_a_flow_that_fails_too_is_the_failure():
    """The failure of what was to stand in is told, at its own path."""
    steps = Steps()
    run = ran(steps.fails("a", on_error=Fallback(steps.fails("b", error=ValueError))))
    assert (run.status, run.error["type"], run.error["step"]) == (RunStatus.FAILED, "ValueError", "b")


def test_a_value_that_does_not_fit_is_a_failure():
    """The declared result is what the next step relies on, whoever gives it."""

    @step(on_error=Fallback("many"))
    def count() -> int:
        raise ConnectionError

    run = ran(count, types="off")
    assert run.result == "many"
    run = LocalEngine(MemoryBackend()).run(made(count | step(lambda result: result, name="b"), types="lenient"))
    assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "seam-mismatch", "count")


def test_continue_goes_on_with_the_result_before_and_notes_the_error():
    """The proposal's loop: `error` is in the state of the steps that follow, and of the completed run."""
    steps, seen = Steps(), []
    look = step(lambda result, state: seen.append((result, state["error"]["type"])), name="look")
    run = ran(steps.works("a", 5) | steps.fails("b", on_error=Continue()) | look)
    assert (run.status, run.error, seen) == (RunStatus.COMPLETED, None, [(5, "ConnectionError")])
    error = run.state["error"]
    assert (error["message"], error["step"], error["attempt"]) == ("b is away", "b", 1)
    assert error["timestamp"].tzinfo is not None


def test_continue_drops_what_the_failed_attempt_wrote():
    """An attempt is a transaction, whatever comes after it."""

    @step(on_error=Continue())
    def a(state: WorkflowState):
        state["half"] = True
        raise ValueError

    assert set(ran(a).state) == {"error"}


def test_the_last_error_that_was_gone_on_from_is_the_one_in_the_state():
    """A second `Continue` replaces what the first noted; a later success leaves it."""
    steps = Steps()
    flow = steps.fails("a", on_error=Continue()) | steps.fails("b", error=KeyError, on_error=Continue())
    assert ran(flow | steps.works("c", 1)).state["error"]["step"] == "b"


def test_fail_is_final():
    """A step that says `Fail()` is not answered by what is around it."""
    steps = Steps()
    run = ran(scope(steps.fails("a", on_error=Fail()), on_error=Fallback(1)), on_error=Fallback(2))
    assert (run.status, run.error["step"]) == (RunStatus.FAILED, "a")


def test_suspend_lets_somebody_decide():
    """The run waits with its reason; `done` gives the result, `retry` another attempt, `reject` a failure."""
    for choice, value, expected in (("done", 9, RunStatus.COMPLETED), ("retry", None, RunStatus.COMPLETED),
                                    ("reject", None, RunStatus.FAILED)):  # fmt: skip
        steps = Steps()
        template = made(steps.works("a", 4) | steps.fails("b", times=1, on_error=Suspend("the valve sticks")))
        with LocalEngine(MemoryBackend()) as engine:
            run = engine.run(template, run_id="r")
            (question,) = run.waiting
            assert (run.status, question.kind, question.reason) == (RunStatus.SUSPENDED, "failure", "the valve sticks")
            assert (run.error["type"], run.state["error"]["step"]) == ("ConnectionError", "b")
            engine.decide("r", choice, by="ann", value=value, template=template)
            run = engine.resume("r", template)
            assert run.status is expected
            if expected is RunStatus.COMPLETED:
                assert (run.result, dict(run.state)) == (value or 4, {})
            else:
                assert (run.error["code"], run.error["step"]) == ("rejected", "b")


@pytest.mark.parametrize("answer", [3, "retry", Fallback, object(), AT_ONCE])
def test_what_is_no_answer_is_refused_when_it_is_declared(answer):
    """Also a class where a value is meant, and a policy of retries, which has an option of its own."""
    with pytest.raises(ConfigError, match="on_error: expected Fallback"):
        step(lambda: 1, name="a", on_error=answer)


# ------------------------------------------------------------------ of scopes and templates


def test_a_value_stands_for_the_whole_scope():
    """What comes after the step inside is left out; what it had written counts."""
    steps = Steps()
    first = step(lambda state: state.update(seen=1), name="first")
    run = ran(scope(first | steps.fails("a") | steps.works("b"), on_error=Fallback(7)) | steps.works("c"))
    assert (run.result, steps.calls, dict(run.state)) == (7, ["a", "c"], {"seen": 1})


def test_a_flow_stands_for_the_whole_scope_with_what_came_into_it():
    """Its input is that of the scope, not that of the step which failed."""
    steps = Steps()
    whole = scope(steps.works("a", 2) | steps.fails("b"), on_error=Fallback(steps.works("c")))
    assert ran(steps.works("first", 1) | whole).result == 1


def test_continue_on_a_scope_answers_for_the_step_that_failed_inside():
    """Every step inside is gone on from, as if each had said so itself."""
    steps = Steps()
    run = ran(scope(steps.fails("a") | steps.works("b", 3) | steps.fails("c") | steps.works("d"), on_error=Continue()))
    assert (run.result, steps.calls, run.state["error"]["step"]) == (3, ["a", "b", "c", "d"], "c")


def test_the_innermost_answer_counts():
    """The step's own, then the scopes' from the inside out, then the template's."""
    steps = Steps()
    inner = scope(steps.fails("a", on_error=Fallback(1)), on_error=Fallback(2))
    assert ran(inner, on_error=Fallback(3)).result == 1
    assert ran(scope(steps.fails("b"), on_error=Fallback(2)), on_error=Fallback(3)).result == 2
    assert ran(scope(steps.fails("c")), on_error=Fallback(3)).result == 3
    run = ran(scope(steps.fails("d"), on_error=Fallback(2)) | steps.works("e"), on_error=Continue())
    assert (run.result, "error" in run.state) == (2, False)


def test_a_template_whose_first_node_has_an_answer_may_have_one_too():
    """Scopes without a name that begin at the same step are told apart."""
    steps = Steps()
    first = steps.fails("a", on_error=Fallback(steps.works("b", 1)))
    choice = case((is_there, first)) | steps.works("c")
    for flow in (first | steps.works("c"), choice, parallel(first, steps.works("c"))):
        assert ran(flow, on_error=Fallback(3)).status is RunStatus.COMPLETED


def test_a_used_template_is_one_step_of_the_flow_around_it():
    """Nothing around reaches inside; what leaves it is answered at its path, with what came into it."""
    steps = Steps()
    part = use(made(steps.works("a", 2) | steps.fails("b") | steps.works("c")), alias="part")
    run = ran(steps.works("first", 1) | part | steps.works("last"), on_error=Continue())
    assert (run.result, steps.calls, run.state["error"]["step"]) == (1, ["first", "a", "b", "last"], "part/b")


def test_a_part_that_lacks_what_it_requires_is_answered_like_a_step():
    """What stands between two steps may fail too, and the answers around are asked."""
    steps = Steps()
    part = use(made(steps.works("a"), required_state=["missing"]), alias="part")
    drop = step(lambda state: state.clear(), name="drop")
    with LocalEngine(MemoryBackend()) as engine:
        run = engine.run(made(scope(drop | part, on_error=Fallback(1))), state={"missing": 1})
    assert (run.status, run.result) == (RunStatus.COMPLETED, 1)


def test_the_part_sees_the_error_that_it_goes_on_from():
    """Under whatever name space the composition puts it: `error` is everybody's."""
    steps, seen = Steps(), []
    look = step(lambda state: seen.append(state["error"]["step"]), name="look")
    part = use(made(steps.fails("a", on_error=Continue()) | look), keys="pump", alias="part")
    assert "error" in ran(part).state
    assert seen == ["part/a"]
    over = step(lambda state: state.pop("error") and None, name="over")
    part = use(made(steps.fails("a", on_error=Continue()) | over), keys="pump", alias="part")
    assert dict(ran(part).state) == {}
