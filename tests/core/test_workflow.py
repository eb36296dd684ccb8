"""PipelineWorkflow and pipeline: the proposal's surface on the design's rules."""

from __future__ import annotations

import asyncio
from datetime import UTC
from functools import cached_property

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from knows_core import (
    DefinitionError,
    InvalidVersion,
    MissingState,
    PermanentError,
    PipelineWorkflow,
    StateMismatch,
    WorkflowState,
    WorkflowTemplate,
    pipeline,
    step,
)


def read(result, state):
    return state.get("start") or 0


def add(result, state):
    state.set("sum", result + 2)
    return result + 2


def fail(result, state):
    state.set("half", "done")
    raise PermanentError("the pump is broken")


def test_steps_run_in_order_on_the_last_result_and_the_state():
    """PipelineWorkflow([f, g]).execute(state) with step(result, state) callables, as the proposal writes it."""
    state = WorkflowState()
    state.set("start", 40)
    assert PipelineWorkflow([read, add]).execute(state) == 42
    assert state.data == {"start": 40, "sum": 42}


def test_a_pipeline_workflow_is_a_template():
    """It meets the protocol, and the empty one is valid and gives nothing."""
    empty = PipelineWorkflow([])
    assert isinstance(empty, WorkflowTemplate)
    assert (empty.validate(), empty.get_required_state(), empty.execute(WorkflowState())) == (True, [], None)


def test_a_failure_raises_and_leaves_only_the_error_record():
    """The original error is raised, `error` is the proposal's record and more, no other write appears."""
    state = WorkflowState()
    with pytest.raises(PermanentError, match="the pump is broken") as caught:
        PipelineWorkflow([read, add, fail]).execute(state)
    assert type(caught.value) is PermanentError
    assert list(state) == ["error"]
    error = state["error"]
    assert (error["type"], error["message"], error["step"], error["attempt"]) == (
        "PermanentError",
        "the pump is broken",
        "fail",
        1,
    )
    assert (error["code"], error["cause"], error["timestamp"].tzinfo) == ("permanent", None, UTC)


def test_a_success_takes_the_error_of_an_earlier_failure_away():
    """`error` speaks of the last execution."""
    state = WorkflowState(error={"type": "Old"})
    PipelineWorkflow([read]).execute(state)
    assert "error" not in state


def test_missing_state_is_refused_before_the_first_step():
    """A key that has no value is named together with what is there, and the error is in the state too."""
    calls = []
    call = step(calls.append, name="call")  # type: ignore[arg-type]
    template = PipelineWorkflow([call], required_state=["equipment_id", "params"])
    state = WorkflowState(params={})
    with pytest.raises(MissingState, match="requires the state equipment_id, found params"):
        template.execute(state)
    assert calls == []
    assert state["error"]["code"] == "missing-state"


def test_execute_works_inside_a_running_event_loop():
    """Sync and async steps both work where a loop is already running."""

    async def wait(value):
        await asyncio.sleep(0)
        return value + 1

    async def main():
        return PipelineWorkflow([read, wait, add]).execute(WorkflowState(start=1))

    assert asyncio.run(main()) == 4


def test_an_error_with_a_stop_iteration_keeps_its_name():
    """A StopIteration from a step is its failure, not the end of the machine."""

    def stop(result, state):
        return next(iter(()))

    state = WorkflowState()
    with pytest.raises(StopIteration):
        PipelineWorkflow([stop]).execute(state)
    assert state["error"]["type"] == "StopIteration"


def test_names_and_versions_are_canonical():
    """`1.0` is `1.0.0`; a name or version outside the grammar is refused at once."""
    template = pipeline([read], name="etch", version="1.0", summary="Etches.")
    assert (template.name, template.version, template.summary) == ("etch", "1.0.0", "Etches.")
    with pytest.raises(InvalidVersion, match="version 'one'"):
        pipeline([read], name="etch", version="one")
    with pytest.raises(InvalidVersion, match="template name 'a b'"):
        pipeline([read], name="a b")


class Chamber(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pressure: float
    alarms: list[str] = []
    note: str | None = None


@step
def pump_down(state: Chamber) -> float:
    state.pressure = state.pressure / 2
    state.alarms.append("pumped")
    return state.pressure


def test_a_typed_state_is_a_working_copy():
    """A step annotated with the model gets an instance; assignments and in-place changes become writes."""
    template = pipeline(pump_down | step(lambda state: state["alarms"], name="untyped"), state=Chamber)
    state = WorkflowState(pressure=4.0)
    assert template.get_required_state() == ["pressure"]
    assert template.execute(state) == ["pumped"]
    assert state.data == {"pressure": 2.0, "alarms": ["pumped"]}


def test_defaults_of_the_model_are_there_for_untyped_steps():
    """A key with a default has a value from the start, and each run has its own."""
    keep = step(lambda state: state["alarms"].append("x") or list(state), name="keep")
    template = pipeline([keep], state=Chamber)
    for _ in range(2):
        state = WorkflowState(pressure=1.0)
        assert template.execute(state) == ["pressure", "alarms", "note"]
        assert state["alarms"] == ["x"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"pressure": "3"}, "pressure: Input should be a valid number"),
        ({"pressure": 3.0, "presure": 1}, "presure is not one of its keys \\(pressure, alarms, note\\)"),
    ],
)
def test_a_state_that_does_not_fit_the_model_is_refused(given, sentence):
    """Validation is strict, and names the key and the rule."""
    with pytest.raises(StateMismatch, match=sentence):
        pipeline([pump_down], state=Chamber).execute(WorkflowState(given))


@pytest.mark.parametrize("typed", [True, False])
def test_what_a_step_writes_is_checked_before_it_counts(typed):
    """A write that does not fit fails its step, names the step, and never the rejected value."""

    @step
    def spoil(state: Chamber):
        state.note = 12345  # type: ignore[assignment]

    @step
    def spoil_untyped(state):
        state["note"] = 12345

    state = WorkflowState(pressure=1.0)
    with pytest.raises(StateMismatch) as caught:
        pipeline([spoil if typed else spoil_untyped], name="etch", version="1.0", state=Chamber).execute(state)
    assert "etch@1.0.0 after step spoil" in str(caught.value)
    assert "12345" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_required_key_cannot_be_dropped():
    """A deletion is a write: the state must still fit."""
    drop = step(lambda state: state.pop("pressure"), name="drop")
    with pytest.raises(StateMismatch, match="pressure: Field required"):
        pipeline([drop], state=Chamber).execute(WorkflowState(pressure=1.0))


def test_a_template_with_problems_does_not_run():
    """execute() refuses what check() finds."""
    template = PipelineWorkflow([read, read])
    assert not template.validate()
    with pytest.raises(DefinitionError, match=r"step\(read, name="):
        template.execute(WorkflowState())


class Cleaned(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = "x"

    @field_validator("name")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper()

    @cached_property
    def twice(self) -> str:
        return self.name * 2


def test_a_typed_copy_has_extras_deletions_and_no_cached_properties():
    """What a model allows beside its fields travels with it; what it computes is not state."""

    def first(state: Cleaned) -> str:
        state.more = [1]  # type: ignore[attr-defined]
        return state.twice

    def second(state: Cleaned) -> list[int]:
        state.more.append(2)  # type: ignore[attr-defined]
        del state.name
        return state.more  # type: ignore[attr-defined, no-any-return]

    state = WorkflowState(name="ab")
    assert PipelineWorkflow([first, second], state=Cleaned).execute(state) == [1, 2]
    assert state.data == {"more": [1, 2]}


def test_what_validation_makes_of_a_write_is_what_counts():
    """A validator that cleans a value cleans it at the start and after a write alike."""

    def write(state: Cleaned) -> None:
        state.name = "low"

    state = WorkflowState(name="start")
    template = PipelineWorkflow([step(lambda state: state["name"], name="read"), write], state=Cleaned)
    template.execute(state)
    assert state["name"] == "LOW"
