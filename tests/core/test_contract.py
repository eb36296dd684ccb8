"""The contract of a template as data, and the shape: what changes them, and what a resumed run says of it."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from knows_core import (
    ContractChanged,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    ShapeChanged,
    case,
    each,
    parallel,
    pipeline,
    repeat,
    scope,
    step,
    use,
)
from knows_core.linking import linked


class Oven(BaseModel):
    setpoint: Annotated[float, Field(gt=0)]
    readings: list[float] = []


class TighterOven(BaseModel):
    setpoint: Annotated[float, Field(gt=0, le=300)]
    readings: list[float] = []


def template(annotation=float, model=Oven, back=str, **more):
    def judge(value):
        return "pass"

    judge.__annotations__ |= {"value": annotation, "return": back}

    def first(state):
        return 1.0

    first.__annotations__ |= {"state": model, "return": float}
    return pipeline(step(first, name="heat") | judge, name="bake", version="1.0", state=model, **more)


def reworded():
    """The same model in other words."""

    class Oven(BaseModel):
        """Bakes."""

        setpoint: Annotated[float, Field(gt=0, description="in degC")]
        readings: list[float] = Field(default=[], title="Readings")

    return Oven


def digest(made):
    return made.definition.fingerprint.contract_digest


def test_a_contract_is_plain_data():
    """Input, output, state keys in and out, used ranges; it survives JSON."""
    whole = pipeline(use(template()), name="whole", version="1.0", required_state=["lot"])
    contract = whole.definition.contract
    assert json.loads(json.dumps(contract)) == contract
    assert sorted(contract["state_in"]) == ["lot", "setpoint"]
    assert contract["state_in"]["setpoint"]["required"]
    assert sorted(contract["state_out"]) == ["lot", "readings", "setpoint"]
    assert contract["uses"] == {"bake": ["bake", "1.0.0"]}


def test_words_are_not_in_the_contract():
    """Titles, descriptions, docstrings and the summary change nothing."""
    assert digest(template()) == digest(template(summary="Bakes."))
    assert digest(template(model=Oven)) == digest(template(model=reworded()))


@pytest.mark.parametrize("other", [{"back": int}, {"model": TighterOven}, {"required_state": ["lot"]}])
def test_types_keys_and_bounds_are_in_the_contract(other):
    """What a user of the template relies on changes its digest."""
    assert digest(template(**other)) != digest(template())


def test_used_ranges_are_in_the_contract():
    """Another range of a used template is another contract; the version found inside it is not."""

    class Shelf:
        def __init__(self, version):
            self.template = pipeline(named("x"), name="x", version=version)

        def find(self, requirement):
            return self.template

    whole = lambda wanted: pipeline(use("x", wanted), name="w", version="1.0").definition
    contracts = [linked(whole(wanted), Shelf(version)).contract for wanted, version in RANGES]
    assert contracts[0] == contracts[1] != contracts[2]


def test_a_run_is_refused_where_the_contract_was_edited():
    """The steps are the same, a type at the border is not: exit 7, and nothing ran."""
    engine, broken = LocalEngine(MemoryBackend()), [True]

    def made(annotation):
        def judge(state):
            if broken[0]:
                raise OSError
            return "pass"

        judge.__annotations__["return"] = annotation
        return pipeline([judge], name="bake", version="1.0")

    assert engine.run(made(str), run_id="r").status is RunStatus.FAILED
    with pytest.raises(ContractChanged, match=r"with another contract of bake@1\.0\.0") as caught:
        engine.resume("r", made(str | None))
    assert caught.value.exit_code == 7
    broken[0] = False
    assert engine.resume("r", made(str)).result == "pass"


RANGES = [("^1.0", "1.0"), ("^1.0", "1.1"), ("~1.0", "1.0")]


def named(name):
    return step(lambda value: value, name=name)


def unsteady():
    def fail(value):
        raise OSError

    return step(fail, name="e")


def yes(result, state):
    return True


def no(result, state):
    return False


BEFORE = parallel(named("a"), named("b")) | case((yes, named("c")), named("d")) | each(unsteady())
CHANGES = {
    "another predicate": parallel(named("a"), named("b")) | case((no, named("c")), named("d")) | each(unsteady()),
    "branches in another order": parallel(named("b"), named("a")) | case((yes, named("c")), named("d")),
    "one after the other": named("a") | named("b") | case((yes, named("c")), named("d")) | each(unsteady()),
    "a default lost": parallel(named("a"), named("b")) | case((yes, named("c"))) | each(unsteady()),
    "a branch more": parallel(named("a"), named("b"), named("x")) | case((yes, named("c")), named("d")),
    "turns instead of items": parallel(named("a"), named("b"))
    | case((yes, named("c")), named("d"))
    | repeat(unsteady(), until=yes),
    "named": parallel(named("a"), named("b"), name="both") | case((yes, named("c")), named("d")) | each(unsteady()),
    "scoped": scope(BEFORE, name="box"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_tree_is_another_shape(change):
    """Node kinds, predicates, branches and names are part of the shape; the first difference is named."""
    engine = LocalEngine(MemoryBackend())
    template = pipeline(BEFORE, name="t", version="1.0")
    assert engine.run(template, input=5, run_id="r").status is RunStatus.FAILED
    with pytest.raises(ShapeChanged, match="number"):
        engine.resume("r", pipeline(CHANGES[change], name="t", version="1.0"))
