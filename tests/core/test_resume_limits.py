"""Runs that cannot get on: taken up again and again, or too large; and rows that say something else than records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from knows_core import (
    Limits,
    LocalEngine,
    MemoryBackend,
    RecordCorrupt,
    RecordTooLarge,
    RecoveryLimit,
    RunStatus,
    RunTooLarge,
    parallel,
    pipeline,
    step,
    use,
)
from knows_core.driving.execution import Execution
from knows_core.resuming.recorded import go_on


def interrupted(engine, trial, times, name="b"):
    """Take a run up so often, each time interrupted in a step."""
    trial.interrupted = name
    for _ in range(times):
        with pytest.raises(KeyboardInterrupt):
            engine.resume("r", trial.template())
    trial.interrupted = None


def begun(Trial, *names, limits=Limits()):  # noqa: B008 - a frozen value
    """A run that was interrupted in its second step."""
    trial, engine = Trial(*names), LocalEngine(MemoryBackend(), limits=limits)
    trial.interrupted = "b"
    with pytest.raises(KeyboardInterrupt):
        engine.run(trial.template(), run_id="r")
    trial.interrupted = None
    return trial, engine


@pytest.mark.fault(11)
def test_a_run_that_is_taken_up_ten_times_in_vain_is_stuck(Trial):
    """The eleventh time it is recorded as such and nothing is called; resumed by name it tries again, counted anew."""
    trial, engine = begun(Trial, "a", "b", "c")
    interrupted(engine, trial, 10)
    trial.calls.clear()
    with pytest.raises(RecoveryLimit, match="run r was taken up 10 times without a recorded step") as caught:
        engine.resume("r", trial.template())
    assert (caught.value.exit_code, trial.calls, engine.status("r")) == (7, [], RunStatus.STUCK)
    assert engine.result("r").error["type"] == "RecoveryLimit"
    interrupted(engine, trial, 11)  # the first of them is no recovery: somebody asked for it
    with pytest.raises(RecoveryLimit):
        engine.resume("r", trial.template())
    run = engine.resume("r", trial.template())
    assert (run.status, run.result) == (RunStatus.COMPLETED, ["a", "b", "c"])
    assert trial.calls[-2:] == [("b", 23), ("c", 1)]


def test_progress_and_failures_begin_the_count_anew(Trial):
    """Only tries that ended without a word count, since the last step that was recorded, done or failed."""
    trial, engine = begun(Trial, "a", "b", "c", limits=Limits(max_recoveries=2))
    interrupted(engine, trial, 2)
    trial.broken = "b"
    with pytest.raises(RecoveryLimit):
        engine.resume("r", trial.template())
    for _ in range(4):
        assert engine.resume("r", trial.template()).status is RunStatus.FAILED
    trial.broken = None
    interrupted(engine, trial, 3)  # the first of them follows a failure
    with pytest.raises(RecoveryLimit):
        engine.resume("r", trial.template())
    interrupted(engine, trial, 2)
    interrupted(engine, trial, 1, "c")  # b is made
    interrupted(engine, trial, 2, "c")
    with pytest.raises(RecoveryLimit):
        engine.resume("r", trial.template())


def test_a_stuck_run_owns_no_time(Trial):
    """What lies between its tries, and until somebody finds it stuck, is not counted as time of the run."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    trial, backend = Trial("a", "b"), MemoryBackend()
    engine = LocalEngine(backend, clock=lambda: now[0], limits=Limits(max_recoveries=1))
    trial.interrupted = "b"
    with pytest.raises(KeyboardInterrupt):
        engine.run(trial.template(), run_id="r")
    for _ in range(3):
        now[0] += timedelta(days=1)
        with pytest.raises((KeyboardInterrupt, RecoveryLimit)):
            engine.resume("r", trial.template())
    now[0] += timedelta(days=1)
    execution = go_on(backend, None, "r", trial.template(), lambda: now[0])
    assert isinstance(execution, Execution)
    assert (execution.spent, execution.steps) == (0.0, 1)


@pytest.mark.fault(52)
def test_what_a_step_makes_may_be_too_large_for_a_record(engine):
    """The step fails without another try, the run says so, and goes on with a larger limit."""
    template = pipeline([step(lambda: "x" * 5000, name="large")], name="t", version="1.0")
    small = LocalEngine(engine.backend, limits=Limits(max_record_bytes=4000))
    run = small.run(template, run_id="r")
    assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "record-too-large", "large")
    assert "step large: expected at most 4000 bytes in one record, found 5" in run.error["message"]
    assert [one.kind for one in run.history] == ["RunCreated", "StepFailed", "RunEnded"]
    assert engine.resume("r", template).result == "x" * 5000


@pytest.mark.fault(52)
def test_a_run_may_become_too_large(engine):
    """The step that would cross the limit fails, in later tries too; what is recorded stays."""
    steps = [step(lambda: "x" * 1000, name=name) for name in "abcdef"]
    template = pipeline(steps, name="t", version="1.0")
    small = LocalEngine(engine.backend, limits=Limits(max_run_bytes=5000))
    run = small.run(template, run_id="r")
    assert (run.status, run.error["code"]) == (RunStatus.FAILED, "run-too-large")
    made = [one.content["path"] for one in run.history if one.kind == "StepDone"]
    assert 1 < len(made) < 6
    again = small.resume("r", template)
    assert (again.error["code"], again.error["step"]) == ("run-too-large", run.error["step"])
    assert engine.resume("r", template).status is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("limit", "error"), [({"max_record_bytes": 3000}, RecordTooLarge), ({"max_run_bytes": 3000}, RunTooLarge)]
)
def test_an_input_that_is_too_large_makes_no_run(limit, error):
    """Exit 4, as for every value that cannot be recorded; nothing is stored, and the variable to raise is named."""
    engine = LocalEngine(MemoryBackend(), limits=Limits(**limit))
    with pytest.raises(error, match="the run's input and state") as caught:
        engine.run(pipeline([step(len, name="count")], name="t", version="1.0"), input="x" * 4000)
    assert caught.value.exit_code == 4
    assert f"KNOWS_WORKFLOW_{next(iter(limit)).upper()}" in caught.value.next_move
    assert engine.runs() == []


def test_defaults_and_joins_that_are_too_large_fail_at_their_place():
    """Not only steps write state: a part fills in defaults, and branches are joined."""
    from pydantic import create_model  # a model for one test

    model = create_model("Large", text=(str, "x" * 4000))
    part = pipeline([step(lambda: 1, name="one")], name="part", version="1.0", state=model)
    one = step(lambda state: state.set("one", "x" * 1500), name="a")
    other = step(lambda state: state.set("other", "x" * 1500), name="b")
    for flow, path in ((use(part), "part"), (parallel(one, other), "a&b")):
        run = LocalEngine(MemoryBackend(), limits=Limits(max_record_bytes=3000)).run(pipeline(flow, name="t"))
        assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "record-too-large", path)


@pytest.mark.parametrize("other", [{"template": "other"}, {"version": "1.0.1"}, {"status": RunStatus.COMPLETED}])
def test_a_row_that_says_something_else_than_its_records_is_noticed(engine, Trial, other):
    """Template, version and status beside the records are compared with them."""
    trial = Trial("a", "b")
    trial.broken = "b"
    engine.run(trial.template(), run_id="r")
    row, records = engine.backend.load("r")
    backend = MemoryBackend()
    backend.release("r", backend.create(replace(row, **other), records))
    with pytest.raises(RecordCorrupt, match="record at the end of run r cannot be read: the run is stored as"):
        LocalEngine(backend).result("r")
    if "version" in other:
        with pytest.raises(RecordCorrupt, match=r"stored as trial@1\.0\.1, failed, its records end as trial@1\.0\.0"):
            LocalEngine(backend).resume("r", trial.template(version="1.0.1"))


def test_a_journal_under_the_id_of_another_run_is_noticed(engine, Trial):
    """Two journals that changed places are both refused."""
    trial = Trial("a")
    trial.broken = "a"
    engine.run(trial.template(), run_id="r")
    row, records = engine.backend.load("r")
    engine.backend.release("s", engine.backend.create(replace(row, run="s"), records))
    with pytest.raises(RecordCorrupt, match="record 0 of run s"):
        engine.resume("s", trial.template())
