"""The local engine: what a run tells, what it refuses, what is shared with nobody."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from knows_core import (
    BadRunId,
    ConfigError,
    Limits,
    LocalEngine,
    MemoryBackend,
    MissingInput,
    NotStorable,
    PipelineWorkflow,
    RunExists,
    RunStatus,
    StepContext,
    UnknownRun,
    WorkflowState,
    pipeline,
    step,
)


def test_a_run_tells_everything(engine, Trial):
    """Id, template, version, status, result, state and history of a completed run."""
    trial = Trial("a", "b")
    run = engine.run(trial.template(), run_id="r1", state={"given": 1})
    assert (run.id, run.template, run.version, run.status) == ("r1", "trial", "1.0.0", "completed")
    assert run.result == ["a", "b"]
    assert run.state.data == {"given": 1, "a": [1], "b": [2]}
    assert run.error is None
    assert [one.kind for one in run.history] == ["RunCreated", "StepDone", "StepDone", "RunEnded"]


def test_persistence_changes_nothing_but_the_journal(Trial):
    """The same run with and without a backend has the same result and state; without, it has no history."""
    runs = [LocalEngine(backend).run(Trial("a", "b").template(), run_id="r") for backend in (None, MemoryBackend())]
    assert runs[0].result == runs[1].result
    assert runs[0].state == runs[1].state
    assert runs[0].history == ()


def test_the_limit_state_persistence_switches_the_journal_off(Trial):
    """With state_persistence=False nothing is recorded, backend or not."""
    backend = MemoryBackend()
    LocalEngine(backend, limits=Limits(state_persistence=False)).run(Trial("a").template())
    assert backend.rows() == []


def test_a_run_id_is_used_once_and_has_a_form(engine, Trial):
    """A second run under a taken id, or under one that could hurt, is refused before anything runs."""
    trial = Trial("a")
    engine.run(trial.template(), run_id="r")
    with pytest.raises(RunExists):
        engine.run(trial.template(), run_id="r")
    for hostile in ("../../x", "", "a b", "x" * 129, "-rf"):
        with pytest.raises(BadRunId):
            engine.run(trial.template(), run_id=hostile)
    assert trial.called() == ["a"]
    with pytest.raises(UnknownRun):
        engine.status("nobody")


@pytest.mark.fault(45)
def test_a_result_that_cannot_be_stored_fails_its_step(engine):
    """The step does not count as done, the error names it and the path, and earlier steps are safe."""
    template = PipelineWorkflow([step(lambda: 1, name="one"), step(lambda: {"x": [object()]}, name="bad")], name="t")
    run = engine.run(template, run_id="r")
    assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "not-storable", "bad")
    assert "result of bad $.x[0]: expected a value that can be recorded, found object" in run.error["message"]
    assert [one.kind for one in run.history] == ["RunCreated", "StepDone", "StepFailed", "RunEnded"]


def test_an_input_or_state_that_cannot_be_stored_makes_no_run(engine, Trial):
    """What the first record cannot hold is refused before the run is created."""
    with pytest.raises(NotStorable, match="state x of the run"):
        engine.run(Trial("a").template(), state={"x": object()})
    assert engine.runs() == []


def test_the_runs_input_feeds_the_first_step(engine):
    """An input is handed on, recorded, and required where the first step's type does not admit None."""

    @dataclass
    class Recipe:
        name: str

    def etch(recipe: Recipe) -> str:
        return recipe.name

    def optional(recipe: Recipe | None) -> Recipe | None:
        return recipe

    etch.__annotations__["recipe"] = Recipe
    optional.__annotations__["recipe"] = Recipe | None
    optional.__annotations__["return"] = Recipe | None
    template = pipeline([etch], name="t")
    assert engine.run(template, input=Recipe("r1")).result == "r1"
    with pytest.raises(MissingInput, match=r"first step of t@0\.0\.0, etch, takes Recipe as its input, found none"):
        engine.run(template)
    assert engine.run(pipeline([optional], name="t")).result is None
    run = engine.run(pipeline([optional], name="t"), input=Recipe("kept"), run_id="r")
    assert engine.result("r", pipeline([optional], name="t")).result == run.result == Recipe("kept")


def test_an_annotated_context_is_no_part_of_what_is_recorded(engine):
    """A step may annotate everything that it takes."""

    def look(value: None, state: WorkflowState, context: StepContext) -> int:
        return context.attempt

    assert engine.run(PipelineWorkflow([look], name="t")).result == 1


def test_a_run_shares_nothing_with_its_caller(engine):
    """State and input are copied: what the caller or a step changes in place stays its own."""

    def grow(numbers, state):
        numbers.append(1)
        state["list"].append(1)
        return len(numbers)

    numbers, state = [], {"list": []}
    for name in ("r1", "r2"):
        run = engine.run(PipelineWorkflow([grow], name="t"), input=numbers, state=state, run_id=name)
        assert (run.result, run.state["list"]) == (1, [1])
    assert (numbers, state) == ([], {"list": []})


def test_a_failed_run_looks_the_same_later(engine, Trial):
    """What run() gave is what result() shows, the moment of the failure included."""
    trial = Trial("a")
    trial.broken = "a"
    run = engine.run(trial.template(), run_id="r")
    later = engine.result("r")
    assert (run.error, run.state, run.status) == (later.error, later.state, later.status)


def test_looking_at_runs(engine, Trial):
    """Runs lists rows by status; result shows a run as it stands."""
    trial = Trial("a", "b")
    trial.broken = "b"
    engine.run(trial.template(), run_id="r")
    assert [(row.run, row.status, row.owner) for row in engine.runs(RunStatus.FAILED)] == [("r", "failed", None)]
    seen = engine.result("r")
    assert (seen.status, seen.result, seen.error["step"], seen.state["a"]) == ("failed", None, "b", [0])
    assert [one.sequence for one in engine.history("r")] == [0, 1, 2, 3]


def test_an_engine_that_records_nothing_says_so():
    """Resume without a backend is a matter of configuration."""
    with pytest.raises(ConfigError, match="expected a backend"):
        LocalEngine().resume("r")
