"""Whatever stands where a type should is described: odd objects, random values, random annotations."""

# ruff: noqa: UP007 - the members of a union are made, not written

from __future__ import annotations

import dataclasses
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
from pydantic import BaseModel, PlainSerializer, create_model
from typing_extensions import TypeAliasType

from knows_core.describing.descriptors import described
from tests.core.described_types import Growing, Plain, Tree
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


@dataclasses.dataclass(frozen=True)
class Scale:
    unit: str
    factor: float = 1.0


class Both(Scale, enum.Enum):
    ONE = ("a", 2.0)


def test_what_is_endless_is_cut_off_at_one_place():
    """However deep the caller already is, an endless type has one description, of few definitions."""

    def deeper(levels):
        return deeper(levels - 1) if levels else described(deep(900))

    assert deeper(300) == described(deep(900))
    assert "too_deep" in json.dumps(described(deep(900)))
    assert "too_deep" not in json.dumps(described(deep(50)))
    assert 5 < len(described(Growing[int])["definitions"]) < 15


def test_an_alias_of_an_alias_that_names_itself_is_opened():
    """Only what names itself needs a definition; one that cannot be opened keeps its name."""
    assert described(TypeAliasType("Trees", list[Tree])) == described(list[Tree])
    assert described(ODD["unresolved alias"])["name"].endswith(":Lost")


def test_a_default_that_is_too_deep_is_made():
    """A default is data as far as it can be written."""
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, [[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]], [Plain()], {1: 2}, Plain()):
        made = create_model("Made", a=(Any, value))
        assert described(made)["definitions"]["Made"]["fields"][0]["default"] == "made"


def test_a_mark_with_values_of_its_own_shows_them():
    """A dataclass as a mark tells all its values; of pydantic's marks those that its class gives are left out."""
    assert described(Annotated[float, Scale("bar")])["unread"] == ['Scale {"factor":1.0,"unit":"bar"}']
    (entry,) = described(Annotated[int, PlainSerializer(repr)])["unread"]
    assert entry == 'PlainSerializer {"func":"builtins:repr"}'


def test_an_enum_of_records_is_an_enum():
    """What an enum is mixed with does not make it a class of fields; the root of all enums is a plain class."""
    assert described(Both)["kind"] == "enum"
    assert described(enum.Enum) == {"kind": "class", "class": "enum:Enum"}
