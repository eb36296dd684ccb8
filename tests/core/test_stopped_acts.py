"""An act that is made once, in a run that is stopped before it: nobody may have to doubt it."""

import pytest

from knows_core import Limits, LocalEngine, MemoryBackend, RunStatus, pipeline, step


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
