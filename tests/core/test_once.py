"""Acts that are made once: intended before the call, looked for after a crash, decided on where nobody can tell."""

from __future__ import annotations

from typing import Any, cast

import pytest

from knows_core import (
    ConfigError,
    ContractError,
    Done,
    Fallback,
    InDoubt,
    LocalEngine,
    MemoryBackend,
    NotDone,
    RunStatus,
    StateMismatch,
    scope,
    step,
)
from knows_core.testing.simulator import Simulator
from tests.core.mending import AT_ONCE, Steps, Undoing, crashed, driven, hangs, hooked, kinds, made

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])
ABSENT = object()


def looking(steps, answer):
    """What looks whether an act took place: it gives the answer, or raises it."""

    def look(given, state, context):
        steps.calls.append(f"look {given} {context.attempt} {sorted(state)}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return None if answer is ABSENT else look


# ------------------------------------------------------------------ the intent


@both_drivers
def test_an_act_is_intended_before_it_is_made(driver):
    """The intent is durable when the call begins."""
    backend, seen = MemoryBackend(), []

    @step(effect="once")
    def act():
        seen.extend(one.kind for one in engine.history("r"))
        return 5

    with LocalEngine(backend) as engine:
        run = driven(engine, made(act), driver)
    assert (run.result, seen) == (5, ["RunCreated", "StepIntended"])
    assert kinds(run)[1:] == ["StepIntended", "StepDone", "RunEnded"]


def test_an_act_is_never_tried_again_by_itself():
    """Neither by the policy around it nor by a handler: an exception is a failure, with its answers."""
    steps = Steps()
    with LocalEngine(MemoryBackend(), hooks=hooked(handlers=[lambda _: AT_ONCE])) as engine:
        act = steps.fails("act", effect="once", on_error=Fallback(3))
        run = engine.run(made(scope(steps.works("a") | act, retry=AT_ONCE)))
    assert (run.result, steps.calls) == (3, ["a", "act"])


def test_a_failed_act_may_be_tried_again_by_hand():
    """It has said itself that it did not take place: resuming the failed run makes it."""
    steps, backend = Steps(), MemoryBackend()
    template = made(steps.fails("act", times=1, effect="once"))
    with LocalEngine(backend) as engine:
        assert engine.run(template, run_id="r").status is RunStatus.FAILED
        assert engine.resume("r", template).status is RunStatus.COMPLETED


def test_the_options_of_an_act_are_checked_when_it_is_declared():
    """`look` without an act, and any other effect, are refused."""
    with pytest.raises(ContractError, match=r'look: it is asked for a step with effect="once" only'):
        Steps().works("a", look=print)
    with pytest.raises(ContractError, match="effect: expected 'once', found 'twice'"):
        Steps().works("a", effect="twice")


# ------------------------------------------------------------------ after a crash


def test_a_look_that_finds_it_done_gives_its_result():
    """The act is not made again; the look gets the input, the state and the context of the act."""
    steps, backend = Steps(), MemoryBackend()
    first = step(lambda state: state.update(level=1) or 4, name="first")
    act = steps.dies("act", effect="once", look=looking(steps, Done(9)))
    run = crashed(made(first | act), backend).resume("r", made(first | act))
    assert (run.status, run.result) == (RunStatus.COMPLETED, 9)
    assert steps.calls == ["act", "look 4 1 ['level']"]


def test_a_look_that_finds_it_not_done_has_it_made():
    """In another attempt, under the same key for the outside world."""
    keys, backend = [], MemoryBackend()

    @step(effect="once", look=NotDone)
    def act(context):
        keys.append((context.attempt, context.idempotency_key))
        if len(keys) == 1:
            raise KeyboardInterrupt
        return 5

    assert crashed(made(act), backend).resume("r", made(act)).result == 5
    assert [attempt for attempt, _ in keys] == [1, 2]
    assert len({key for _, key in keys}) == 1
    assert len(keys[0][1]) == 32


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "look could not tell"),
        (True, "look could not tell"),
        (Done, "look could not tell"),
        (OSError("no answer"), "look raised OSError: no answer"),
        (ABSENT, "its process ended in the middle of it"),
    ],
)
def test_where_nobody_can_tell_a_person_is_asked(answer, told):
    """No look, one that raises, and one that answers anything else: the run waits, in doubt, and asks once."""
    steps, backend = Steps(), MemoryBackend()
    template = made(steps.dies("act", effect="once", look=looking(steps, answer)))
    engine = crashed(template, backend)
    run = engine.resume("r", template)
    (question,) = run.waiting
    assert (run.status, run.error["code"], question.kind, question.path) == (
        RunStatus.SUSPENDED,
        "in-doubt",
        "doubt",
        "act",
    )
    assert told in question.reason
    looks = len(steps.calls)
    assert engine.resume("r", template).waiting == (question,)
    assert len(steps.calls) == looks
    assert InDoubt(step="act", reason="").exit_code == 9


def test_a_person_says_that_it_is_done():
    """The result is what the person gave, of the declared type; the run goes on with it."""
    steps, backend = Steps(), MemoryBackend()

    @step(effect="once")
    def act() -> int:
        raise KeyboardInterrupt

    template = made(act | steps.works("next"))
    engine = crashed(template, backend)
    engine.resume("r", template)
    with pytest.raises(StateMismatch):
        engine.decide("r", "done", by="ann", value="many", template=template)
    assert engine.status("r") is RunStatus.SUSPENDED
    assert engine.decide("r", "done", by="ann", value=7, template=template) is RunStatus.PENDING
    assert engine.resume("r", template).result == 7


def test_a_person_says_that_it_is_to_be_tried_again():
    """That holds for one attempt: where that one ends in a crash too, the question comes again."""
    steps, backend = Steps(), MemoryBackend()
    template = made(steps.dies("act", times=2, result=5, effect="once"))
    engine = crashed(template, backend)
    for attempt in (1, 2):
        assert [one.attempt for one in engine.resume("r", template).waiting] == [attempt]
        engine.decide("r", "retry", by="ann")
        if attempt == 1:
            with pytest.raises(KeyboardInterrupt):
                engine.resume("r", template)
    assert engine.resume("r", template).result == 5
    assert steps.calls == ["act"] * 3


def test_a_person_says_no():
    """The run fails, and what was done before is undone."""
    steps, backend = Undoing(), MemoryBackend()
    template = made(steps.acts("a") | steps.dies("act", effect="once", compensate=steps.undo))
    engine = crashed(template, backend)
    engine.resume("r", template)
    with pytest.raises(ConfigError, match="expected done, retry, reject for the doubt at act, found 'approve'"):
        engine.decide("r", "approve", by="ann")
    engine.decide("r", "reject", by="ann", note="seen it run dry")
    run = engine.resume("r", template)
    assert (run.status, run.compensated, run.error["code"]) == (RunStatus.FAILED, True, "rejected")
    assert "act was rejected by ann: seen it run dry" in run.error["message"]
    assert steps.undone == ["a"]


# ------------------------------------------------------------------ other doubts


@both_drivers
def test_an_act_that_was_cut_short_is_in_doubt(driver):
    """Its time limit, or that of a scope around it, tells nothing of what it did."""
    for flow in (step(hangs, effect="once", timeout=0.02), scope(step(hangs, effect="once"), timeout=0.02)):
        with LocalEngine(MemoryBackend()) as engine:
            run = driven(engine, made(flow, on_error=Fallback(1)), driver)
        assert (run.status, run.waiting[0].kind) == (RunStatus.SUSPENDED, "doubt")
        assert "it was cut short" in run.waiting[0].reason


@pytest.mark.fault(45)
def test_an_act_whose_result_is_refused_is_in_doubt():
    """It has taken place, and what it gave back fits nowhere; no policy may make it again."""

    def wrong(number: Any) -> int:
        return cast("int", number)

    outcomes = [step(lambda: open, name="act", effect="once"), step(wrong, effect="once")]
    for flow in outcomes:
        with LocalEngine(MemoryBackend()) as engine:
            run = engine.run(
                made(step(lambda: "x", name="first") | flow, on_error=Fallback(1), types="lenient"), run_id="r"
            )
        assert (run.status, run.waiting[0].kind) == (RunStatus.SUSPENDED, "doubt")
        assert "what it gave back was refused" in run.waiting[0].reason


def test_a_validator_before_an_act_keeps_it_from_being_intended():
    """What was never begun is not in doubt."""

    def validator(when, path, value, state):
        raise ValueError

    with LocalEngine(MemoryBackend(), hooks=hooked(validators=[validator])) as engine:
        run = engine.run(made(Steps().works("act", effect="once")))
    assert (run.status, kinds(run)) == (RunStatus.FAILED, ["RunCreated", "StepFailed", "RunEnded"])


def test_no_crash_point_makes_an_act_twice():
    """Losing power at any effect, an act that took place is found, or asked about, and never repeated blindly."""
    steps = Steps()
    done = []

    def act(given):
        done.append(given)
        return 1

    def look():
        return Done(1) if done else NotDone()

    template = made(steps.works("a", 1) | step(act, effect="once", look=look) | steps.works("b"))
    simulator = Simulator(template)
    effects = simulator.run().effects
    for crash in range(1, effects + 1):
        done.clear()
        assert simulator.run(crash).run.status is RunStatus.COMPLETED
        assert len(done) == 1, crash
