"""Whatever stands where a type should is described: odd objects, random values, random annotations."""

# ruff: noqa: UP007 - the members of a union are made, not written

from __future__ import annotations

import enum
import json
import random
import typing
from collections import abc
from typing import Annotated, Any, Literal, NamedTuple, NewType, Protocol, TypedDict, Union

import pytest
from annotated_types import Gt
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from knows_core.descriptors import described
from tests.core.described_types import Plain
from tests.properties.annotated_values import Garden


def deep(levels):
    found: Any = int
    for _ in range(levels):
        found = list[found]
    return found


def wide(levels):
    found: Any = int
    for _ in range(levels):
        found = tuple[found, found]
    return found


class Rude:
    """An object that answers no question."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class RudeEverywhere:
    def __getattribute__(self, name):
        raise RuntimeError(name)


class Yielding:
    """An object that has every attribute."""

    def __getattr__(self, name):
        return self


class Unresolved(TypedDict):
    missing: Nowhere  # type: ignore[name-defined]  # noqa: F821


class UnresolvedTuple(NamedTuple):
    missing: Nowhere  # type: ignore[name-defined]  # noqa: F821


class UnresolvedModel(BaseModel):
    missing: Nowhere  # type: ignore[name-defined]  # noqa: F821


class UnresolvedProtocol(Protocol):
    def run(self, one: Nowhere) -> int: ...  # type: ignore[name-defined]  # noqa: F821


ODD: dict[str, Any] = {
    "a number": 5,
    "a list": [int],
    "nothing told": ...,
    "a module": json,
    "a lambda": lambda: None,
    "an instance": Plain(),
    "rude": Rude(),
    "ruder": RudeEverywhere(),
    "yielding": Yielding(),
    "rude mark": Annotated[int, Rude()],
    "ruder mark": Annotated[int, RudeEverywhere()],
    "yielding mark": Annotated[int, Yielding()],
    "rude limit": Annotated[int, Gt(Rude())],
    "not a number": Annotated[float, Gt(float("nan"))],
    "a long number": Literal[10**5000],
    "deep": deep(900),
    "wide": wide(40),
    "special": typing.Self,
    "class variable": typing.ClassVar[int],
    "parameters": abc.Callable[typing.ParamSpec("P"), int],
    "several": tuple[typing.Unpack[typing.TypeVarTuple("Ts")]],  # type: ignore[misc]
    "unresolved": Unresolved,
    "unresolved tuple": UnresolvedTuple,
    "unresolved model": UnresolvedModel,
    "unresolved protocol": UnresolvedProtocol,
    "unresolved alias": TypeAliasType("Lost", "Nowhere"),  # noqa: F821
    "a new type of nothing": NewType("Odd", "Nowhere"),  # noqa: F821
    "a model itself": BaseModel,
    "an enum itself": enum.Enum,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_objects_are_described_too(name):
    """Whatever stands where a type should is described, without raising, as JSON."""
    found = described(ODD[name])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "0x7" not in json.dumps(found)[:2000]


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary() | st.floats(), st.lists))
def test_any_value_can_stand_as_a_type_a_mark_or_a_literal(value):
    """Random values are described wherever a type may hold them."""
    for annotation in (value, Annotated[int, value], Annotated[int, Gt(value)], Literal[value]):
        found = described(annotation)
        assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("seed", range(5))
def test_a_random_annotation_has_one_description_in_every_order(seed):
    """A union of random annotations is described alike whichever comes first, and survives JSON."""
    garden = Garden(random.Random(seed))
    for _ in range(100):
        one, other = (garden.annotation(garden.grow()) for _ in range(2))
        found = described(Union[one, other])
        assert found == described(Union[other, one])
        assert json.loads(json.dumps(found)) == found
