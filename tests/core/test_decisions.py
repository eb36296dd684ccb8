"""Decisions: who may take one, when, and how often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from knows_core import (
    ApprovalExpired,
    ConfigError,
    DecisionRefused,
    Fallback,
    Limits,
    LocalEngine,
    MemoryBackend,
    RoleMissing,
    RunBusy,
    RunStatus,
    UnknownRun,
    approval,
    parallel,
    scope,
)
from tests.core.mending import Undoing, asking, kinds, made


@pytest.fixture
def engine(clock):
    return LocalEngine(MemoryBackend(), clock=clock)


def test_a_decision_takes_the_role(engine):
    """Somebody without it is refused (8), and the run waits as before."""
    template = asking(role="engineer")
    engine.run(template, run_id="r")
    for role in (None, "operator", "Engineer", ""):
        with pytest.raises(RoleMissing, match="with the role engineer, found") as refused:
            engine.decide("r", "approve", by="bob", role=role)
        assert refused.value.exit_code == 8
    assert engine.decide("r", "approve", by="ann", role="engineer") is RunStatus.PENDING


def test_a_decision_is_taken_once(engine):
    """The same again is heard again; another one is refused (7), and names who was first."""
    template = asking()
    engine.run(template, run_id="r")
    engine.decide("r", "approve", by="ann")
    records = len(engine.history("r"))
    assert engine.decide("r", "approve", by="ann") is RunStatus.PENDING
    for choice, who in (("reject", "ann"), ("approve", "bob")):
        with pytest.raises(DecisionRefused, match="apply was decided already: approve by ann") as refused:
            engine.decide("r", choice, by=who)
        assert refused.value.exit_code == 7
    assert len(engine.history("r")) == records
    engine.resume("r", template)
    with pytest.raises(DecisionRefused, match="it is completed and waits for no decision"):
        engine.decide("r", "approve", by="ann")


def test_of_two_decisions_at_once_exactly_one_is_recorded():
    """The other is refused, or finds the run owned; whoever asks again learns what was decided."""
    for _ in range(20):
        backend = MemoryBackend()
        engines = [LocalEngine(backend), LocalEngine(backend)]
        engines[0].run(asking(), run_id="r")
        barrier = threading.Barrier(2)

        def decide(engine, who, barrier=barrier):
            barrier.wait()
            try:
                return engine.decide("r", "approve" if who == "ann" else "reject", by=who)
            except (RunBusy, DecisionRefused) as refused:
                return refused

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(decide, engines, ["ann", "bob"]))
        answers = [one.content["by"] for one in engines[0].history("r") if one.kind == "Answered"]
        assert len(answers) == 1
        assert outcomes[["ann", "bob"].index(answers[0])] is RunStatus.PENDING
        assert sum(one is RunStatus.PENDING for one in outcomes) == 1


def test_what_cannot_be_decided_is_refused(engine):
    """An unknown run or step, a choice of another kind, nobody, and a value where none belongs: all name it (2)."""
    engine.run(asking(), run_id="r")
    with pytest.raises(UnknownRun):
        engine.decide("x", "approve", by="ann")
    refusals: dict[str, dict[str, Any]] = {
        "approve, reject for the approval at apply, found 'done'": {"choice": "done", "by": "ann"},
        "by: expected who decides": {"choice": "approve", "by": ""},
        "step: expected one of apply, found 'plan'": {"choice": "approve", "by": "ann", "step": "plan"},
        "value: expected none with reject": {"choice": "reject", "by": "ann", "value": 3},
    }
    for match, given in refusals.items():
        with pytest.raises(ConfigError, match=match) as refused:
            engine.decide("r", **given)
        assert refused.value.exit_code == 2
    assert engine.status("r") is RunStatus.SUSPENDED


def test_a_decision_that_comes_too_late_is_refused_and_the_run_fails(engine, clock):
    """After `expires` seconds nobody can decide; the run, resumed, has failed, and resumed again asks again."""
    template = asking(expires=60)
    engine.run(template, run_id="r")
    clock.forward(60)
    with pytest.raises(DecisionRefused, match="the time to decide on apply is over"):
        engine.decide("r", "approve", by="ann")
    run = engine.resume("r", template)
    assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "approval-expired", "apply")
    assert str(ApprovalExpired(step="apply", expires="60")).startswith("nobody decided on apply within 60 s")
    run = engine.resume("r", template)
    assert (run.status, run.waiting[0].expires) == (RunStatus.SUSPENDED, clock().timestamp() + 60)
    engine.decide("r", "approve", by="ann")
    assert engine.resume("r", template).status is RunStatus.COMPLETED


def test_an_answer_in_time_holds_however_late_the_run_goes_on(engine, clock):
    """What counts is when the person decided."""
    template = asking(expires=60)
    engine.run(template, run_id="r")
    clock.forward(59)
    engine.decide("r", "approve", by="ann")
    clock.forward(10**6)
    assert engine.resume("r", template).status is RunStatus.COMPLETED


def test_two_hours_of_waiting_are_none_of_the_runs_time(clock):
    """`workflow_timeout` counts owned time: an approval is answered two hours later on a limit of five minutes."""
    engine = LocalEngine(MemoryBackend(), limits=Limits(workflow_timeout=300), clock=clock)
    template = asking()
    engine.run(template, run_id="r")
    clock.forward(7200)
    engine.decide("r", "approve", by="ann")
    clock.forward(7200)
    assert engine.resume("r", template).status is RunStatus.COMPLETED


# ------------------------------------------------------------------ what nobody waits for any more


def beside_a_failure(*, after=None, **options):
    """An approval beside a step that fails."""
    steps = Undoing()
    fork = scope(parallel(approval("apply"), steps.fails("bad")), **options)
    return made(steps.acts("first") | (fork | after if after is not None else fork))


def test_a_run_that_is_over_takes_no_decision(engine):
    """A question that a failed run leaves behind is none any more: an answer must not bring a compensated run back."""
    template = beside_a_failure()
    run = engine.run(template, run_id="r")
    assert (run.status, run.compensated, run.waiting) == (RunStatus.FAILED, True, ())
    with pytest.raises(DecisionRefused, match="it is failed and waits for no decision"):
        engine.decide("r", "approve", by="ann")
    with pytest.raises(DecisionRefused):
        engine.decide("r", "approve", by="ann", step="apply")
    assert (engine.status("r"), engine.result("r", template).waiting) == (RunStatus.FAILED, ())


def test_a_question_that_a_scope_left_behind_is_not_open(engine):
    """Where a scope has fallen back, only what follows waits, and its answer is all that the run needs."""
    template = beside_a_failure(after=approval("live"), on_error=Fallback(7))
    run = engine.run(template, run_id="r")
    assert (run.status, [one.path for one in run.waiting]) == (RunStatus.SUSPENDED, ["live"])
    assert [one.path for one in engine.result("r", template).waiting] == ["live"]
    with pytest.raises(ConfigError, match="expected one of live"):
        engine.decide("r", "approve", by="ann", step="apply")
    assert engine.decide("r", "approve", by="ann") is RunStatus.PENDING
    assert engine.resume("r", template).result == 7


def test_a_cancelled_run_takes_no_decision_before_it_is_resumed(engine):
    """Whoever cancelled the run meant it; resumed, it waits again, for the same question."""
    template = asking()
    engine.run(template, run_id="r")
    engine.cancel("r")
    with pytest.raises(DecisionRefused, match="it is cancelled"):
        engine.decide("r", "approve", by="ann")
    run = engine.resume("r", template)
    assert (run.status, [one.path for one in run.waiting], kinds(run).count("Asked")) == ("suspended", ["apply"], 1)
