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

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf, Predicate, doc
from pydantic import AfterValidator, BeforeValidator, ConfigDict, EmailStr, Field, PositiveInt, SecretStr
from pydantic.dataclasses import dataclass as checked_dataclass
from typing_extensions import Doc, TypeAliasType

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


Imposter = type("Gt", (), {"gt": 0})


class Doubling:
    def __get_pydantic_core_schema__(self, source, handler):
        return handler(source)


class Names(list[str]):
    pass


class Rows:
    """An iterator without saying so."""

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> int:
        raise StopIteration


class Legacy:
    @classmethod
    def __get_validators__(cls):
        yield cls


@checked_dataclass(config=ConfigDict(revalidate_instances="always"))
class CheckedPump:
    name: str


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
