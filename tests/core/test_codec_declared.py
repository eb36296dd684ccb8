"""Enums and named tuples: found in annotations, looked up in the template's own table, compared when a run goes on."""

from __future__ import annotations

import enum
from collections import namedtuple
from typing import Literal, NamedTuple

import pytest

from knows_core import PipelineWorkflow, ValuesChanged
from knows_core.testing.values import CODEC, Access, Color, Level, Place, Point, Word
from knows_core.values.codec import Codec, UnreadableValue
from knows_core.values.declared import declared_in


class Path(NamedTuple):
    color: Color
    point: Point | None
    then: Path | None = None


Bare = namedtuple("Bare", "a b")  # noqa: PYI024 - one without annotations


class Kept(enum.Flag, boundary=enum.KEEP):
    A = 1


class Alias(enum.Enum):
    ONE = 1
    UNO = 1  # noqa: PIE796 - an alias


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (dict[Color, list[Level]], {Color, Level}),
        (Path, {Path, Color, Point}),
        (Literal[Word.YES, "no"], {Word}),
        (Bare | None, {Bare}),
    ],
)
def test_a_class_is_declared_wherever_an_annotation_leads_to_it(annotation, expected):
    """As keys, in fields of named tuples, by their members in a Literal."""
    assert set(declared_in([annotation]).classes.values()) == expected


def test_outlines_tell_members_and_items():
    """What a resumed run compares: names with annotations, names with values, no alias."""
    outlines = declared_in([Alias, Bare, Access]).outlines
    assert outlines[f"{__name__}:Alias"] == [["ONE", "= 0x1"]]
    assert outlines[f"{__name__}:Bare"] == [["a", "typing:Any"], ["b", "typing:Any"]]
    assert outlines["knows_core.testing.values:Access"] == [["READ", "= 0x1"], ["WRITE", "= 0x2"], ["RUN", "= 0x4"]]


@pytest.mark.parametrize(
    "value", [Alias.UNO, Kept(9), Bare(1, {2}), Path(Color.BLUE, None, Path(Color.RED, Point(1.0)))]
)
def test_they_come_back_as_they_were(value):
    """An alias as its member, flags beyond those named, items of every kind."""
    codec = Codec(declared_in([type(value)]).classes)
    back = codec.decode(codec.encode(value))
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize(
    "data",
    [
        {"$": "enum", "id": "knows_core.testing.values:Color", "name": "GREEN"},
        {"$": "enum", "id": "knows_core.testing.values:Color", "bits": "0x1"},
        {"$": "enum", "id": "knows_core.testing.values:Access", "bits": "0x10"},
        {"$": "enum", "id": "knows_core.testing.values:Place", "name": "row"},
        {"$": "enum", "id": "http:HTTPStatus", "name": "OK"},
        {"$": "object", "id": "knows_core.testing.values:Place", "parts": {"row": 1}},
        {"$": "object", "id": "knows_core.testing.values:Color", "parts": {}},
        {"$": "set", "of": [1, 1]},
        {"$": "set", "of": [[]]},
        {"$": "map", "of": [[1, 2], [1, 3]]},
        {"$": "map", "of": [[[], 2]]},
        {"$": "decimal", "text": "1,0"},
        {"$": "decimal", "text": "1e5"},
        {"$": "uuid", "text": "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"},
        {"$": "date", "at": "20260101"},
        {"$": "time", "at": "1:00", "zone": None, "fold": 0},
        {"$": "timedelta", "of": [0, 86400, 0]},
        {"$": "datetime", "at": "2026-01-01T00:00:00", "zone": None, "fold": 0},
        {"$": "range", "of": [1, 2, 0]},
        {"$": "tuple", "of": "ab"},
        {"$": "text", "base64": "/w=="},
    ],
)
def test_crafted_data_is_one_error(data):
    """Unknown members, other fields, equal keys, and texts that are written otherwise are UnreadableValue."""
    with pytest.raises(UnreadableValue):
        CODEC.decode(data)


def test_without_the_template_they_are_readable_data():
    """Members as their names, named tuples as dicts; where such data has no hash, sets and dicts become lists."""
    bare = Codec(None)
    value = [Color.RED, Access.READ | Access.RUN, Place(1), {Color.RED, "RED"}, {Point(1.0)}, {Point(1.0): 1}]
    point = {"x": 1.0, "name": ""}
    found = bare.decode(CODEC.encode(value))
    assert found[:3] == ["RED", 5, {"row": 1, "what": None}]
    assert found[3:] == [["RED", "RED"], [point], [(point, 1)]]


def enum_of(**members):
    return enum.Enum("Grade", members, module=__name__, qualname="Grade")


def graded(kind, *, broken=True):
    def make() -> object:
        return kind["A"]

    def fail(value):
        if broken:
            raise ConnectionError
        return value.name

    make.__annotations__["return"] = kind
    return PipelineWorkflow([make, fail], name="graded", version="1.0")


@pytest.mark.parametrize("now", [enum_of(A=1), enum_of(A=2, B=2), enum_of(A="1", B=2)])
def test_values_of_a_changed_enum_are_refused(engine, now):
    """A member that is gone or stands for something else: exit 7, with the members that were and that are."""
    engine.run(graded(enum_of(A=1, B=2)), run_id="r")
    with pytest.raises(ValuesChanged, match="Grade had the members A = 0x1, B = 0x2 and has A"):
        engine.resume("r", graded(now))


def test_a_member_more_strands_no_run(engine):
    """Nothing recorded can be of it."""
    engine.run(graded(enum_of(A=1, B=2)), run_id="r")
    assert engine.resume("r", graded(enum_of(B=2, C=3, A=1), broken=False)).result == "A"
