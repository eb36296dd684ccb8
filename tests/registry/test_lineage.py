"""Which class derives from which, told by descriptions: across plugins, and from one version to the next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from knows_core import pipeline, step, use
from knows_core.describing.descriptors import described_together
from knows_core.types import Fit
from knows_core.types import fits as judge
from knows_registry.contracts.contract_diff import Answer, compare, fits
from knows_registry.contracts.released import kept_profiles
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of, with_lineage
from tests.properties.compositions import Manifests

T = TypeVar("T")


class Reading(BaseModel):
    value: float


class Precise(Reading):
    digits: int = 3


class Checked(BaseModel):
    value: float

    @model_validator(mode="after")
    def is_known(self) -> Checked:
        return self


class Unchecked(Checked):
    digits: int = 3


class Anew(BaseModel):
    model_config = ConfigDict(revalidate_instances="always")
    value: float


class AnewTwice(Anew):
    digits: int = 3


class Own(BaseModel):
    value: float

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(source)


class OwnTwice(Own):
    digits: int = 3


class Held(BaseModel, Generic[T]):
    held: T


class HeldInt(Held[int]):
    digits: int = 3


@dataclass
class Part:
    name: str


@dataclass
class Screw(Part):
    size: float = 1.0


class Place(NamedTuple):
    row: int


class Wafer(Place):
    pass


def local():
    class Part(Reading):
        digits: int = 3

    return Part


def sides(produced, consumed):
    found = [described_together({"it": one}) for one in (produced, consumed)]
    definitions = [with_lineage(side.definitions, side.lineage) for side in found]
    return [*(side.types["it"] for side in found), *definitions]


YES, UNDECIDED, NO = Answer
PAIRS = [
    (Precise, Reading, YES),
    (Reading, Precise, NO),
    (list[Precise], list[Reading | None], YES),
    (Screw, Part, YES),
    (Part, Part, YES),
    (Part, Screw, NO),
    (Wafer, Place, YES),
    (Checked, Checked, YES),
    (Unchecked, Checked, UNDECIDED),
    (AnewTwice, Anew, UNDECIDED),
    (OwnTwice, Own, UNDECIDED),
    (HeldInt, Held[int], UNDECIDED),
    (local(), Reading, UNDECIDED),
]


@pytest.mark.parametrize(("produced", "consumed", "answer"), PAIRS)
def test_a_class_fits_where_the_one_that_it_derives_from_is_wanted(produced, consumed, answer):
    """Yes only where the classes themselves fit; undecided where its name does not tell how it is checked."""
    assert fits(*sides(produced, consumed)).answer is answer
    fit = judge(produced, consumed).fit
    assert answer is UNDECIDED or (fit is Fit.FITS) == (answer is YES)


def test_a_description_tells_the_structure_and_the_lineage_stands_apart():
    """Classes that others find are told with those that they derive from, without what libraries give."""
    named: dict[str, Any] = {"one": list[Screw], "two": Precise, "three": HeldInt, "four": Held[int], "five": local()}
    found = described_together(named)
    own = [f"{__name__}:{name}" for name in ("HeldInt", "Held", "Precise", "Reading", "Screw", "Part")]
    assert found.lineage == {"HeldInt": own[:2], "Precise": own[2:4], "Screw": own[4:]}
    assert "lineage" not in str(found.definitions)
    shared = described_together({"one": Twin, "two": Other.Twin})
    assert (list(shared.definitions), shared.lineage) == (["Twin"], {})


class Twin(BaseModel):
    value: float


class Other:
    class Twin(BaseModel):
        value: float


def test_where_descriptions_are_of_two_times_nothing_is_promised():
    """A class of that name was another when one side was described: the field says so, and it is undecided."""
    produced, consumed, one, other = sides(Precise, Reading)
    other["Reading"] = {**other["Reading"], "fields": [{"name": "value", "type": {"kind": "str"}, "required": True}]}
    found = fits(produced, consumed, one, other)
    assert (found.answer, found.path) == (UNDECIDED, ".value")
    assert "Precise derives from Reading, and differs there" in found.reason


# ------------------------------------------------------------------ versions and compositions


def giving(kind, name="measure"):
    def measure() -> Any: ...

    measure.__annotations__["return"] = kind
    return step(measure, name=name)


def taking(kind):
    def judge(value): ...

    judge.__annotations__["value"] = kind
    return step(judge, name="judge")


def profile(flow, name="line"):
    return profile_of(pipeline(flow, name=name, version="1.0").definition)


@pytest.mark.parametrize(("wide", "narrow"), [(Reading, Precise), (Part, Screw), (list[Reading], list[Precise])])
def test_a_release_may_give_what_derives_from_what_it_gave(wide, narrow):
    """Coming out, a subclass is narrower and minor, the way back a break; going in it is the other way round."""
    for flow, narrower, wider in ((giving, "minor", "major"), (taking, "major", "minor")):
        (there,) = compare(profile(flow(wide)), profile(flow(narrow)))
        (back,) = compare(profile(flow(narrow)), profile(flow(wide)))
        assert (there.rule, there.bump, back.rule, back.bump) == ("type-narrower", narrower, "type-wider", wider)


def test_a_released_version_that_does_not_tell_is_compared_as_before():
    """A file from before classes were told: what it does not say is undecided, and counts as major."""
    old, new = profile(giving(Part)), profile(giving(Screw))
    (change,) = compare(old._replace(lineage={}), new)
    assert (change.rule, change.bump) == ("undecided", "major")
    assert old.contract_digest == profile(giving(Part))._replace(lineage={}).contract_digest


@pytest.mark.parametrize(("given", "fit"), [(Precise, Fit.FITS), (Reading, Fit.FITS), (Checked, Fit.RUN_TIME)])
def test_a_seam_between_plugins_is_decided(given, fit):
    """The manifests carry all that this takes; a class without the lineage is left to run time."""
    oven = pipeline(giving(given), name="oven", version="1.0")
    line = pipeline(use("oven") | taking(Reading), name="line", version="1.0")
    assert [one.verdict.fit for one in Manifests(oven, line).linked("line").seams.seams] == [fit]


def test_a_manifest_without_what_stands_beside_the_contract_is_read():
    """One that was built before; its digests are those of today."""
    whole = profile(giving(Precise))
    content = json.loads(text_of(Manifest("", (whole,))))
    for beside in ("lineage", "defaults", "flow", "migrations"):
        del content["templates"][0][beside]
    (kept,) = kept_profiles(json.dumps(content), Path("old.json"))
    assert kept == whole._replace(lineage={}, defaults=None, flow=None, migrations=None)
