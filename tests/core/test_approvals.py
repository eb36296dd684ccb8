"""Approvals: a run waits for a person, asks once, takes one answer, and goes on with exactly what was shown."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from knows_core import (
    AwaitingDecision,
    ConfigError,
    Continue,
    ContractError,
    Fail,
    Fallback,
    LocalEngine,
    MemoryBackend,
    MissingInput,
    RunStatus,
    StateMismatch,
    Suspend,
    WorkflowState,
    approval,
    each,
    parallel,
    scope,
    step,
    use,
)
from knows_core.testing.simulator import Simulator
from tests.core.mending import Steps, Undoing, asking, driven, kinds, made

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


@pytest.fixture
def engine(clock):
    return LocalEngine(MemoryBackend(), clock=clock)


# ------------------------------------------------------------------ asking


@both_drivers
def test_a_run_waits_for_its_approval(engine, driver):
    """What came in is shown, nobody drives the run, and nothing behind it is called."""
    steps = Steps()
    run = driven(engine, asking(steps, role="engineer", expires=60), driver)
    (question,) = run.waiting
    assert (run.status, run.error, steps.calls) == (RunStatus.SUSPENDED, None, ["plan"])
    assert (question.path, question.kind, question.role) == ("apply", "approval", "engineer")
    assert question.shown == {"dose": 3}
    assert question.expires == engine.history("r")[0].at.timestamp() + 60
    row = engine.backend.load("r")[0]
    assert (row.status, row.owner) == (RunStatus.SUSPENDED, None)


@both_drivers
def test_an_approved_run_goes_on_with_what_was_shown(engine, driver):
    """Decided, it is pending; resumed, it completes; the answer is in its history."""
    template = asking()
    driven(engine, template, driver)
    assert engine.decide("r", "approve", by="ann", note="looks right") is RunStatus.PENDING
    run = engine.resume("r", template)
    assert (run.status, run.result, run.waiting) == (RunStatus.COMPLETED, {"dose": 3}, ())
    (answer,) = [one.content for one in run.history if one.kind == "Answered"]
    assert (answer["choice"], answer["by"], answer["note"]) == ("approve", "ann", "looks right")


def test_it_is_asked_once(engine, clock):
    """However often the run is resumed meanwhile: it is given back as it stands, and nothing is recorded."""
    template = asking(expires=60)
    first = engine.run(template, run_id="r")
    for _ in range(3):
        clock.forward(5)
        again = engine.resume("r", template)
        assert (again.status, again.waiting) == (RunStatus.SUSPENDED, first.waiting)
    assert kinds(first) == ["RunCreated", "StepDone", "Asked", "RunEnded"]
    assert len(engine.history("r")) == 4


def test_every_crash_point_asks_once_and_keeps_the_answer():
    """Losing power anywhere before the end, the question is there once, and was never asked anew."""
    template = asking()
    simulator = Simulator(template)
    effects = simulator.run().effects
    for crash in range(1, effects + 1):
        run = simulator.run(crash).run
        assert kinds(run).count("Asked") == 1, crash


def test_the_answer_holds_over_a_crash(engine):
    """An approval that was given is not asked for again where the process ends before the next record."""
    steps = Steps()
    template = made(steps.works("plan", 1) | approval("apply") | steps.dies("act"))
    engine.run(template, run_id="r")
    engine.decide("r", "approve", by="ann")
    with pytest.raises(KeyboardInterrupt):
        engine.resume("r", template)
    run = engine.resume("r", template)
    assert (run.result, kinds(run).count("Asked"), steps.calls) == (1, 1, ["plan", "act", "act"])


def test_the_answer_is_bound_to_what_was_shown(engine):
    """The digest of what is shown stands in the question and in its answer."""
    template = asking(into="decided")
    (question,) = engine.run(template, run_id="r").waiting
    assert len(question.digest) == 64
    assert question == engine.result("r", template).waiting[0]
    engine.decide("r", "approve", by="ann", role="engineer", note="yes")
    run = engine.resume("r", template)
    kept = run.state["decided"]
    assert (kept["by"], kept["role"], kept["note"], kept["shown"]) == ("ann", "engineer", "yes", question.digest)
    assert kept["at"].tzinfo is not None
    other = LocalEngine(MemoryBackend()).run(made(Steps().works("plan", {"dose": 4}) | approval("apply")))
    assert other.waiting[0].digest != question.digest


class Dose(BaseModel):
    amount: float


def test_a_person_gives_a_typed_value_along(engine):
    """It is checked when it is given, refused without trace, and handed on instead of what was shown."""
    template = made(Steps().works("plan", 1) | approval("apply", payload=Dose) | step(lambda dose: dose, name="act"))
    (question,) = engine.run(template, run_id="r").waiting
    assert question.payload == "Dose"
    records = len(engine.history("r"))
    for value, error in ((None, MissingInput), ({"amount": "much"}, StateMismatch), ([], StateMismatch)):
        with pytest.raises(error) as refused:
            engine.decide("r", "approve", by="ann", value=value, template=template)
        assert refused.value.exit_code == 4
    assert len(engine.history("r")) == records
    engine.decide("r", "approve", by="ann", value={"amount": 2.5}, template=template)
    assert engine.resume("r", template).result == Dose(amount=2.5)


@pytest.mark.parametrize("options", [{"role": ""}, {"into": 3}, {"expires": 0}, {"expires": -1}, {"expires": "soon"}])
def test_options_are_checked_when_it_is_declared(options):
    """Each is named with what was expected of it."""
    with pytest.raises(ContractError, match=f"approval: {next(iter(options))}: expected"):
        approval("apply", **options)


# ------------------------------------------------------------------ no


def test_a_no_is_a_failure_and_what_was_done_is_undone(engine):
    """It tells who said it and why."""
    steps = Undoing()
    template = made(steps.acts("plan") | approval("apply") | steps.works("act"))
    engine.run(template, run_id="r")
    engine.decide("r", "reject", by="ann", note="too hot")
    run = engine.resume("r", template)
    assert (run.status, run.compensated, run.error["code"]) == (RunStatus.FAILED, True, "rejected")
    assert run.error["message"].startswith("apply was rejected by ann: too hot.")
    assert (steps.undone, steps.calls) == (["plan"], ["plan"])


def test_no_policy_goes_on_behind_a_no(engine):
    """A scope may have an answer for the whole of it, of any kind; what was to be approved is not done in any."""
    steps = Steps()
    flow = steps.works("plan", 1) | approval("apply") | steps.works("act")
    answers: list[Any] = [Continue(), Fallback(2), Fallback(steps.works("other", 2)), lambda _: Continue()]
    for number, answer in enumerate(answers):
        template = made(scope(flow, on_error=answer) | steps.works("last", 3))
        engine.run(template, run_id=f"r{number}")
        engine.decide(f"r{number}", "reject", by="ann")
        run = engine.resume(f"r{number}", template)
        assert run.status is RunStatus.COMPLETED
    assert "act" not in steps.calls


@pytest.mark.parametrize("where", ["approval", "question", "scope", "part"])
def test_every_answer_of_a_scope_counts_for_a_no(engine, where):
    """A handler is asked once, at the scope or part, with the error; Fail() is final for whatever lies further out."""
    asked = []

    def handler(context):
        asked.append((context.step, context.error["code"]))

    steps = Steps()
    flow = {
        "approval": approval("apply"),
        "question": steps.fails("apply", on_error=Suspend()),
        "scope": scope(steps.fails("apply"), name="asking", on_error=Suspend()),
        "part": use(made(approval("apply")), alias="apply"),
    }[where]
    answers: list[Any] = [Fail(), handler]
    for number, answer in enumerate(answers):
        template = made(scope(scope(flow, name="in", on_error=answer), name="out", on_error=Fallback(3)))
        engine.run(template, run_id=f"r{number}")
        engine.decide(f"r{number}", "reject", by="ann")
        run = engine.resume(f"r{number}", template)
        assert run.status is (RunStatus.FAILED if number == 0 else RunStatus.COMPLETED)
    assert asked == [("out/in/apply" if where == "part" else "out/in", "rejected")]


# ------------------------------------------------------------------ several


def test_two_approvals_side_by_side_are_decided_one_by_one(engine):
    """Each is named; one that is decided lets its branch go on while the other waits."""
    steps = Steps()
    one, other = (approval(f"apply_{name}") | steps.works(f"act_{name}") for name in "ab")
    template = made(steps.works("plan", 1) | parallel(one, other))
    assert [question.path for question in engine.run(template, run_id="r").waiting] == ["apply_a", "apply_b"]
    with pytest.raises(ConfigError, match="step: expected one of apply_a, apply_b: several decisions are open"):
        engine.decide("r", "approve", by="ann")
    assert engine.decide("r", "approve", by="ann", step="apply_b") is RunStatus.SUSPENDED
    run = engine.resume("r", template)
    assert ([question.path for question in run.waiting], steps.calls) == (["apply_a"], ["plan", "act_b"])
    assert engine.decide("r", "approve", by="ann") is RunStatus.PENDING
    assert engine.resume("r", template).result == (1, 1)


def test_a_branch_that_waits_keeps_no_other_from_beginning(engine):
    """Of ten items, all are asked about, although only four are under way at once."""
    template = made(step(lambda: list(range(10)), name="list") | each(approval("apply") | Steps().works("act")))
    waiting = engine.run(template, run_id="r").waiting
    assert [one.path for one in waiting] == [f"apply[{number}]/apply" for number in range(10)]
    assert [one.shown for one in waiting] == list(range(10))
    for one in waiting:
        engine.decide("r", "approve", by="ann", step=one.path)
    assert engine.resume("r", template).result == list(range(10))


def test_an_approval_in_a_part_has_its_path_and_its_keys(engine):
    """Who decided lies under the key of the composition."""
    part = made(approval("apply", into="decided"))
    template = made(Steps().works("plan", 1) | use(part, keys={"decided": "pump_decided"}, alias="pump"))
    assert engine.run(template, run_id="r").waiting[0].path == "pump/apply"
    engine.decide("r", "approve", by="ann")
    assert engine.resume("r", template).state["pump_decided"]["by"] == "ann"


# ------------------------------------------------------------------ without a journal


def test_a_run_that_nobody_records_cannot_wait():
    """It fails where it would wait, undoing what it did, rather than leave something that nobody can go on with."""
    steps = Undoing()
    template = made(steps.acts("plan") | approval("apply"))
    run = LocalEngine().run(template)
    assert (run.status, run.error["code"], run.waiting) == (RunStatus.FAILED, "awaiting-decision", ())
    assert (run.compensated, steps.undone) == (True, ["plan"])
    with pytest.raises(AwaitingDecision, match="apply waits for a decision, and this run is not recorded") as refused:
        template.execute(WorkflowState())
    assert refused.value.exit_code == 9
