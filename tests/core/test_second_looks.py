"""What a person said no to is not asked again, and attempts count the calls that were made."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from knows_core import (
    ConfigError,
    Continue,
    LocalEngine,
    MemoryBackend,
    PermanentError,
    RunStatus,
    StateMismatch,
    StepContext,
    Suspend,
    parallel,
    pipeline,
    scope,
    step,
    use,
)


@step
def bad() -> None:
    raise PermanentError("it is broken")


def made(flow: Any, **options: Any) -> Any:
    return pipeline(flow, name="it", version="1.0", **options)


@pytest.mark.parametrize(
    "template",
    [made([bad], on_error=Suspend()), made(scope(scope(bad), on_error=Suspend()))],
)
def test_what_was_rejected_is_not_asked_again_further_out(template):
    """`Suspend` of a scope asks about the step that failed; a person's no to that is the end of it."""
    engine = LocalEngine(MemoryBackend())
    run = engine.run(template)
    engine.decide(run.id, "reject", by="ann")
    run = engine.resume(run.id, template)
    assert (run.status, run.waiting, run.error["code"]) == (RunStatus.FAILED, (), "rejected")


def test_what_was_rejected_in_a_used_template_is_not_asked_again_around_it():
    """A used template is a step of the flow around it, and a no inside is a no."""
    inner = pipeline([bad], name="inner", version="1.0", on_error=Suspend())
    template = made(scope(use(inner), on_error=Suspend()))
    engine = LocalEngine(MemoryBackend())
    run = engine.run(template)
    engine.decide(run.id, "reject", by="ann")
    assert engine.resume(run.id, template).status is RunStatus.FAILED


def test_a_failed_run_had_nothing_under_way():
    """Where one branch fails and another ends after it, the resumed step makes its second attempt, not its third."""
    gone, ended, seen = threading.Event(), threading.Event(), list[int]()

    @step
    def fails(context: StepContext) -> None:
        seen.append(context.attempt)
        gone.set()
        raise PermanentError("no")

    @step
    def goes_on() -> int:
        gone.wait(5)
        ended.wait(0.05)
        return 1

    template = made(parallel(fails, goes_on))
    with LocalEngine(MemoryBackend()) as engine:
        engine.resume(engine.run(template).id, template)
    assert seen == [1, 2]


def test_a_compensation_that_failed_once_is_made_in_its_second_attempt():
    """Other compensations that ended after it are no attempts of it."""
    seen: list[int] = []

    def undo(result: int, context: StepContext) -> None:
        seen.append(context.attempt)
        if len(seen) == 1:
            raise PermanentError("stuck")

    first = step(lambda: 1, name="first", compensate=lambda result: None)
    template = made(first | step(lambda: 1, name="second", compensate=undo) | bad)
    engine = LocalEngine(MemoryBackend())
    engine.resume(engine.run(template).id, template)
    assert seen == [1, 2]


def test_a_decided_value_that_does_not_fit_is_told_with_a_command_that_exists():
    """The sentence names the step, and the next move the template."""

    @step(on_error=Suspend())
    def typed() -> int:
        raise PermanentError("no")

    engine, template = LocalEngine(MemoryBackend()), made([typed])
    run = engine.run(template)
    with pytest.raises(StateMismatch, match=r"the value for typed of it@1\.0\.0 .*kwf show it@1\.0\.0 --schema"):
        engine.decide(run.id, "done", by="ann", value="no", template=template)


def test_the_error_that_a_composition_went_on_from_names_the_step_that_failed():
    """Where a used template is passed over, the state tells which of its steps it was."""
    inner = pipeline([bad], name="inner", version="1.0")
    run = LocalEngine(MemoryBackend()).run(made(use(inner) | step(lambda: 1, name="last"), on_error=Continue()))
    assert (run.status, run.state["error"]["step"]) == (RunStatus.COMPLETED, "inner/bad")


def test_a_compensation_is_no_step_to_begin_from():
    """A run begun in the middle of undoing would go on undoing what another one has done."""
    template = made(step(lambda: 1, name="first", compensate=lambda result: None) | bad)
    engine = LocalEngine(MemoryBackend())
    engine.run(template, run_id="r")
    with pytest.raises(ConfigError, match=r"a step that r has recorded \(first, bad\)"):
        engine.resume("r", template, from_step="first~")
