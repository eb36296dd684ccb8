"""Going on with recorded runs: at the right step, on the right template, by one owner."""

from __future__ import annotations

from dataclasses import make_dataclass

import pytest
from pydantic import create_model

from knows_core import (
    LocalEngine,
    MemoryBackend,
    PipelineWorkflow,
    RunBusy,
    RunStatus,
    ShapeChanged,
    TemplateNotFound,
    TemplateVersionMissing,
    ValuesChanged,
    step,
)


def test_a_failed_run_resumes_at_its_failed_step(engine, Trial):
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


def test_an_interrupted_run_is_left_resumable(engine, Trial):
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


def test_a_completed_run_answers_with_its_recorded_result(engine, Trial):
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
def test_other_steps_than_recorded_are_refused(engine, now, difference, Trial):
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


def test_another_version_is_not_the_one_the_run_is_bound_to(engine, Trial):
    """Resume wants the exact version, given or found."""
    trial = Trial("a")
    trial.broken = "a"
    engine.run(trial.template(), run_id="r")
    with pytest.raises(TemplateVersionMissing, match=r"bound to trial@1.0.0.*trial@1.1.0 is there"):
        engine.resume("r", trial.template(version="1.1.0"))
    with pytest.raises(TemplateVersionMissing, match="no template was given or found"):
        engine.resume("r")


def test_templates_are_found_by_name_and_range(Trial):
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


def outlined(annotation, *, model=None, broken=True):
    """A template of two steps whose first one gives a value of the annotated class."""

    def make() -> object:
        return annotation(1) if annotation is not int else 1

    def fail(value):
        if broken:
            raise ConnectionError
        return "done"

    make.__annotations__["return"] = annotation
    return PipelineWorkflow([make, fail], name="t", version="1.0", state=model)


def class_of(name, **fields):
    made = make_dataclass(name, list(fields.items()))
    made.__module__, made.__qualname__ = __name__, name
    return made


@pytest.mark.fault(55)
@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (class_of("Value", x=str), "had the fields x: builtins:int and has x: builtins:str"),
        (class_of("Value", y=int), "and has y: builtins:int"),
        (class_of("Other", x=int), "Value is no longer declared"),
    ],
)
def test_values_of_a_changed_class_are_refused(engine, now, difference):
    """Exit 7 naming class and fields; with the old class back the run goes on."""
    before = class_of("Value", x=int)
    engine.run(outlined(before), run_id="r")
    with pytest.raises(ValuesChanged) as caught:
        engine.resume("r", outlined(now))
    assert difference in str(caught.value)
    assert engine.resume("r", outlined(class_of("Value", x=int), broken=False)).result == "done"


def test_a_changed_state_model_is_refused(engine):
    """The types of the state are part of what a run is bound to."""
    models = [create_model("State", n=(kind, 5), __module__=__name__) for kind in (int, str, int)]
    engine.run(outlined(int, model=models[0]), run_id="r")
    with pytest.raises(ValuesChanged, match="had the fields n: builtins:int and has n: builtins:str"):
        engine.resume("r", outlined(int, model=models[1]))
    assert engine.resume("r", outlined(int, model=models[2], broken=False)).result == "done"


def test_a_completed_run_is_readable_with_a_changed_class(engine):
    """Its result is shown as data when the class has changed since."""
    before = class_of("Value", x=int)

    def make(cls):
        def value() -> object:
            return cls(1)

        value.__annotations__["return"] = cls
        return PipelineWorkflow([value], name="t", version="1.0")

    engine.run(make(before), run_id="r")
    assert engine.resume("r", make(before)).result == before(1)
    assert engine.resume("r", make(class_of("Value", y=int))).result == {"x": 1}


def test_a_run_starts_without_the_error_of_another(engine, Trial):
    """`error` in a given state is not carried into a completed run."""
    run = engine.run(Trial("a").template(), state={"error": {"type": "Old"}})
    assert (run.status, "error" in run.state) == (RunStatus.COMPLETED, False)
