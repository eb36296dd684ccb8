"""What changes a description: everything that decides on values, and no words for people."""

from __future__ import annotations

import dataclasses
import enum
import typing
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Protocol, TypedDict

import pytest
from annotated_types import Gt, Predicate
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
)
from pydantic.dataclasses import dataclass as checked_dataclass
from typing_extensions import TypedDict as LaterTypedDict

from knows_core.describing.descriptors import described

# Names that only the makers below use: two classes made by one call have everything in common but what is given.
KINDS: dict[str, Any] = {"TypedDict": TypedDict, "NamedTuple": NamedTuple, "Enum": enum.Enum, "NewType": NewType}
ClosedKeys: Any = LaterTypedDict


def model(config=None, **fields):
    return create_model("Made", __config__=config, **fields)


def more(extras):
    body = {"__annotations__": {"__pydantic_extra__": extras}, "model_config": ConfigDict(extra="allow")}
    return type("Made", (BaseModel,), body)


def keys(total=True, **fields):
    return KINDS["TypedDict"]("Made", fields, total=total)


def row(*fields):
    return KINDS["NamedTuple"]("Made", fields)


def data(*fields, **how):
    return dataclasses.make_dataclass("Made", fields, **how)


def choice(names, kind=enum.Enum):
    return kind("Made", names)


def plus(value):
    return value + 1


def minus(value):
    return value - 1


class Asking(BaseModel):
    tag: str

    @field_validator("tag")
    @classmethod
    def whole(cls, tag: str) -> str:
        return tag


class Showing(BaseModel):
    tag: str

    @field_serializer("tag")
    def whole(self, tag: str) -> str:
        return tag


class Computing(BaseModel):
    tag: str

    @computed_field
    def whole(self) -> str:
        return self.tag


class Making(BaseModel):
    tag: str

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)


class Preparing(BaseModel):
    tag: str

    def model_post_init(self, context: Any, /) -> None:
        pass


class Finding(enum.Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> Finding:
        return cls.A


NAMED = [Asking, Showing, Computing, Making, Preparing]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (model(a=int), model(a=int, b=(int, 1))),
        (model(a=int), model(b=int)),
        (model(a=int), model(a=str)),
        (model(a=int), model(a=(int, 1))),
        (model(a=(int, 1)), model(a=(int, 2))),
        (model(a=(int, 1)), model(a=(bool, True))),
        (model(a=(object, 1)), model(a=(object, True))),
        (model(a=(list[int], [])), model(a=(list[int], Field(default_factory=list)))),
        (model(a=(int, Field(gt=0))), model(a=(int, Field(gt=1)))),
        (model(a=(int, Field(gt=0))), model(a=(int, Field(ge=0)))),
        (model(a=(str, Field(max_length=3))), model(a=(str, Field(min_length=3)))),
        (model(a=(str, Field(pattern="a"))), model(a=(str, Field(pattern="b")))),
        (model(a=int), model(a=(int, Field(strict=True)))),
        (model(a=int), model(a=(int, Field(alias="b")))),
        (model(a=(int, Field(alias="b"))), model(a=(int, Field(validation_alias="b")))),
        (model(a=int), model(a=(int, Field(exclude=True)))),
        (model(a=int), model(a=(int, Field(frozen=True)))),
        (model(a=int), model(ConfigDict(extra="forbid"), a=int)),
        (model(ConfigDict(extra="allow"), a=int), model(ConfigDict(extra="forbid"), a=int)),
        (model(a=int), model(ConfigDict(strict=True), a=int)),
        (model(a=int), model(ConfigDict(frozen=True), a=int)),
        (model(a=int), model(ConfigDict(str_strip_whitespace=True), a=int)),
        (more(dict[str, int]), more(dict[str, str])),
        (model(root=int), RootModel[int]),
        (model(a=model(b=int)), model(a=model(b=str))),
        (model(a=int), create_model("Other", a=int)),
        (model(a=int), data(("a", int))),
        (data(("a", int)), data(("a", int), ("b", int, 1))),
        (data(("a", int), ("b", int)), data(("b", int), ("a", int))),
        (data(("a", int)), data(("a", int, 1))),
        (data(("a", int)), data(("a", int), frozen=True)),
        (data(("a", int)), data(("a", int), kw_only=True)),
        (data(("a", int)), data(("a", dataclasses.InitVar[int]))),
        (data(("a", int, 1)), data(("a", int, dataclasses.field(default=1, init=False)))),
        (data(("a", int)), data(("a", int), namespace={"__post_init__": plus})),
        (data(("a", int)), checked_dataclass(data(("a", int)))),
        (checked_dataclass(data(("a", int))), checked_dataclass(data(("a", int)), config=ConfigDict(extra="forbid"))),
        (keys(a=int), keys(total=False, a=int)),
        (keys(a=int), keys(a=NotRequired[int])),
        (keys(a=int), keys(a=int, b=int)),
        (keys(a=int), keys(a=str)),
        (keys(a=int), ClosedKeys("Made", {"a": int}, closed=True)),
        (row(("a", int)), row(("b", int))),
        (row(("a", int), ("b", str)), row(("b", str), ("a", int))),
        (choice({"A": 1}), choice({"A": 1, "B": 2})),
        (choice({"A": 1}), choice({"A": 2})),
        (choice({"A": 1}), choice({"B": 1})),
        (choice({"A": 1}), choice({"A": 1}, enum.IntEnum)),
        (choice({"A": 1}, enum.IntEnum), choice({"A": 1}, enum.IntFlag)),
        (KINDS["NewType"]("Made", int), KINDS["NewType"]("Made", str)),
        (KINDS["NewType"]("Made", int), KINDS["NewType"]("Other", int)),
        (KINDS["NewType"]("Made", int), int),
        (Literal["a"], Literal["a", "b"]),
        (Literal[1], Literal["1"]),
        (Annotated[int, Gt(0)], Annotated[int, Gt(1)]),
        (int, Annotated[int, AfterValidator(plus)]),
        (Annotated[int, BeforeValidator(plus)], Annotated[int, AfterValidator(plus)]),
        (Annotated[int, AfterValidator(minus)], Annotated[int, AfterValidator(plus)]),
        (
            Annotated[int, AfterValidator(minus), AfterValidator(plus)],
            Annotated[int, AfterValidator(plus), AfterValidator(minus)],
        ),
        (Annotated[str, Predicate(str.islower)], Annotated[str, Predicate(str.isupper)]),
        (tuple[int], tuple[int, ...]),
        (tuple[int, str], tuple[str, int]),
        (set[int], frozenset[int]),
        (typing.Callable[[int], str], typing.Callable[[str], int]),
        (typing.Callable[..., int], typing.Callable[[], int]),
    ],
)
def test_a_change_of_meaning_changes_the_description(one, other):
    """Fields, types, required, defaults, bounds, aliases, extra policy, members, order where it counts, validators."""
    assert described(one) != described(other)


@pytest.mark.parametrize("kind", NAMED)
def test_functions_of_a_model_are_named(kind):
    """A validator, serializer, computed field or constructor of the model's own is an entry by its name."""
    plain = described(create_model(kind.__name__, tag=str))
    found = described(kind)
    (entry,) = found["definitions"][kind.__name__].pop("unread")
    assert found == plain
    assert "whole" in entry or entry in {"__init__", "model_post_init"}


def test_an_enum_that_finds_members_itself_says_so():
    """An enum with `_missing_` accepts more values than it lists."""
    assert described(Finding)["unread"] == [f"_missing_ {__name__}:Finding._missing_"]


def asks(annotation, result):
    """A protocol of one method."""

    class Asks(Protocol):
        def ask(self, one): ...

    Asks.ask.__annotations__ = {"one": annotation, "return": result}
    return Asks


def test_a_member_of_a_protocol_is_part_of_it():
    """What a method of a protocol takes and gives is described."""
    assert described(asks(int, str)) == described(asks(int, str))
    assert described(asks(int, str)) != described(asks(str, str))
    assert described(asks(int, str)) != described(asks(int, int))
    assert described(asks("Lost", int)) != described(asks("Missing", int))


def spoken(words):
    """A model and an enum that differ in words for people alone."""

    class Reading(BaseModel):
        __doc__ = words
        model_config = ConfigDict(title=words, json_schema_extra={"x": words}, use_attribute_docstrings=bool(words))
        value: Annotated[int, Field(gt=0, title=words, examples=[words])]
        other: int = Field(
            1, description=words, json_schema_extra={"y": words}, deprecated=words or None, repr=not words
        )

    class Shade(enum.Enum):
        __doc__ = words
        DARK = 1

    @dataclasses.dataclass
    class Row:
        __doc__ = words
        shade: Shade = dataclasses.field(default=Shade.DARK, metadata={"words": words}, repr=not words)

    return {"model": Reading, "enum": Shade, "dataclass": Row, "several": dict[str, Reading | Row]}


@pytest.mark.parametrize("name", spoken(""))
def test_a_change_of_words_changes_nothing(name):
    """Docstrings, titles, descriptions, examples and the like are not described."""
    assert described(spoken("")[name]) == described(spoken("Some words.")[name])


def test_where_a_model_stands_changes_nothing_but_an_enum_is_itself():
    """Moved to another module a model is described alike; an enum and a plain class are another one."""
    reading, other = create_model("Made", a=int), create_model("Made", a=int, __module__="elsewhere")
    assert described(reading) == described(other)
    assert described(choice({"A": 1})) != described(enum.Enum("Made", {"A": 1}, module="elsewhere"))
    assert described(type("Plain", (), {"__module__": "elsewhere"})) == {"kind": "class", "class": "elsewhere:Plain"}


def test_what_a_setting_says_anyway_changes_nothing():
    """A configuration, order of fields or order of members that decides on no value is no difference."""
    assert described(model(ConfigDict(strict=False, extra="ignore", hide_input_in_errors=True), a=int)) == described(
        model(a=int)
    )
    assert described(model(ConfigDict(populate_by_name=True), a=int)) == described(
        model(ConfigDict(validate_by_name=True), a=int)
    )
    assert described(model(a=int, b=str)) == described(model(b=str, a=int))
    assert described(choice({"A": 1, "B": 2})) == described(choice({"B": 2, "A": 1}))
    assert described(keys(a=int, b=str)) == described(keys(b=str, a=int))


def test_a_model_is_described_alike_before_and_after_its_first_use():
    """A forward reference that pydantic resolves at the first use is resolved for the description too."""
    first = [described(Early), described(EarlyData)]
    Early(later=Late(a=1))
    EarlyData(later=Late(a=1))
    assert first == [described(Early), described(EarlyData)]
    assert [one["definitions"].keys() for one in first] == [{"Early", "Late"}, {"EarlyData", "Late"}]


class Early(BaseModel):
    later: Late


@checked_dataclass
class EarlyData:
    later: Late


class Late(BaseModel):
    a: int
