"""The local engine: runs, recorded runs, resuming, observing, in threads and in an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from dataclasses import dataclass

import pluggy
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
    RunBusy,
    RunExists,
    RunStatus,
    ShapeChanged,
    StepContext,
    TemplateNotFound,
    TemplateVersionMissing,
    UnknownRun,
    WorkflowState,
    hookimpl,
    hooks,
    pipeline,
    step,
)
from knows_core.records import StepDone, StepProgress, StepStarted


class Trial:
    """A pipeline of named steps that count their calls; `broken` names a step that fails."""

    def __init__(self, *names):
        self.names = list(names)
        self.calls = []
        self.broken = None
        self.interrupted = None

    def template(self, *names, version="1.0.0"):
        return PipelineWorkflow([self.step(name) for name in names or self.names], name="trial", version=version)

    def step(self, name):
        def body(result, state, context):
            self.calls.append((name, context.attempt))
            if name == self.interrupted:
                raise KeyboardInterrupt
            if name == self.broken:
                raise ConnectionError(f"{name} is away")
            state[name] = [len(state)]
            return [*(result or []), name]

        return step(body, name=name)

    def called(self):
        return [name for name, _ in self.calls]


@pytest.fixture
def engine():
    return LocalEngine(MemoryBackend())


def test_a_run_tells_everything(engine):
    """Id, template, version, status, result, state and history of a completed run."""
    trial = Trial("a", "b")
    run = engine.run(trial.template(), run_id="r1", state={"given": 1})
    assert (run.id, run.template, run.version, run.status) == ("r1", "trial", "1.0.0", "completed")
    assert run.result == ["a", "b"]
    assert run.state.data == {"given": 1, "a": [1], "b": [2]}
    assert run.error is None
    assert [one.kind for one in run.history] == ["RunCreated", "StepDone", "StepDone", "RunEnded"]


def test_persistence_changes_nothing_but_the_journal():
    """The same run with and without a backend has the same result and state; without, it has no history."""
    runs = [LocalEngine(backend).run(Trial("a", "b").template(), run_id="r") for backend in (None, MemoryBackend())]
    assert runs[0].result == runs[1].result
    assert runs[0].state == runs[1].state
    assert runs[0].history == ()


def test_the_limit_state_persistence_switches_the_journal_off():
    """With state_persistence=False nothing is recorded, backend or not."""
    backend = MemoryBackend()
    LocalEngine(backend, limits=Limits(state_persistence=False)).run(Trial("a").template())
    assert backend.rows() == []


def test_a_failed_run_resumes_at_its_failed_step(engine):
    """Recorded steps are not made again, the attempt counts on, and the state has no error any more."""
    trial = Trial("a", "b", "c")
    trial.broken = "b"
    run = engine.run(trial.template(), run_id="r")
    assert (run.status, run.error["type"], run.error["step"]) == (RunStatus.FAILED, "ConnectionError", "b")
    assert run.state.data == {"a": [0], "error": run.error}
    trial.broken = None
    resumed = engine.resume("r", trial.template())
    assert trial.calls == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]
    assert (resumed.result, resumed.state.data) == (["a", "b", "c"], {"a": [0], "b": [1], "c": [2]})


def test_an_interrupted_run_is_left_resumable(engine):
    """A KeyboardInterrupt passes through, is no failure, and the next try of its step is the second."""
    trial = Trial("a", "b")
    trial.interrupted = "b"
    with pytest.raises(KeyboardInterrupt):
        engine.run(trial.template(), run_id="r")
    assert engine.status("r") is RunStatus.RUNNING
    with pytest.raises(KeyboardInterrupt):
        engine.resume("r", trial.template())
    trial.interrupted = None
    assert engine.resume("r", trial.template()).result == ["a", "b"]
    assert trial.calls == [("a", 1), ("b", 1), ("b", 2), ("b", 3)]


def test_a_completed_run_answers_with_its_recorded_result(engine):
    """Resuming it makes nothing."""
    trial = Trial("a")
    first = engine.run(trial.template(), run_id="r")
    again = engine.resume("r", trial.template())
    assert (again.result, again.state, again.status) == (first.result, first.state, RunStatus.COMPLETED)
    assert trial.called() == ["a"]
    assert engine.resume("r").result == ["a"]  # readable without its template


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        ("a x b c d", "number 2 was `b` and is now `x`, which was inserted before it"),
        ("x a b c d", "number 1 was `a` and is now `x`, which was inserted before it"),
        ("a x c d", "number 2 was `b` and is now `x`, which was renamed or put in its place"),
        ("a c d", "number 2 was `b` and is now `c`, which was its follower: `b` was removed"),
        ("b a c d", "number 1 was `a` and is now `b`, which was reordered"),
        ("a b c", "the end was cut off, `d` (number 4) is missing"),
        ("a b c d e", "`e` (number 5) was added at the end"),
    ],
)
def test_other_steps_than_recorded_are_refused(engine, now, difference):
    """Inserted, renamed, removed, reordered, cut off or added: the first difference is named, and nothing runs."""
    trial = Trial("a", "b", "c", "d")
    trial.broken = "c"
    engine.run(trial.template(), run_id="r")
    trial.calls.clear()
    with pytest.raises(ShapeChanged) as caught:
        engine.resume("r", trial.template(*now.split()))
    assert difference in str(caught.value)
    assert trial.calls == []
    trial.broken = None
    assert engine.resume("r", trial.template()).result == ["a", "b", "c", "d"]


def test_an_edited_body_is_only_noted(engine):
    """A run goes on after an edit inside a step, and its history names the step."""

    def flaky(result):
        raise ValueError

    def mended(result):
        return "mended"

    engine.run(PipelineWorkflow([step(flaky, name="a")], name="t", version="1.0"), run_id="r")
    run = engine.resume("r", PipelineWorkflow([step(mended, name="a")], name="t", version="1.0"))
    assert run.result == "mended"
    assert [one.content["edited"] for one in run.history if one.kind == "RunResumed"] == [["a"]]


def test_another_version_is_not_the_one_the_run_is_bound_to(engine):
    """Resume wants the exact version, given or found."""
    trial = Trial("a")
    trial.broken = "a"
    engine.run(trial.template(), run_id="r")
    with pytest.raises(TemplateVersionMissing, match=r"bound to trial@1.0.0.*trial@1.1.0 is there"):
        engine.resume("r", trial.template(version="1.1.0"))
    with pytest.raises(TemplateVersionMissing, match="no template was given or found"):
        engine.resume("r")


def test_templates_are_found_by_name_and_range():
    """A named template is asked of `templates`, on resume by its exact version."""
    trial, asked = Trial("a"), []

    class Shelf:
        def find(self, requirement):
            asked.append(str(requirement))
            if requirement.range.text == "9.0.0":
                raise TemplateNotFound(requirement=requirement, found="only 1.0.0")
            return trial.template()

    engine = LocalEngine(MemoryBackend(), templates=Shelf())
    trial.broken = "a"
    run = engine.run("trial@^1.0", run_id="r")
    trial.broken = None
    assert engine.resume(run.id).result == ["a"]
    assert asked == ["trial@^1.0", "trial@1.0.0"]


def test_a_run_that_is_alive_is_busy(engine):
    """Resuming a run from inside itself, or from another thread, is refused at once."""
    seen = []

    def reenter(context):
        try:
            engine.resume(context.run_id, template)
        except RunBusy as error:
            seen.append(error)

    template = PipelineWorkflow([reenter], name="t", version="1.0")
    assert engine.run(template, run_id="r").status is RunStatus.COMPLETED
    assert "run r is owned by this process" in str(seen[0])


def test_a_run_id_is_used_once_and_has_a_form(engine):
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


def test_a_result_that_cannot_be_stored_fails_its_step(engine):
    """The step does not count as done, the error names it and the path, and earlier steps are safe."""
    template = PipelineWorkflow([step(lambda: 1, name="one"), step(lambda: {"x": [object()]}, name="bad")], name="t")
    run = engine.run(template, run_id="r")
    assert (run.status, run.error["code"], run.error["step"]) == (RunStatus.FAILED, "not-storable", "bad")
    assert "result of bad $.x[0]: expected a value that can be recorded, found object" in run.error["message"]
    assert [one.kind for one in run.history] == ["RunCreated", "StepDone", "StepFailed", "RunEnded"]


def test_an_input_or_state_that_cannot_be_stored_makes_no_run(engine):
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


def test_a_failed_run_looks_the_same_later(engine):
    """What run() gave is what result() shows, the moment of the failure included."""
    trial = Trial("a")
    trial.broken = "a"
    run = engine.run(trial.template(), run_id="r")
    later = engine.result("r")
    assert (run.error, run.state, run.status) == (later.error, later.state, later.status)


def test_looking_at_runs(engine):
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


async def _doubled(value):
    await asyncio.sleep(0)
    return value * 2


def test_async_steps_work_under_the_sync_driver(engine):
    """Several async steps of one run share a loop of their own."""
    loops = []

    async def note(value):
        loops.append(asyncio.get_running_loop())
        return value

    template = PipelineWorkflow([step(lambda: 4, name="four"), note, _doubled, step(note, name="again")], name="t")
    assert engine.run(template).result == 8
    assert loops[0] is loops[1]


def test_sync_steps_do_not_block_the_async_driver():
    """Two runs whose sync steps wait for each other both end: neither holds the loop."""
    variable = contextvars.ContextVar("variable", default="unset")
    meet = threading.Barrier(2)

    def wait():
        meet.wait(timeout=30)
        return variable.get()

    template = PipelineWorkflow([wait, _doubled], name="t")

    async def main():
        variable.set("seen")
        with LocalEngine(MemoryBackend()) as engine:
            return await asyncio.gather(engine.arun(template), engine.arun(template))

    assert [run.result for run in asyncio.run(main())] == ["seenseen", "seenseen"]


def test_a_run_fails_and_resumes_under_the_async_driver():
    """arun and aresume follow the same rules as run and resume."""
    trial = Trial("a", "b")
    trial.broken = "b"

    async def main():
        with LocalEngine(MemoryBackend()) as engine:
            failed = await engine.arun(trial.template(), run_id="r")
            trial.broken = None
            return failed, await engine.aresume("r", trial.template()), await engine.aresume("r", trial.template())

    failed, resumed, again = asyncio.run(main())
    assert (failed.status, resumed.result, again.result) == ("failed", ["a", "b"], ["a", "b"])
    assert trial.called() == ["a", "b", "b"]


def test_an_async_step_can_be_cancelled_and_the_run_resumed():
    """A cancelled task leaves its run resumable."""

    class Gate:
        closed = True
        reached = asyncio.Event()

    async def wait():
        if Gate.closed:
            Gate.reached.set()
            await asyncio.get_running_loop().create_future()
        return "through"

    template = PipelineWorkflow([wait], name="t", version="1.0")

    async def main():
        with LocalEngine(MemoryBackend()) as engine:
            task = asyncio.create_task(engine.arun(template, run_id="r"))
            await Gate.reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            Gate.closed = False
            return await engine.aresume("r", template)

    assert asyncio.run(main()).result == "through"


def test_a_cancel_while_the_run_is_made_leaves_it_resumable():
    """However early the cancel comes, no owner is left behind that nobody can release."""

    class Slow(MemoryBackend):
        def __init__(self):
            super().__init__()
            self.entered, self.go = threading.Event(), threading.Event()

        def create(self, row, records):
            self.entered.set()
            self.go.wait(timeout=30)
            return super().create(row, records)

    async def main():
        backend = Slow()
        with LocalEngine(backend) as engine:
            task = asyncio.create_task(engine.arun(Trial("a").template(), run_id="r"))
            await asyncio.get_running_loop().run_in_executor(None, backend.entered.wait, 30)
            task.cancel()
            backend.go.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await engine.aresume("r", Trial("a").template())

    assert asyncio.run(main()).result == ["a"]


def observing(*observers):
    class Plugin:
        @hookimpl
        def knows_observers(self):
            return list(observers)

    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    manager.register(Plugin())
    return manager


def test_observers_hear_every_event_in_order():
    """Starts, progress, records and the end, with the run's id."""
    heard = []

    def work(context):
        context.progress(1, 2, "half")
        return 5

    manager = observing(lambda run, event: heard.append((run, event)))
    LocalEngine(hooks=manager).run(PipelineWorkflow([work], name="t"), run_id="r")
    assert {run for run, _ in heard} == {"r"}
    events = [event for _, event in heard]
    assert events[:2] == [StepStarted("work", 1), StepProgress("work", 1, 2, "half")]
    assert isinstance(events[2], StepDone)
    assert events[3].status is RunStatus.COMPLETED


def test_a_plugin_that_offers_none_but_an_error_costs_only_itself(caplog):
    """A hook that raises is logged; the observers of other plugins are there."""

    class Broken:
        @hookimpl
        def knows_observers(self):
            raise RuntimeError("hook")

    heard = []
    manager = observing(lambda run, event: heard.append(event))
    manager.register(Broken())
    LocalEngine(hooks=manager).run(Trial("a").template())
    assert len(heard) == 3
    assert len(caplog.records) == 1


def test_a_failing_observer_costs_only_itself(caplog):
    """It is logged once and left out; the run and the other observers go on."""
    heard = []

    def broken(run, event):
        raise RuntimeError("observer")

    manager = observing(broken, lambda run, event: heard.append(event))
    run = LocalEngine(hooks=manager).run(Trial("a", "b").template())
    assert run.status is RunStatus.COMPLETED
    assert len(heard) == 5
    assert len(caplog.records) == 1
