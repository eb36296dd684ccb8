"""What the codec refuses: where it stands, what it is, and what to record instead."""

from __future__ import annotations

import enum
import functools
import pathlib
import socket
import sys
import threading
import time
import zoneinfo
from collections import Counter, deque, namedtuple
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from knows_core import NotStorable, TooDeep
from knows_core.testing.values import CODEC, Access, Color, Note, Place, Reading, nested, shared
from knows_core.values.codec import Codec, UnreadableValue
from knows_core.values.declared import declared_in

Held = TypeVar("Held")


@dataclass
class Box(Generic[Held]):
    x: Held


class Wide(Place):
    """A named tuple whose instances have a dict."""


class Slotted(BaseModel):
    __slots__ = ("hidden",)
    x: int


class Price(Decimal):
    pass


class Later(datetime):
    pass


class Odd(tzinfo):
    def utcoffset(self, when):
        return None

    tzname = dst = utcoffset


def refused(value, *, codec=CODEC):
    with pytest.raises(NotStorable) as caught:
        codec.encode(value, "result of a")
    return caught.value


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (SecretStr("canary"), "Secrets are never recorded"),
        (SecretBytes(b"canary"), "Secrets are never recorded"),
        (Secret[int](5), "Secrets are never recorded"),
        (lambda: 1, "choose by it in the step that calls it"),
        ("".join, "choose by it in the step that calls it"),
        (functools.partial(int), "choose by it in the step that calls it"),
        ((one for one in ()), "record list"),
        (iter([1]), "record list"),
        (map(int, []), "record list"),
        (sys.__stderr__, "open it in the step that needs it"),
        (threading.RLock(), "open it in the step that needs it"),
        (threading.Thread(), "open it in the step that needs it"),
        (sys, "Record its name"),
        (int, "Record its name"),
        (Color, "Record its name"),
        (KeyError("x"), "what a failed attempt raised is recorded"),
        (memoryview(b""), "Record bytes"),
        (deque([1]), "Record list"),
        (pathlib.PurePosixPath("a"), "Record str"),
        (Fraction(1), "Record str"),
        (Counter("a"), "Record a plain dict"),
        (Price(1), "Record a plain Decimal"),
        (Later(2026, 1, 1), "Record a plain datetime"),
        (type("Own", (float,), {})(1), "Record a plain float"),
        (datetime(2026, 1, 1, tzinfo=Odd()), "Use datetime.timezone or zoneinfo.ZoneInfo"),
        (object(), "docs/reference/values.md"),
        (..., "docs/reference/values.md"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_a_refusal_says_what_to_record_instead(value, hint):
    """The class is named, never the value, and the hint fits it."""
    error = refused({"a": [1, (value,)]})
    assert error.facts["path"] == "$.a[1][0]"
    assert hint in str(error)
    assert "canary" not in str(error)


def test_a_socket_is_refused_like_a_file():
    """What is open is opened again by the step that needs it."""
    with socket.socket() as opened:
        assert "open it in the step" in str(refused(opened))


def test_a_zone_without_a_name_is_refused():
    """Rules that were read from an open file could not be found again."""
    path = pathlib.Path(zoneinfo.TZPATH[0], "Europe/Berlin")
    with path.open("rb") as rules:
        nameless = zoneinfo.ZoneInfo.from_file(rules, key="Europe/Berlin")
    assert "a time in the zone ZoneInfo" in str(refused(datetime(2026, 1, 1, tzinfo=nameless)))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a b": len}, "$['a b']"),
        ({1: len}, "$[1]"),
        ({10**5000: len}, "$[<int>]"),
        ({(1, 2): len}, "$[<tuple>]"),
        ({b"k": len}, "$[b'k']"),
        ({"x": 0, len: 1}, "$.keys()[1]"),
        ({(1, len): 1}, "$.keys()[0][1]"),
        ({len}, "$[*]"),
        (Note(1, [Note(len)]), "$.more[0].text"),
        (Place(1, len), "$.what"),
        (Reading(value=[len]), "$.value[0]"),
        ({"k" * 500: len}, "$['" + "k" * 117 + "..."),
    ],
)
def test_the_path_leads_to_what_is_refused(value, path):
    """Through keys of every type, members of sets and fields; a long one is cut."""
    assert refused(value).facts["path"] == path


def test_a_private_attribute_is_part_of_a_model():
    """What it holds is refused as what a field holds."""
    value = Reading(value=1)
    value._seen = threading.Lock()
    assert refused(value).facts["path"] == "$._seen"


def beside(value, name):
    object.__setattr__(value, name, 1)
    return value


Short = namedtuple("Short", "a b")  # noqa: PYI024 - one without annotations


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (beside(Reading(value=1), "other"), "Reading with other, which are not fields"),
        (beside(Slotted(x=1), "hidden"), "Slotted with hidden, which are not fields"),
        (beside(Wide(1), "other"), "Wide with other, which are not fields"),
        (tuple.__new__(Short, (1,)), "Short with more or less items than names"),
        (Box[int](1), r"without \[\.\.\.\], which leaves a note on it"),
    ],
)
def test_an_object_is_refused_when_something_of_it_would_be_lost(value, why):
    """Attributes beside the fields, slots that are no fields, items without names."""
    with pytest.raises(NotStorable, match=why):
        Codec(declared_in([type(value)]).classes).encode(value, "")


@pytest.mark.parametrize("value", [Color.RED, Access.READ | Access.RUN, Place(1), Note(1)])
def test_what_is_declared_nowhere_is_refused(value):
    """Enums and named tuples too come back only as classes that an annotation names."""
    assert "which the template does not declare" in str(refused(value, codec=Codec({})))


def test_one_name_for_two_classes_is_refused():
    """A record could not say which of them it means; the hint says so."""

    def declared():
        class Twin(NamedTuple):
            x: int

        return Twin

    one, other = declared(), declared()
    codec = Codec(declared_in([one, other]).classes)
    assert "another class of the same name" in str(refused(one(1), codec=codec))
    assert "another class of the same name" in str(refused(other(1), codec=codec))
    with pytest.raises(UnreadableValue):
        codec.decode(Codec(declared_in([one]).classes).encode(one(1)))


# ------------------------------------------------------------------ too deep, too many


def inside_itself(kind):
    value = kind()
    if kind is dict:
        value["k"] = [value]
    else:
        value += [1, [value]]
    return value


@pytest.mark.fault(51)
@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        (inside_itself(list), "$[1][0]", "what stands at $ already"),
        ({"a": inside_itself(dict)}, "$.a.k[0]", "what stands at $.a already"),
        (nested(201), "$" + "[0]" * 39 + "[0...", "more"),
    ],
)
def test_a_value_that_leads_to_no_end_is_too_deep(value, path, found):
    """A cycle is told where it closes; 200 levels pass, 201 do not."""
    with pytest.raises(TooDeep) as caught:
        CODEC.encode(value, "result of a")
    assert (caught.value.facts["path"], caught.value.facts["found"]) == (path, found)
    assert CODEC.decode(CODEC.encode(nested(200))) == nested(200)


def test_an_object_that_holds_itself_is_too_deep():
    """A field that leads back to its object is a cycle as well."""
    value = Note("x")
    value.more.append(value)
    with pytest.raises(TooDeep, match=r"\$\.more\[0\]: .* found what stands at \$ already"):
        CODEC.encode(value, "")


@pytest.mark.parametrize("kind", [Note, Place, lambda what: Reading(value=what), lambda what: {(1,): what}])
def test_two_hundred_levels_of_objects_come_back(kind):
    """Every kind of level has room for all of them."""
    value: Any = 1
    for number in range(199):
        value = kind(number, value) if kind is Place else kind(value)
    assert CODEC.encode(CODEC.decode(CODEC.encode(value))) == CODEC.encode(value)


def test_a_call_without_room_left_refuses_and_does_not_break():
    """Deep in somebody's own recursion the answer is still TooDeep, and UnreadableValue for reading."""
    value, encoded = nested(150), CODEC.encode(nested(150))

    def deeper(call, frames):
        return call() if frames == 0 else deeper(call, frames - 1)

    frames = sys.getrecursionlimit() - len(list(_frames())) - 60
    with pytest.raises(TooDeep, match="more than this call has room for"):
        deeper(lambda: CODEC.encode(value, "result of a"), frames)
    with pytest.raises(UnreadableValue, match="more levels than this call has room for"):
        deeper(lambda: CODEC.decode(encoded), frames)


def _frames():
    frame: Any = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def test_what_stands_in_too_many_places_is_refused_early():
    """Two to the power of a hundred ways through a small value end at the number of parts that are allowed."""
    began = time.perf_counter()
    with pytest.raises(NotStorable, match="found more than 10000 parts"):
        Codec({}, most=10_000).encode(shared(100), "")
    assert time.perf_counter() - began < 5
    assert Codec({}, most=3).encode([[1], 2]) == [[1], 2]


def test_a_member_that_its_enum_does_not_know_is_refused():
    """Only members and combinations of flags can be found again."""

    class Open(enum.Enum):
        A = 1

        @classmethod
        def _missing_(cls, value):
            made = object.__new__(cls)
            made._value_, made._name_ = value, f"M{value}"
            return made

    codec = Codec(declared_in([Open]).classes)
    assert codec.decode(codec.encode(Open.A)) is Open.A
    assert "Open without a name" in str(refused(Open(5), codec=codec))
