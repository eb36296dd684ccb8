"""What `check` finds without running anything: every problem at once, each with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import BaseModel

from knows_core import (
    ContractError,
    DefinitionError,
    LocalEngine,
    MemoryBackend,
    PipelineWorkflow,
    WorkflowState,
    compose,
    pipeline,
    step,
    use,
)

WS = WorkflowState


class Chamber(BaseModel):
    pressure: float


class Other(BaseModel):
    pressure: float


def sound(value: int, state: WorkflowState) -> int:
    return value


def unbound(value, limit):
    return value


def misspelt(value: "Presure") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
    return None


def typed(state: Chamber) -> None:
    return None


def problems(*steps, **options):
    return [str(one) for one in PipelineWorkflow(steps, name="etch", **options).check()]


def test_a_sound_template_has_no_problems():
    """Typed, untyped and parameterless steps are all fine."""
    assert problems(sound, typed, lambda_named, state=Chamber) == []


def lambda_named():
    return None


@pytest.mark.parametrize(
    ("steps", "options", "sentence"),
    [
        ([lambda value: value], {}, 'a step without a name. Give it one: step(f, name="...")'),
        ([sound, sound], {}, "etch/sound: 2 steps have the name 'sound'. Tell them apart by a name: step(sound, name="),
        ([step(sound, name="a/b")], {}, "the name 'a/b' has blanks, one of / @ [ ]"),
        ([unbound], {}, "etch/unbound: nothing fills the parameter 'limit'. Give it a default"),
        ([misspelt], {}, "an annotation cannot be resolved (NameError: name 'Presure' is not defined). Import"),
        (
            [typed],
            {},
            "annotated Chamber, the template's state model is none. Say pipeline(..., state=Chamber)",
        ),
        ([typed], {"state": Other}, "its state is annotated Chamber, the template's state model is Other"),
        ([sound], {"state": dict}, "etch: state=dict is not a pydantic model"),
        ([sound], {"required_state": ["error"]}, "required_state has 'error'"),
        ([sound], {"required_state": [3]}, "required_state has 3"),
        ([sound], {"required_state": ["speed"], "state": Chamber}, "'speed', which is not a field of the state model"),
    ],
)
def test_each_problem_names_place_fault_and_remedy(steps, options, sentence):
    """One fault gives one problem."""
    found = problems(*steps, **options)
    assert len(found) == 1
    assert sentence in found[0]


def test_all_problems_are_told_at_once():
    """Several faults of several steps come together, and a run refuses all of them."""
    template = PipelineWorkflow([unbound, unbound, misspelt, typed], name="etch")
    assert len(template.check()) == 5
    engine = LocalEngine(MemoryBackend())
    with pytest.raises(DefinitionError) as caught:
        engine.run(template)
    assert all(one.what in str(caught.value) for one in template.check())
    assert engine.runs() == []


def test_a_foreign_template_that_says_no_is_a_problem():
    """validate() of a foreign template is heard."""

    class Foreign:
        def execute(self, state):
            return None

        def validate(self):
            return False

        def get_required_state(self):
            return []

    with pytest.raises(DefinitionError, match="its own validate"):
        LocalEngine().run(Foreign())


def test_the_untyped_state_may_be_spelt_in_many_ways():
    """Under another name, optional, or with metadata it is still the WorkflowState."""

    def renamed(state: WS) -> None: ...

    def optional(state: WorkflowState | None) -> None: ...

    def tagged(state: Annotated[WorkflowState, "tag"]) -> None: ...

    assert problems(renamed, optional, tagged) == []
    assert problems(renamed, optional, tagged, state=Chamber) == []


def test_a_class_whose_fields_cannot_be_resolved_is_a_problem():
    """It is told before anything runs, and not by the first record."""

    @dataclass
    class Local:
        other: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037

    def make():
        return None

    make.__annotations__["return"] = Local
    (problem,) = problems(make)
    assert "the fields of" in problem
    assert "name 'Nowhere' is not defined" in problem


def test_required_state_is_a_list():
    """A text would be taken for its letters."""
    with pytest.raises(ContractError, match="expected a list of keys"):
        PipelineWorkflow([sound], required_state="pressure")


def test_an_execute_of_its_own_is_what_runs():
    """A subclass that overrides execute() is a foreign template: one step that calls it."""

    class Mine(PipelineWorkflow):
        def execute(self, state):
            return f"mine: {super().execute(state)}"

    assert LocalEngine().run(Mine([step(lambda: 1, name="one")], name="etch", version="1.0")).result == "mine: 1"


def test_a_foreign_part_that_says_no_is_a_problem():
    """validate() of a foreign template is heard inside a composition too, with the place of the part."""

    class Foreign:
        name, version = "foreign", "2.0.0"

        def execute(self, state):
            return None

        def validate(self):
            return False

        def get_required_state(self):
            return []

    (problem,) = pipeline([sound, Foreign()], name="outer", version="1.0").check()
    assert str(problem).startswith("outer/foreign: its own validate() says that it cannot run")


def test_a_part_is_judged_by_its_own_mode():
    """What a part allows itself is not the composition's matter; the seam between the two is."""

    def maybe() -> int | None:
        return 1

    def needs(value: int) -> int | None:
        return value

    lenient = pipeline([maybe, needs], name="part", version="1.0", types="lenient")
    assert compose([lenient], name="whole", version="1.0").check() == []
    (problem,) = pipeline(use(lenient) | step(needs, name="end"), name="whole", version="1.0").check()
    assert "part@1.0.0 part/needs (int | None) does not fit whole@1.0.0 end (int)" in str(problem)
