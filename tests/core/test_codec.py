"""Values to JSON data and back: the same type and bits, or refused with the path."""

from __future__ import annotations

import json
import math
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from functools import cached_property
from typing import Generic, NewType, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, TypeAdapter

from knows_core import NotStorable, TooDeep
from knows_core.values.codec import Codec, UnreadableValue
from knows_core.values.declared import declared_in
from knows_core.values.sameness import same


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    tags: list[str] = field(default_factory=list)


@dataclass
class Cached:
    x: int

    @cached_property
    def double(self):
        return self.x * 2


class Inner(BaseModel):
    n: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)
    inner: Inner
    when: datetime | None = None
    points: tuple[Point, ...] = ()
    _seen: int = PrivateAttr(default=0)


CODEC = Codec(declared_in([Outer, Cached]).classes)


def through(value, codec=CODEC):
    """The value written to text and read back."""
    return codec.decode(json.loads(json.dumps(codec.encode(value, "value"), allow_nan=False)))


FLOATS = st.floats(allow_nan=True).map(lambda one: struct.unpack("<d", struct.pack("<d", one))[0])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(seconds=1), "odd")])
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    FLOATS,
    st.text(alphabet=st.characters(exclude_categories=())),
    st.binary(),
    st.datetimes(timezones=ZONES | st.just(ZoneInfo("Europe/Berlin"))),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3) | st.just("$"), inner, max_size=4),
        st.builds(Point, FLOATS, st.lists(st.text(), max_size=2)),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_stored_comes_back_the_same(value):
    """A value comes back as the same type and bits."""
    assert same(through(value), value)


@given(VALUES)
def test_the_encoding_is_canonical(value):
    """The same value always has the same bytes."""
    assert json.dumps(CODEC.encode(value, "")) == json.dumps(CODEC.encode(through(value), ""))


@pytest.mark.fault(46, 48, 49)
@pytest.mark.parametrize("value", [10**400, -(10**400), 2**64, -0.0, math.inf, "\ud800", "\x00", {"$": "tuple"}])
def test_awkward_values_come_back(value):
    """Big integers, signed zero, infinities, lone surrogates, NUL and our own tag are ordinary values."""
    assert same(through(value), value)


def test_models_come_back_with_all_their_parts():
    """Fields, extra fields, private attributes and which fields were set survive; no validator runs."""
    value = Outer(inner=Inner(n=1), points=(Point(1.5, ["a"]),), more={"k": [1]})
    value._seen = 7
    back = through(value)
    assert (back, back._seen, back.model_fields_set) == (value, 7, {"inner", "points", "more"})
    assert type(back.points[0]) is Point


def test_cached_properties_are_not_part_of_a_value():
    """A cached property that was used is computed again instead of being stored."""
    value = Cached(3)
    assert value.double == 6
    assert through(value) == value


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": [1, {"b": len}]}, "$.a[1].b", "builtin_function_or_method"),
        ([Fraction(1)], "$[0]", "Fraction"),
        (OrderedDict(), "$", "OrderedDict"),
        ({"a": {len: 1}}, "$.a.keys()[0]", "builtin_function_or_method"),
        (datetime(2026, 1, 1), "$", "without a time zone"),  # noqa: DTZ001 - the point of the test
        (lambda: 1, "$", "function"),
        (Outer(inner=Inner(n=1), secret=SecretStr("x")), "$.secret", "SecretStr"),
    ],
)
def test_everything_else_is_refused_with_its_path(value, path, found):
    """A type outside the closed set is named together with where it stands."""
    with pytest.raises(NotStorable) as caught:
        CODEC.encode(value, "result of a")
    assert f"result of a {path}:" in str(caught.value)
    assert found in str(caught.value)


def test_a_class_that_nobody_declared_is_refused():
    """What could not be read back is not written."""
    with pytest.raises(NotStorable, match="Point, which the template does not declare"):
        Codec({}).encode(Point(1.0), "")


def test_attributes_beside_the_fields_are_refused():
    """A dataclass instance with an attribute that is no field would come back without it."""
    value = Cached(1)
    value.other = 2  # type: ignore[attr-defined]
    with pytest.raises(NotStorable, match="with other, which are not fields"):
        CODEC.encode(value, "")


def test_cycles_and_depth_are_refused():
    """A value inside itself, or deeper than 200 levels, is refused and not recursed into."""
    value: list[object] = []
    value.append(value)
    with pytest.raises(TooDeep, match=r"\$\[0\]: expected at most 200 levels .* found what stands at \$ already"):
        CODEC.encode(value, "")


@pytest.mark.fault(56)
@pytest.mark.parametrize(
    "data",
    [
        {"$": "os.system", "v": "true"},
        {"$": "object", "id": "os:system", "parts": {}},
        {"$": "object", "id": f"{__name__}:Point", "parts": {"x": 1.0}},
        {"$": "bytes", "base64": "!"},
        {"$": "datetime", "at": "yesterday", "zone": [0], "fold": 0},
        {"$": "datetime", "at": "2026-01-01T00:00:00", "zone": "../../etc/passwd", "fold": 0},
        {"$": ["unhashable"]},
        {"$": "tuple"},
    ],
)
def test_crafted_data_is_an_error_and_never_an_import(data):
    """Unknown tags, unknown classes and missing or foreign parts raise one error."""
    with pytest.raises(UnreadableValue):
        CODEC.decode(data)


def test_a_time_that_pydantic_read_from_text_comes_back():
    """pydantic gives such times a zone of its own class; it survives like the others."""
    value = TypeAdapter(datetime).validate_python("2026-01-02T03:04:05+01:30")
    back = through(value)
    assert (back, type(back.tzinfo), back.isoformat()) == (value, type(value.tzinfo), "2026-01-02T03:04:05+01:30")


def test_without_the_template_objects_are_readable_data():
    """A codec without types shows an object as the dict of its fields."""
    data = CODEC.encode(Outer(inner=Inner(n=1)), "")
    assert Codec(None).decode(data) == {"inner": {"n": 1}, "when": None, "points": ()}


def unset(kind):
    """An instance of a model as model_construct() makes it: no field has a value."""
    return kind.model_construct()


@dataclass
class Half:
    x: int
    y: int = field(init=False)


@dataclass
class Dictionary(dict):  # type: ignore[type-arg]
    x: int


class Hidden:
    __slots__ = ("secret",)


@dataclass(slots=True)
class Shown(Hidden):
    x: int


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (unset(Inner), "Inner without n"),
        (Half(1), "Half without y"),
        (Dictionary(1), "Dictionary with more behind it than its fields"),
    ],
)
def test_an_object_that_its_fields_do_not_make_up_is_refused(value, why):
    """What could not be made again from its fields does not count as done."""
    with pytest.raises(NotStorable, match=why):
        Codec(declared_in([type(value)]).classes).encode(value, "")


def test_a_slot_of_a_parent_class_is_not_lost():
    """An attribute in a slot that is no field is noticed."""
    value = Shown(1)
    value.secret = 5  # type: ignore[attr-defined]
    with pytest.raises(NotStorable, match="with secret, which are not fields"):
        Codec(declared_in([Shown]).classes).encode(value, "")


Item = TypeVar("Item")


@dataclass
class Box(Generic[Item]):
    x: Item


class Row(TypedDict):
    point: Point


Named = NewType("Named", Inner)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [(Box[int], {Box}), (Named, {Inner}), (Row, {Point}), (list[Row] | None, {Point}), (Outer, {Outer, Inner, Point})],
)
def test_a_class_is_declared_wherever_an_annotation_leads_to_it(annotation, expected):
    """Through generics, new types, typed dicts, unions and fields."""
    assert set(declared_in([annotation]).classes.values()) == expected
