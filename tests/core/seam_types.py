"""The names that stand in types_matrix.txt: small types of every kind, and what they are made of."""

# ruff: noqa: F401, UP035 - the matrix is a table of texts that use these names, old spellings among them

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections import Counter, OrderedDict, abc, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Number
from pathlib import Path, PurePath
from typing import (
    Annotated,
    Any,
    Callable,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    runtime_checkable,
)
from uuid import UUID

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf, Predicate
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    PositiveInt,
    RootModel,
    SecretStr,
    computed_field,
    field_validator,
    model_validator,
)
from typing_extensions import TypeAliasType

T = TypeVar("T")
Bounded = TypeVar("Bounded", bound=int)
UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)
Short = NewType("Short", Annotated[str, MaxLen(3)])
Json = TypeAliasType("Json", "int | str | list[Json] | dict[str, Json]")
Ints = TypeAliasType("Ints", "int | list[Ints]")
Pairs = TypeAliasType("Pairs", list[tuple[T, T]], type_params=(T,))


NAIVE, AWARE = datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)  # noqa: DTZ001 - their limits do not compare


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Text(enum.StrEnum):
    A = "a"


class Level(enum.IntEnum):
    ONE = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Alarm(BaseModel):
    tag: str
    value: float = 0.0


class LoudAlarm(Alarm):
    volume: int = 1


class OtherAlarm(BaseModel):
    """As a second version of a plugin declares it."""

    tag: str
    value: float = 1.0


class AlarmWithUnit(BaseModel):
    tag: str
    value: float
    unit: str = "bar"


class TextAlarm(BaseModel):
    tag: str
    value: str


class CheckedAlarm(BaseModel):
    tag: str
    value: float

    @field_validator("tag")
    @classmethod
    def not_empty(cls, tag: str) -> str:
        assert tag
        return tag


class WholeAlarm(Alarm):
    @model_validator(mode="after")
    def whole(self) -> WholeAlarm:
        return self


class LaterWholeAlarm(WholeAlarm):
    pass


class ShowingAlarm(BaseModel):
    tag: str
    value: float

    @computed_field
    def shown(self) -> str:
        return self.tag


class LooseAlarm(BaseModel):
    model_config = ConfigDict(extra="allow")
    tag: str
    value: float


class Renewed(BaseModel):
    model_config = ConfigDict(revalidate_instances="always")
    tag: str


class Shift(BaseModel):
    alarms: list[Alarm]
    first: Alarm | None = None


class OtherShift(BaseModel):
    alarms: list[OtherAlarm]
    first: OtherAlarm | None = None


class Tree(BaseModel):
    children: list[Tree] = []


class OtherTree(BaseModel):
    children: list[OtherTree] = []


class Box(BaseModel, Generic[T]):
    held: T


class Root(RootModel[int]):
    pass


class OtherRoot(RootModel[int]):
    pass


@dataclass
class Pump:
    name: str


@dataclass
class BigPump(Pump):
    size: int = 1


@dataclass
class OtherPump:
    name: str


@dataclass
class Holder(Generic[T]):
    held: T


class IntHolder(Holder[int]):
    pass


class Point(NamedTuple):
    x: int
    y: int


class Movie(TypedDict):
    name: str
    year: int


class Named(TypedDict):
    name: str


class Partial(TypedDict):
    name: str
    year: NotRequired[int]


class FloatMovie(TypedDict):
    name: str
    year: float


class Names(list[str]):
    pass


class Sensor:
    unit = "bar"

    def read(self, channel: int) -> float:
        return float(channel)


class TextSensor:
    def read(self, channel: int) -> str:
        return str(channel)


class BareSensor:
    def read(self, channel):
        return channel


class Needy:
    def read(self, channel: int, gain: int) -> float:
        return float(channel * gain)


@runtime_checkable
class Reads(Protocol):
    def read(self, channel: int) -> float: ...


class ReadsUnchecked(Protocol):
    def read(self, channel: int) -> float: ...


@runtime_checkable
class ReadsAs(Protocol[T]):  # type: ignore[misc] # people forget covariance
    def read(self, channel: int) -> T: ...


class ReadsAsToo(ReadsAs[str], Protocol):
    pass


@runtime_checkable
class HasTag(Protocol):
    tag: str
