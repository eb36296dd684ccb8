"""An act that is made once, in a run that is stopped before it or fails during it."""

from __future__ import annotations

import pytest

from knows_core import Limits, LocalEngine, MemoryBackend, RunStatus, parallel, pipeline, step
from tests.core.mending import Steps, Undoing, crashed, hangs, kinds, made


def test_an_act_that_a_stopped_run_did_not_begin_is_not_in_doubt():
    """Where the run's calls are used up just before an act, the act was not intended either, and resuming makes it."""
    made: list[str] = []

    @step(effect="once")
    def act(result: int) -> int:
        made.append("sent")
        return result

    template = pipeline([step(lambda: 1, name="first"), act], name="it", version="1.0")
    backend = MemoryBackend()
    with LocalEngine(backend, limits=Limits(max_steps=1)) as engine:
        run = engine.run(template, run_id="one")
        assert (run.status, run.error["code"], made) == (RunStatus.FAILED, "step-limit", [])
    with LocalEngine(backend) as engine:
        run = engine.resume("one", template)
        assert (run.status, run.result, made) == (RunStatus.COMPLETED, 1, ["sent"])


class Stop(BaseException):
    """The process ends here."""


def test_that_an_act_be_made_again_is_said_for_one_time():
    """Where the process ends in the act that a person asked for, it is in doubt anew: the answer was for one time."""
    made: list[str] = []

    @step(effect="once")
    def act() -> str:
        made.append("sent")
        if len(made) < 3:
            raise Stop
        return "sent"

    template = pipeline(act, name="it", version="1.0")
    with LocalEngine(MemoryBackend()) as engine:
        with pytest.raises(Stop):
            engine.run(template, run_id="one")
        for number in (1, 2):
            run = engine.resume("one", template)
            assert (run.status, [one.kind for one in run.waiting], len(made)) == ("suspended", ["doubt"], number)
            assert engine.decide("one", "retry", by="who looked") == "pending"
            if number == 1:
                with pytest.raises(Stop):
                    engine.resume("one", template)
        assert (engine.resume("one", template).result, len(made)) == ("sent", 3)


@pytest.mark.parametrize(("choice", "undone"), [("done", [8, "a"]), ("reject", ["a"]), ("retry", ["a"])])
def test_nothing_is_undone_while_an_act_to_undo_is_in_doubt(choice, undone):
    """The run's time ends during the act: somebody says first whether it took place, and then that is undone too."""
    steps = Undoing()
    template = made(steps.acts("a") | step(hangs, name="act", effect="once", timeout=60, compensate=steps.undo))
    with LocalEngine(MemoryBackend(), limits=Limits(workflow_timeout=0.05)) as engine:
        run = engine.run(template, run_id="r")
        assert (run.status, [one.kind for one in run.waiting], steps.undone) == (RunStatus.SUSPENDED, ["doubt"], [])
        assert engine.resume("r", template).waiting == run.waiting
        engine.decide("r", choice, by="ann", value=8 if choice == "done" else None, template=template)
        run = engine.resume("r", template)
    assert (run.status, run.compensated, run.error["code"]) == (RunStatus.FAILED, True, "workflow-timeout")
    assert steps.undone == undone


def test_a_doubt_in_one_branch_is_settled_before_the_failure_of_another_is_undone():
    """What waits is not forgotten because something else failed: the machine may be running."""
    steps, backend = Undoing(), MemoryBackend()
    act = steps.dies("act", effect="once", compensate=steps.undo)
    flow = steps.acts("a") | parallel(act, steps.works("b", 1) | steps.fails("x"))
    template = made(flow)
    engine = crashed(template, backend)
    run = engine.resume("r", template)
    assert (run.status, [one.path for one in run.waiting], steps.undone) == (RunStatus.SUSPENDED, ["act"], [])
    engine.decide("r", "done", by="ann", value=3, template=template)
    run = engine.resume("r", template)
    assert (run.compensated, steps.undone, run.error["step"]) == (True, [3, "a"], "x")


def test_an_act_that_was_decided_on_and_failed_leaves_no_doubt():
    """A run without anything to undo stays plainly failed, and can be resumed."""
    steps, backend = Steps(), MemoryBackend()

    @step(effect="once", compensate=lambda result: None)
    def act():
        steps.calls.append("act")
        if len(steps.calls) == 1:
            raise KeyboardInterrupt
        raise ConnectionError

    engine = crashed(made(act), backend)
    engine.resume("r", made(act))
    engine.decide("r", "retry", by="ann")
    run = engine.resume("r", made(act))
    assert (run.status, run.compensated, kinds(run).count("Compensating")) == (RunStatus.FAILED, False, 0)
