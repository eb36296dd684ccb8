"""A template that was edited under a run: what is refused, what may be accepted, and what of it is recorded."""

from __future__ import annotations

from dataclasses import make_dataclass

import pytest
from pydantic import create_model

from knows_core import (
    ContractChanged,
    LocalEngine,
    MemoryBackend,
    PipelineWorkflow,
    RunStatus,
    ShapeChanged,
    TemplateNotFound,
    TemplateVersionMissing,
    ValuesChanged,
    pipeline,
    step,
    use,
)


def started(engine, Trial, *names, broken):
    """A trial whose run failed at a step, and fails there no more."""
    trial = Trial(*names)
    trial.broken = broken
    engine.run(trial.template(), run_id="r")
    trial.broken = None
    trial.calls.clear()
    return trial


def kinds(engine):
    return [one.kind for one in engine.history("r")]


def test_an_accepted_change_is_recorded_and_counts_from_then_on(engine, Trial):
    """The run goes on with the new steps; later resumes compare with what was accepted, and history shows it."""
    trial = started(engine, Trial, "a", "b", "c", broken="b")
    trial.broken = "x"
    run = engine.resume("r", trial.template("a", "b", "x", "c"), accept_code_change=True)
    assert run.status is RunStatus.FAILED
    trial.broken = None
    with pytest.raises(ShapeChanged, match="number 3 was `x` and is now `c`"):
        engine.resume("r", trial.template("a", "b", "c"))
    run = engine.resume("r", trial.template("a", "b", "x", "c"))
    assert run.result == ["a", "b", "x", "c"]
    assert trial.called() == ["b", "x", "x", "c"]
    (rebound,) = [one.content for one in run.history if one.kind == "Rebound"]
    assert rebound["difference"] == "number 3 was `c` and is now `x`, which was inserted before it"
    assert [path for _, path in rebound["shape"]] == ["a", "b", "x", "c"]
    assert [one.content["edited"] for one in run.history if one.kind == "RunResumed"] == [[], []]


def test_nothing_is_accepted_where_nothing_changed(engine, Trial):
    """Accepting is no licence for later: without a difference nothing is recorded of it."""
    trial = started(engine, Trial, "a", "b", broken="b")
    engine.resume("r", trial.template(), accept_code_change=True)
    assert kinds(engine) == ["RunCreated", "StepDone", "StepFailed", "RunEnded", "RunResumed", "StepDone", "RunEnded"]


def test_a_refusal_names_the_next_move_that_helps(engine, Trial):
    """Accepting where that is legal; else an old version or a migration; and why accepting did not help."""
    trial = started(engine, Trial, "a", "b", "c", broken="b")
    with pytest.raises(ShapeChanged, match=r"`kwf resume r --accept-code-change` goes on with it as it is now"):
        engine.resume("r", trial.template("a", "b"))
    with pytest.raises(
        ShapeChanged, match=r"install the version the run began on, or declare a migration from 1\.0\.0"
    ):
        engine.resume("r", trial.template("a", "x", "c"))
    with pytest.raises(ShapeChanged) as caught:
        engine.resume("r", trial.template("a", "x", "c"), accept_code_change=True)
    assert str(caught.value) == (
        "run r was started with other steps of trial@1.0.0: the run has come to `b` (number 2), and number 2 was `b`"
        " and is now `x`, which was renamed or put in its place; accepting it does not help. Put it back as it was,"
        " install the version the run began on, or declare a migration from 1.0.0; nothing was run or lost."
    )
    assert trial.calls == []
    assert kinds(engine)[-1] == "RunEnded"


def typed(annotation, *, broken, model=None, required=()):
    """Three steps of which the second fails, and the third has an annotated result."""

    def middle(value):
        if broken[0]:
            raise ConnectionError
        return value

    def last(value):
        return value

    last.__annotations__["return"] = annotation
    flow = step(lambda: 1, name="first") | middle | last
    return pipeline(flow, name="t", version="1.0", state=model, required_state=required)


def test_a_changed_contract_may_be_accepted(engine):
    """A type at the border changed and no step did."""
    broken = [True]
    engine.run(typed(int, broken=broken), run_id="r")
    broken[0] = False
    with pytest.raises(ContractChanged, match="--accept-code-change"):
        engine.resume("r", typed(int | None, broken=broken))
    assert engine.resume("r", typed(int | None, broken=broken), accept_code_change=True).result == 1
    (rebound,) = [one.content for one in engine.history("r") if one.kind == "Rebound"]
    assert rebound["contract_digest"] != engine.history("r")[0].content["contract_digest"]


def model_of(**fields):
    return create_model("State", __module__=__name__, **fields)


def test_defaults_that_a_state_model_has_come_to_have_are_filled_in(engine):
    """The run goes on with the state that the new template would have begun with; the record holds it."""
    broken = [True]
    engine.run(typed(int, broken=broken, model=model_of(n=(int, 5))), run_id="r")
    broken[0] = False
    now = typed(int, broken=broken, model=model_of(n=(int, 5), more=(list[int], [7])))
    run = engine.resume("r", now, accept_code_change=True)
    assert (run.status, run.state.data) == (RunStatus.COMPLETED, {"n": 5, "more": [7]})
    assert engine.result("r", now).state.data == {"n": 5, "more": [7]}


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"model": model_of(n=(str, "x"))}, "what the run holds does not fit it: state of t@1.0.0.*n: Input should be"),
        ({"model": model_of(n=(int, 5), lot=(str, ...))}, "what the run holds does not fit it: .*lot"),
        ({"model": model_of(n=(int, 5)), "required": ["absent"]}, "absent"),
    ],
)
def test_a_state_that_does_not_fit_is_not_accepted(engine, now, reason):
    """A value of another type, and a key that the run was never given, cannot be accepted away."""
    broken = [True]
    engine.run(typed(int, broken=broken, model=model_of(n=(int, 5))), run_id="r")
    broken[0] = False
    before = engine.backend.load("r")[1]
    with pytest.raises(ContractChanged, match=reason):
        engine.resume("r", typed(int, broken=broken, **now), accept_code_change=True)
    assert engine.backend.load("r")[1] == before


def valued(cls, broken, *, returned=True):
    """A step that declares a class, and returns a value of it or not; then one that fails."""

    def make() -> object:
        return cls(1) if returned else 1

    def fail(value):
        if broken[0]:
            raise ConnectionError
        return str(value)

    make.__annotations__["return"] = cls | int
    return pipeline(step(make) | fail, name="t", version="1.0")


def class_of(**fields):
    made = make_dataclass("Value", list(fields.items()))
    made.__module__, made.__qualname__ = __name__, "Value"
    return made


@pytest.mark.parametrize("returned", [True, False])
def test_a_changed_class_may_be_accepted_unless_a_recorded_value_is_of_it(engine, returned):
    """What is recorded cannot be read as another class; a class of which nothing is recorded is no matter."""
    broken = [True]
    engine.run(valued(class_of(x=int), broken, returned=returned), run_id="r")
    broken[0] = False
    now = valued(class_of(y=int), broken, returned=returned)
    with pytest.raises(ValuesChanged, match="x: builtins:int and has y: builtins:int"):
        engine.resume("r", now)
    if returned:
        with pytest.raises(ValuesChanged, match="a recorded value is of it; accepting it does not help"):
            engine.resume("r", now, accept_code_change=True)
    else:
        assert engine.resume("r", now, accept_code_change=True).result == "1"


def outer(part):
    return pipeline(step(lambda: 1, name="begin") | use(part), name="outer", version="1.0")


def part_of(annotation, broken):
    def one(value):
        if broken[0]:
            raise OSError
        return value

    one.__annotations__["value"] = annotation
    return pipeline([one], name="part", version="1.0")


def test_a_part_that_began_keeps_its_contract(engine):
    """The contract of a part that the run is in cannot change, accepted or not."""
    broken = [True]
    engine.run(outer(part_of(int, broken)), run_id="r")
    broken[0] = False
    with pytest.raises(ContractChanged, match=r"its part part .* has another contract; accepting it does not help"):
        engine.resume("r", outer(part_of(int | str, broken)), accept_code_change=True)
    assert engine.resume("r", outer(part_of(int, broken))).result == 1


class Shelf:
    """Templates by name, the newest first."""

    def __init__(self, *templates):
        self.templates = list(templates)

    def find(self, requirement):
        for one in self.templates:
            if one.name == requirement.name and one.definition.version in requirement.range:
                return one
        raise TemplateNotFound(requirement=requirement, found="nothing of it")


def test_another_template_under_the_same_alias_is_a_change(Trial):
    """A part is pinned by its version, not by its place: where the flow asks for another one, that is compared."""
    broken = [True]
    one, other = (pipeline(part_of(int, broken).flow, name=name, version="1.0") for name in ("one", "other"))
    engine = LocalEngine(MemoryBackend(), templates=Shelf(one, other))
    engine.run(pipeline([step(lambda: 1, name="b"), use("one", alias="p")], name="w", version="1.0"), run_id="r")
    now = pipeline([step(lambda: 1, name="b"), use("other", alias="p")], name="w", version="1.0")
    with pytest.raises(
        ShapeChanged, match=r"number 2, `p`, was template one@1\.0\.0 and is now template other@1\.0\.0"
    ):
        engine.resume("r", now)


def test_a_missing_version_says_what_is_needed_and_what_is_there(Trial):
    """Which version the run is bound to, and that the one that was found declares no migration from it."""
    trial = Trial("a")
    shelf = Shelf(trial.template())
    engine = LocalEngine(MemoryBackend(), templates=shelf)
    trial.broken = "a"
    engine.run("trial", run_id="r")
    shelf.templates[:] = [trial.template(version="1.1.0")]
    with pytest.raises(TemplateVersionMissing) as caught:
        engine.resume("r")
    assert "run r is bound to trial@1.0.0: " in str(caught.value)
    assert "trial@1.1.0 is there, which declares no migration from 1.0.0. Give that template" in str(caught.value)
    with pytest.raises(TemplateVersionMissing, match=r"trial@1\.1\.0 is there, which declares no migration"):
        engine.resume("r", trial.template(version="1.1.0"), accept_code_change=True)
    with pytest.raises(TemplateVersionMissing, match=r"other@1\.0\.0 is there"):
        engine.resume("r", PipelineWorkflow([trial.step("a")], name="other", version="1.0"))
