"""The values that durable engines stumble over, each with what must become of it, and a strategy for all others.

`SAMPLES` is the matrix, `recordable()` generates nested values with the declared classes among them, and `CODEC` knows
those classes.
"""

from __future__ import annotations

import math
import struct
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, TypeAdapter

from knows_core.values.codec import Codec
from knows_core.values.declared import declared_in

if TYPE_CHECKING:
    from collections.abc import Callable

Held = TypeVar("Held")


class Color(Enum):
    """Names for anything."""

    RED = "red"
    BLUE = None


class Level(IntEnum):
    """Names for numbers."""

    LOW = 1
    HIGH = 2


class Word(StrEnum):
    """Names for texts."""

    YES = "yes"
    NO = "no"


class Access(Flag):
    """Names for bits, which can be combined."""

    READ = 1
    WRITE = 2
    RUN = 4


class Place(NamedTuple):
    """A named tuple."""

    row: int
    what: Any = None


@dataclass
class Note:
    """A dataclass that can be changed."""

    text: Any
    more: list[Any] = field(default_factory=list[Any])


@dataclass(frozen=True, slots=True)
class Point:
    """A dataclass that has a hash, and no dict."""

    x: float
    name: str = ""


class Reading(BaseModel):
    """A model that takes what it does not know, with a private attribute."""

    model_config = ConfigDict(extra="allow")
    value: Any
    point: Point | None = None
    _seen: Any = PrivateAttr(default=None)


class Box(BaseModel, Generic[Held]):
    """A generic model."""

    held: Held


class Login(BaseModel):
    """A model with a secret, which is why no value of it can be recorded."""

    user: str
    password: SecretStr


Known = Color | Level | Word | Access | Place | Note | Point | Reading | Box[int] | Login  # an annotation declares them
CODEC: Final = Codec(declared_in([Known]).classes)


class Sample(NamedTuple):
    """A value of the matrix; `becomes` is `same`, or the code of the error that refuses it."""

    name: str
    make: Callable[[], Any]
    becomes: str = "same"


def _inside_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append({"again": value})
    return value


def _empty() -> list[Any]:
    return [[], (), {}, set(), frozenset(), "", b"", range(0)]


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def shared(levels: int) -> Any:
    """A list that holds one list twice, which holds one list twice: two to the power of `levels` ways to its end."""
    value: Any = [0]
    for _ in range(levels):
        value = [value, value]
    return value


def _reading() -> Reading:
    value = Reading.model_validate({"value": (1, {2}), "point": Point(-0.0), "more": Decimal("1.10")})
    value._seen = {"deep": [b"x"]}
    return value


def _nan(bits: str) -> float:
    number: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return number


_ODD: Final = timezone(timedelta(hours=-3, seconds=1), "odd")
_AUTUMN: Final = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # the clock is set back at 3:00
_ATOMS: Final = (
    Sample("none", lambda: None),
    Sample("true and false", lambda: [True, False]),
    Sample("small ints", lambda: [0, -1, 7]),
    Sample("int 2**63", lambda: [2**63 - 1, 2**63, -(2**63) - 1]),
    Sample("int 2**64", lambda: 2**64),
    Sample("int of 5,001 digits", lambda: 10**5000),
    Sample("floats", lambda: [1.5, 1e308, 5e-324, 0.1]),
    Sample("minus zero", lambda: -0.0),
    Sample("nan", lambda: math.nan),
    Sample("nans with other bits", lambda: [_nan(one) for one in ("fff8" + "0" * 12, "7ff80123" * 2, "7ff0" * 4)]),
    Sample("infinities", lambda: [math.inf, -math.inf]),
    Sample("complex", lambda: complex(-0.0, math.nan)),
    Sample("text", lambda: "text"),
    Sample("lone surrogate", lambda: "a\ud800b"),
    Sample("two surrogates in a row", lambda: ["\ud83d\ude00", "\U0001f600"]),
    Sample("text with NUL", lambda: "a\0b"),
    Sample("decomposed text", lambda: ["e\u0301", "\u00e9"]),
    Sample("bytes", lambda: bytes(range(256))),
    Sample("bytearray", lambda: bytearray(b"\0\xff")),
    Sample("range", lambda: [range(0), range(5, 5), range(2**70, 0, -3)]),
    Sample("decimals", lambda: [Decimal(one) for one in ("1.0", "1.00", "-0", "1E+5", "NaN123", "-sNaN", "-Infinity")]),
    Sample("uuid", lambda: UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    Sample("timedelta", lambda: [timedelta.min, timedelta.max, timedelta(microseconds=-1)]),
    Sample("date", lambda: [date.min, date.max]),
    Sample("time", lambda: [time(1, 2, 3, 4), time(1, fold=1), time(1, tzinfo=UTC)]),
    Sample("datetime in UTC", lambda: datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
    Sample("datetime with an offset", lambda: datetime(1, 1, 1, tzinfo=_ODD)),
    Sample("datetime in a named zone, twice", lambda: [_AUTUMN, _AUTUMN.replace(fold=1)]),
    Sample("datetime as pydantic reads it", lambda: TypeAdapter(datetime).validate_python("2026-01-02T03:04:05+01:30")),
    Sample("zones", lambda: [UTC, _ODD, _AUTUMN.tzinfo]),
)  # fmt: skip
_CONTAINERS: Final = (
    Sample("list", lambda: [1, [2, [3]]]),
    Sample("tuple", lambda: (1, (2, ()), [3])),
    Sample("dict", lambda: {"b": 1, "a": {"": 2}}),
    Sample("dict like a tag of ours", lambda: {"$": "tuple", "of": [1]}),
    Sample("dict with the keys 1 and '1'", lambda: {1: "int", "1": "text", 1.5: 0, None: 0, (1, "a"): 0, b"1": 0}),
    Sample("dicts with the key 1, 1.0, True", lambda: [{1: 0}, {1.0: 0}, {True: 0}]),
    Sample("dict with nan as key", lambda: {math.nan: 1, "a": 2}),
    Sample("set", lambda: {1, "1", None, (2, 3), frozenset({4})}),
    Sample("frozenset", lambda: frozenset({math.nan, "b", "a"})),
    Sample("empty ones", _empty),
    Sample("190 levels", lambda: nested(190)),
)  # fmt: skip
_OBJECTS: Final = (
    Sample("enum", lambda: [Color.RED, Color.BLUE]),
    Sample("int enum", lambda: {Level.LOW: Level.HIGH}),
    Sample("text enum", lambda: [Word.YES, "yes"]),
    Sample("flags", lambda: [Access.READ, Access.READ | Access.RUN, Access(0)]),
    Sample("named tuple", lambda: Place(1, {2: Place(3)})),
    Sample("dataclass", lambda: Note(1.0, [Note("x")])),
    Sample("frozen dataclass with slots", lambda: {Point(1.0): Point(-0.0, "n")}),
    Sample("pydantic model", _reading),
    Sample("generic pydantic model", lambda: Box[int](held=2**70)),
)
_REFUSED: Final = (
    Sample("naive datetime", lambda: datetime(2026, 1, 2), "not-storable"),  # noqa: DTZ001 - the point of it
    Sample("secret", lambda: SecretStr("canary"), "not-storable"),
    Sample("model with a secret", lambda: Login(user="u", password=SecretStr("canary")), "not-storable"),
    Sample("lambda", lambda: lambda: 1, "not-storable"),
    Sample("open file", lambda: sys.__stderr__, "not-storable"),
    Sample("generator", lambda: (one for one in "x"), "not-storable"),
    Sample("lock", threading.Lock, "not-storable"),
    Sample("module", lambda: math, "not-storable"),
    Sample("class", lambda: Point, "not-storable"),
    Sample("exception", lambda: ValueError("x"), "not-storable"),
    Sample("memoryview", lambda: memoryview(b"x"), "not-storable"),
    Sample("object of no declared class", object, "not-storable"),
    Sample("dict of a class of its own", type("Own", (dict,), {}), "not-storable"),
    Sample("text of a class of its own", type("Own", (str,), {}), "not-storable"),
    Sample("list inside itself", _inside_itself, "too-deep"),
    Sample("201 levels", lambda: nested(201), "too-deep"),
    Sample("5,000 levels", lambda: nested(5000), "too-deep"),
)
SAMPLES: Final = _ATOMS + _CONTAINERS + _OBJECTS + _REFUSED
