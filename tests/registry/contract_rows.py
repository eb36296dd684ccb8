"""Rows for every rule of a release: two types, and what their difference asks going in and coming out."""

from __future__ import annotations

import dataclasses
import enum
import types
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Protocol

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from tests.properties.annotated_values import KEYS


def model(name: str, extra: Any = "ignore", /, **fields: Any) -> Any:
    """A pydantic model with these fields: a type where the field is required, (type, default) where not."""
    given: Any = {key: one if isinstance(one, tuple) else (one, ...) for key, one in fields.items()}
    return create_model(name, __config__=ConfigDict(extra=extra), **given)


def record(name: str, *fields: Any) -> Any:
    """A dataclass."""
    return dataclasses.make_dataclass(name, fields)


def colour(*names: str) -> Any:
    """An enum that is always the same class, with these members."""
    return enum.Enum("Colour", [(name, name.lower()) for name in names], module="paints")


class Row(NamedTuple):
    """`rule` is what is found at `path`, what it asks where values go in, and where they come out."""

    name: str
    old: Any
    new: Any
    path: str
    rule: str
    going_in: str
    coming_out: str


STRICTER, LOOSER, EITHER, BROKEN = ("major", "minor"), ("minor", "major"), ("minor",) * 2, ("major",) * 2
Id, Code = NewType("Id", int), NewType("Code", int)


def protocol(*methods: str) -> Any:
    """A protocol with these methods."""
    return types.new_class("Reads", (Protocol,), {}, lambda body: body.update(dict.fromkeys(methods, checked)))


def named(*fields: str) -> Any:
    """A named tuple of numbers."""
    return NamedTuple("Pair", [(field, int) for field in fields])


def loose(kind: Any) -> Any:
    """A model with extra fields of this type."""
    extras = {"__pydantic_extra__": dict[str, kind]}
    body = {"__annotations__": extras, "__module__": __name__, "model_config": {"extra": "allow"}}
    return type("Loose", (BaseModel,), body)


def checked(value: Any) -> Any:
    return value


def keys(**fields: Any) -> Any:
    return KEYS("Keys", fields)


def list_of(kind: Any) -> Any:
    return list[kind]


def of(kind: Any, *marks: Any) -> Any:
    return Annotated[(kind, *marks)]


ROWS = [
    Row(
        "new required field", model("R", a=int), model("R", a=int, b=str), ".b", "field-new-required", "major", "minor"
    ),
    Row(
        *("new optional field", model("R", a=int), model("R", a=int, b=(str, "")), ".b"),
        *("field-new-optional", *EITHER),
    ),
    Row("field removed", model("R", a=int, b=str), model("R", a=int), ".b", "field-removed", *LOOSER),
    Row(
        *("field removed where others are forbidden", model("R", "forbid", a=int, b=str), model("R", "forbid", a=int)),
        *(".b", "field-refused", *BROKEN),
    ),
    Row("field now required", model("R", a=(int, 1)), model("R", a=int), ".a", "field-now-required", *STRICTER),
    Row("field now optional", model("R", a=int), model("R", a=(int, 1)), ".a", "field-now-optional", *LOOSER),
    Row("key now required", keys(a=NotRequired[int]), keys(a=int), ".a", "field-now-required", *STRICTER),
    Row("narrower type", float, int, "", "type-narrower", *STRICTER),
    Row("wider type", int, float, "", "type-wider", *LOOSER),
    Row("another type", int, str, "", "type-replaced", *BROKEN),
    Row("optional no more", int | None, int, "", "type-narrower", *STRICTER),
    Row("now optional", int, int | None, "", "type-wider", *LOOSER),
    Row("one more choice", int | str, int | str | bytes, "", "type-wider", *LOOSER),
    Row("one choice for another", int | str, int | bytes, "", "type-replaced", *BROKEN),
    Row("anything to something", Any, int, "", "type-narrower", *STRICTER),
    Row("something to anything", int, Any, "", "type-wider", *LOOSER),
    Row("a choice of anything", int, Any | None, "", "type-wider", *LOOSER),
    Row("of a list", list[float], list[int], "[]", "type-narrower", *STRICTER),
    Row("list to sequence", tuple[int, ...], tuple[int, int], "", "type-narrower", *STRICTER),
    Row("value of a dict", dict[str, int], dict[str, float], "{}", "type-wider", *LOOSER),
    Row("item of a tuple", tuple[int, float], tuple[int, int], "[1]", "type-narrower", *STRICTER),
    Row("number of items", tuple[int, int], tuple[int], "", "type-replaced", *BROKEN),
    Row("plain to NewType", int, Id, "", "type-narrower", *STRICTER),
    Row("NewType to another", Id, Code, "", "type-replaced", *BROKEN),
    Row("tighter lower bound", of(int, Ge(0)), of(int, Gt(0)), "", "bound-tighter", *STRICTER),
    Row("tighter upper bound", of(int, Lt(9)), of(int, Le(7)), "", "bound-tighter", *STRICTER),
    Row("first bound", int, of(int, Gt(0)), "", "bound-tighter", *STRICTER),
    Row("looser bound", of(int, Gt(5)), of(int, Gt(0)), "", "bound-looser", *LOOSER),
    Row("no bound any more", of(int, Gt(5)), int, "", "bound-looser", *LOOSER),
    Row("multiple", of(int, MultipleOf(3)), of(int, MultipleOf(6)), "", "bound-tighter", *STRICTER),
    Row("shorter", of(str, MaxLen(9)), of(str, MaxLen(8)), "", "bound-tighter", *STRICTER),
    Row("may be empty", of(list[int], MinLen(1)), list[int], "", "bound-looser", *LOOSER),
    Row(
        "earlier date",
        of(date, Gt(date(2020, 1, 2))),
        of(date, Gt(date(2020, 1, 1))),
        "",
        "bound-looser",
        "minor",
        "major",
    ),
    Row(
        "decimal",
        of(Decimal, Lt(Decimal("1.5"))),
        of(Decimal, Lt(Decimal("1.25"))),
        "",
        "bound-tighter",
        "major",
        "minor",
    ),
    Row("literal removed", Literal["a", "b"], Literal["a"], "", "value-removed", *STRICTER),
    Row("literal added", Literal["a"], Literal["a", "b"], "", "value-added", *LOOSER),
    Row("literal to its class", Literal["a"], str, "", "type-wider", *LOOSER),
    Row("member removed", colour("RED", "BLUE"), colour("RED"), "", "value-removed", *STRICTER),
    Row("member added", colour("RED"), colour("RED", "BLUE"), "", "value-added", *LOOSER),
    Row("extras forbidden", model("R", a=int), model("R", "forbid", a=int), "", "extra-forbidden", *STRICTER),
    Row("extras allowed", model("R", "forbid", a=int), model("R", a=int), "", "extra-allowed", *EITHER),
    Row("default", model("R", a=(int, 1)), model("R", a=(int, 2)), ".a", "default-changed", *EITHER),
    Row("class renamed", model("Old", a=int), model("New", a=int), "", "class-renamed", *EITHER),
    Row(
        "field of a dataclass",
        record("D", ("a", float)),
        record("D", ("a", int)),
        ".a",
        "type-narrower",
        "major",
        "minor",
    ),
    Row("another dataclass", record("D", ("a", int)), record("E", ("a", int)), "", "undecided", *BROKEN),
    Row("order of a dataclass", record("D", "a", "b"), record("D", "b", "a"), "", "undecided", *BROKEN),
    Row("pattern", str, of(str, Field(pattern="a")), "", "undecided", *STRICTER),
    Row("another pattern", of(str, Field(pattern="b")), of(str, Field(pattern="a")), "", "undecided", *BROKEN),
    Row("no pattern any more", of(str, Field(pattern="b")), str, "", "bound-looser", *LOOSER),
    Row("validator", int, of(int, AfterValidator(checked)), "", "undecided", *BROKEN),
    Row("unit", of(float, "bar"), of(float, "psi"), "", "undecided", *BROKEN),
    Row("text", "Unknown", "Other", "", "undecided", *BROKEN),
    Row("protocol", protocol("read"), protocol("read", "write"), "", "undecided", *BROKEN),
    Row("type behind a NewType", Id, NewType("Id", float), "", "type-wider", *LOOSER),
    Row("union with a bound", of(int | str, Ge(0)), int, "", "type-replaced", *BROKEN),
    Row("order of a named tuple", named("a", "b"), named("b", "a"), "", "type-replaced", *BROKEN),
    Row("type of extra fields", loose(float), loose(int), ".(extra){}", "type-narrower", *STRICTER),
    Row("alias", model("R", a=int), model("R", a=(int, Field(alias="b"))), ".a", "undecided", *BROKEN),
]
