"""Whether two values are the same: by type and bits, whatever `==` says, and in bounded time."""

from __future__ import annotations

import copy
import math
import time as clock
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import pytest

from knows_core.testing.values import Access, Color, Level, Note, Place, Reading, Word, nested, shared
from knows_core.values.sameness import same
from knows_core.values.traits import is_immutable, private_copy

AUTUMN = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (0j, -0j),
        (Decimal("1.0"), Decimal("1.00")),
        (Decimal("NaN1"), Decimal("NaN2")),
        (Decimal("sNaN"), Decimal("NaN")),
        (Level.LOW, 1),
        (Word.YES, "yes"),
        (Access.READ, Access.READ | Access.RUN),
        (Color.RED, Color.BLUE),
        (range(0), range(5, 5)),
        (UUID(int=1), UUID(int=1, is_safe=SafeUUID.safe)),
        (AUTUMN, AUTUMN.replace(fold=1)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))),
        (timezone(timedelta(0), "UTC"), UTC),
        (time(1), time(1, tzinfo=UTC)),
        (time(1), time(1, fold=1)),
        ({1}, {True}),
        ({1, "a"}, {1.0, "a"}),
        (frozenset({math.nan}), frozenset({-math.nan})),
        ({1}, frozenset({1})),
        ({1: 0}, {True: 0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1], (1,)),
        (Place(1), (1, None)),
        (Note(1), Note(1.0)),
        (b"a", bytearray(b"a")),
        (Reading(value=1), Reading(value=1, point=None)),
        (object(), object()),
    ],
)
def test_values_that_differ_in_type_or_bits(one, other):
    """`==` holds for most of these pairs."""
    assert not same(one, other)
    assert not same([{"k": (one,)}], [{"k": (other,)}])
    assert same(one, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (math.nan, float("nan")),
        ({math.nan: (math.nan,)}, {float("nan"): (float("nan"),)}),
        ({math.nan, 1, "a"}, {"a", float("nan"), 1}),
        ({(math.nan,), (1,)}, {(1,), (float("nan"),)}),
        (Decimal("sNaN7"), Decimal("sNaN7")),
        (ZoneInfo("Europe/Berlin"), ZoneInfo.no_cache("Europe/Berlin")),
        (timezone(timedelta(hours=1)), timezone(timedelta(hours=1))),
        (Place(1, [2]), Place(1, [2])),
        ({1: Note(math.nan)}, {1: Note(float("nan"))}),
    ],
)
def test_values_that_are_the_same_without_being_equal(one, other):
    """A NaN is itself, wherever it stands; a zone is its name."""
    assert same(one, other)


def test_what_is_shared_is_looked_into_once():
    """Two to the power of a hundred ways through a small value cost no more than its parts."""
    began = clock.perf_counter()
    value = shared(100)
    assert same(value, copy.deepcopy(value))
    assert not same([value, 1], [copy.deepcopy(value), 2])
    deep: tuple[Any, ...] = ()
    for _ in range(100):
        deep = (deep, deep)
    assert is_immutable(deep)
    assert not is_immutable((deep, []))
    assert same(private_copy((deep, [], Note(deep))), (deep, [], Note(deep)))
    assert clock.perf_counter() - began < 5


def test_beyond_two_hundred_levels_the_answer_is_a_cautious_no():
    """And no RecursionError, however deep."""
    assert same(nested(200), nested(200))
    assert not same(nested(300), nested(300))
    assert not same(nested(50_000), nested(50_000))


def test_a_value_inside_itself_ends():
    """Two cycles of one form are compared once around."""
    one: list[object] = []
    one.append(one)
    other: list[object] = []
    other.append(other)
    assert same(one, other)


class Sub(Place):
    """A named tuple whose instances have a dict."""


@dataclass(frozen=True)
class Frozen:
    held: object


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal(1), True),
        (UUID(int=1), True),
        (AUTUMN.tzinfo, True),
        (Color.RED, True),
        (Access.READ | Access.RUN, True),
        (Place(1, "x"), True),
        (frozenset({(1, Color.RED)}), True),
        (1j, True),
        (range(3), True),
        (Place(1, []), False),
        (Sub(1), True),
        (set(), False),
        (bytearray(), False),
        (Frozen([]), False),
        (type("Decimal", (), {"__module__": "decimal"})(), False),
    ],
)
def test_what_may_be_shared(value, expected):
    """Atoms of every kind and what holds nothing but them; a class is not what it calls itself."""
    assert is_immutable(value) is expected
    assert (private_copy(value) is value) is expected


def test_a_private_copy_shares_what_the_value_shares():
    """What stands in two places stands in two places of the copy, and what leads back leads back there."""
    inner: list[Any] = [1]
    value = [inner, (inner, 2), {"k": inner}, {(1,)}, Note(inner)]
    made = private_copy(value)
    assert same(made, value)
    assert made[0] is made[1][0] is made[2]["k"] is made[4].text
    assert made[0] is not inner
    around: list[Any] = []
    around.append((around,))
    again = private_copy(around)
    assert again[0][0] is again is not around
    held: tuple[list[Any]] = ([],)
    held[0].append(held)
    once = private_copy(held)
    assert once[0][0] is once is not held


def test_a_named_tuple_with_attributes_is_copied():
    """What stands beside its items can be changed."""
    value = Sub(1)
    value.other = []  # type: ignore[attr-defined]
    made = private_copy(value)
    assert not is_immutable(value)
    assert same(made, value)
    made.other.append(1)
    assert not same(made, value)
