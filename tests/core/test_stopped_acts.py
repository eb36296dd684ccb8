"""An act that is made once, in a run that is stopped before it: nobody may have to doubt it."""

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
