"""What manifests tell of a composition is what the linked flow tells: never fewer problems, never others."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType

import pytest
from annotated_types import Gt
from pydantic import BaseModel, create_model

from knows_core import PipelineWorkflow, case, each, parallel, pipeline, repeat, step, use
from knows_core.linking import linked
from knows_core.types import Fit
from tests.properties.compositions import Manifests


class Lot(BaseModel):
    serial: str
    size: int = 25


@dataclass
class Recipe:
    name: str


Grams = NewType("Grams", float)
KINDS: list[Any] = [
    int, float, str, bytes, bool, None, Any, Lot, Recipe, Grams, list[int], list[float], tuple[int, str],
    dict[str, int], int | str, float | None, Literal["a", "b"], Annotated[int, Gt(0)], Annotated[int, Gt(5)],
]  # fmt: skip


class Shelf:
    """The templates of a composition, as an engine would find them."""

    def __init__(self, *templates: PipelineWorkflow) -> None:
        self._templates = {str(one.name): one for one in templates}

    def find(self, requirement):
        return self._templates[requirement.name]


def typed(name, taken, given):
    def function(value):
        return value

    function.__annotations__ = {"value": taken, "return": given}
    return step(function, name=name)


def agreeing(flow, *used, **options):
    """The problems by either way, after they were compared."""
    line = pipeline(flow, name="line", version="1.0", **options)
    told = Manifests(line, *used).linked("line")
    found = linked(line.definition, Shelf(*used)).problems
    if found and not told.problems:  # what descriptions cannot decide is noted, to be checked at run time
        assert any(one.verdict.fit is Fit.RUN_TIME for one in told.seams.seams), found
    if told.problems:
        assert [one.where for one in found] == [one.where for one in told.problems]
    return [one.what for one in told.problems]


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_what_flows_in_and_out_is_judged_as_the_types_themselves_are(given):
    """Every pair of kinds at both ends of a use; a refusal from data is a refusal of the linked flow."""
    count = 0
    for wanted in KINDS:
        used = pipeline([typed("inside", wanted, given)], name="used", version="1.0")
        flow = [typed("before", int, given), use("used"), typed("after", wanted, int)]
        count += bool(agreeing(flow, used))
    assert count or given is Any


@pytest.mark.parametrize(("one", "other"), list(itertools.product((int, str, list[int]), repeat=2)))
def test_so_it_is_in_branches_items_and_turns(one, other):
    """Wherever a use stands."""
    used = pipeline([typed("inside", one, other)], name="used", version="1.0")
    before, after = typed("before", int, other), typed("after", one, int)
    refused = agreeing([before, use("used"), after], used)
    assert bool(refused) == (one != other)
    both = typed("both", tuple[other, one], int)  # type: ignore[valid-type]
    assert bool(agreeing([before, parallel(typed("beside", other, other), use("used")), both], used)) == bool(refused)
    items, sums = typed("items", int, list[other]), typed("sums", list[one], int)  # type: ignore[valid-type]
    assert bool(agreeing([items, each(use("used")), sums], used)) == bool(refused)
    turns = repeat(use("used"), until=lambda value, state: True, max_times=2)
    assert bool(agreeing([before, turns, after], used)) == bool(refused)


@pytest.mark.parametrize("types", ["strict", "lenient", "warn", "off"])
@pytest.mark.parametrize("given", [int, str, int | str])
def test_so_it_is_under_every_rule(types, given):
    """A seam that is refused only for some values is refused by the strict rule alone."""
    used = pipeline([typed("inside", int, int)], name="used", version="1.0")
    refused = agreeing([typed("before", int, given), use("used")], used, types=types)
    assert bool(refused) == ((types, given) in {("strict", str), ("strict", int | str), ("lenient", str)})


class Batch(BaseModel):
    serial: int


@pytest.mark.parametrize("keys", [None, "batch", {"serial": "batch"}, {"other": "serial"}, {"serial": "size"}])
def test_so_it_is_for_state_keys(keys):
    """Names that are shared, moved, or given away twice."""
    used = pipeline([typed("inside", int, int)], name="used", version="1.0", state=Batch)
    refused = agreeing([typed("before", int, int), use("used", keys=keys)], used, state=Lot)
    assert bool(refused) == (keys in (None, {"other": "serial"}))


def test_two_classes_of_one_name_stay_apart_where_they_meet():
    """Each part of a tuple is judged by the class that its own template means."""
    other = create_model("Lot", serial=(int, ...))
    one = pipeline([typed("inside", int, Lot)], name="one", version="1.0")
    two = pipeline([typed("within", int, other)], name="two", version="1.0")
    before, branches = typed("before", int, int), parallel(use("one"), use("two"))
    same, crossed = typed("same", tuple[Lot, other], int), typed("crossed", tuple[other, Lot], int)
    assert agreeing([before, branches, same], one, two) == []
    (what,) = agreeing([before, branches, crossed], one, two)
    assert "Lot has no size" in what
    either = [before, case((lambda value, _: value > 1, use("one")), use("two"))]
    assert len(agreeing([*either, typed("taking", Lot, int)], one, two)) == 1
    assert agreeing([*either, typed("taking", Lot | other, int)], one, two) == []
    listed = [before, [use("one"), use("two")]]
    assert agreeing([*listed, each(typed("taking", Lot | other, int))], one, two) == []
    assert len(agreeing([*listed, each(typed("taking", Lot, int))], one, two)) == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (list[int | str], list[int]),
        (tuple[int, ...], tuple[int, int]),
        (Literal["a", "b"], Literal["a"]),
        (str, Literal["a"]),
        (float, Grams),
    ],
)
def test_a_lenient_composition_may_have_what_some_values_pass(given, wanted):
    """Wherever inside the types it is that only some of them do."""
    used = pipeline([typed("inside", wanted, int)], name="used", version="1.0")
    flow = [typed("before", int, given), use("used")]
    assert agreeing(flow, used)
    assert not agreeing(flow, used, types="lenient")
