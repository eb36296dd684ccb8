"""What fits what is called: Protocols member by member, and Callables."""

from __future__ import annotations

import typing
from collections import abc
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec, Protocol, TypedDict, TypeVar, runtime_checkable

import pytest

from knows_core.types import Fit, fits
from tests.core.seam_types import Reads, Sensor, TextSensor

FITS, CONVERTS, RUN_TIME, NO = Fit
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")


class ByPlace(Protocol):
    def read(self, channel: int, /) -> float: ...


class ByName(Protocol):
    def read(self, *, channel: int) -> float: ...


class MayLeaveOut(Protocol):
    def read(self, channel: int = 0) -> float: ...


class AnyArguments(Protocol):
    def read(self, *channels: int) -> float: ...


class Awaited(Protocol):
    async def read(self, channel: int) -> float: ...


class Counted(Protocol):
    def __len__(self) -> int: ...


class SizedReads(abc.Sized, Reads, Protocol):
    pass


class Gives(Protocol[T_co]):
    def give(self) -> T_co: ...


class Tagged(Protocol):
    tag: str


class TaggedToo(Protocol):
    tag: str
    unit: str


class TagProperty(Protocol):
    @property
    def tag(self) -> str: ...


def class_with(**members):
    """A class of these members; functions among them become its methods."""
    return type("Made", (), members)


def read(self, channel: int) -> float:
    return float(channel)


def read_more(self, channel: int, gain: int = 1) -> float:
    return float(channel)


def read_needing(self, channel: int, gain: int) -> float:
    return float(channel)


def read_otherwise(self, number: int) -> float:
    return float(number)


def read_by_place(self, channel: int, /) -> float:
    return float(channel)


def read_by_name(self, *, channel: int) -> float:
    return float(channel)


def read_with_default(self, channel: int = 0) -> float:
    return float(channel)


def read_all(self, *channels: int) -> float:
    return 0.0


def read_all_named(self, channel: int, **more: int) -> float:
    return 0.0


def read_wider(self, channel: float) -> int:
    return 0


def read_narrower(self, channel: bool) -> float:
    return 0.0


def read_bare(self, channel):
    return 0.0


def read_without_self(channel: int) -> float:
    return 0.0


def read_unknown(self, channel: Nowhere) -> float:  # type: ignore[name-defined] # noqa: F821
    return 0.0


async def read_async(self, channel: int) -> float:
    return 0.0


def text(self) -> str:
    return "t"


def number(self) -> int:
    return 1


def bare(self):
    return "t"


def sets_tag(self):
    self.tag = "t"


class Explicit(Reads):
    pass


class GivesText(Gives[str]):
    def give(self) -> str:
        return ""


class TagValue:
    tag: str = "t"


class TagNumber:
    tag: int = 1


class TagAnnounced:
    tag: str


@dataclass
class TagField:
    tag: str


class TagRow(NamedTuple):
    tag: str


class TagKeys(TypedDict):
    tag: str


METHODS = [
    ("the same", class_with(read=read), Reads, FITS),
    ("one more with a default", class_with(read=read_more), Reads, FITS),
    ("one more that it needs", class_with(read=read_needing), Reads, NO),
    ("another name", class_with(read=read_otherwise), Reads, NO),
    ("another name, given by place", class_with(read=read_otherwise), ByPlace, FITS),
    ("only by place", class_with(read=read_by_place), Reads, NO),
    ("only by name", class_with(read=read_by_name), Reads, NO),
    ("given by name", class_with(read=read), ByName, FITS),
    ("given by name only", class_with(read=read_by_name), ByName, FITS),
    ("given by a name it lacks", class_with(read=read_otherwise), ByName, NO),
    ("left out, with a default", class_with(read=read_with_default), MayLeaveOut, FITS),
    ("left out, without", class_with(read=read), MayLeaveOut, NO),
    ("a default that nobody needs", class_with(read=read_with_default), Reads, FITS),
    ("stars in the method", class_with(read=read_all), Reads, RUN_TIME),
    ("double stars in the method", class_with(read=read_all_named), Reads, RUN_TIME),
    ("stars in the protocol", class_with(read=read), AnyArguments, RUN_TIME),
    ("wider parameter, narrower result", class_with(read=read_wider), Reads, FITS),
    ("narrower parameter", class_with(read=read_narrower), Reads, NO),
    ("no annotations", class_with(read=read_bare), Reads, RUN_TIME),
    ("an annotation that names nothing", class_with(read=read_unknown), Reads, RUN_TIME),
    ("async for sync", class_with(read=read_async), Reads, NO),
    ("sync for async", class_with(read=read), Awaited, NO),
    ("both async", class_with(read=read_async), Awaited, FITS),
    ("a static method", class_with(read=staticmethod(read_without_self)), Reads, FITS),
    ("a class method", class_with(read=classmethod(read)), Reads, FITS),
    ("taken away", class_with(read=None), Reads, NO),
    ("a value instead", class_with(read=1), Reads, RUN_TIME),
    ("derived from the protocol", Explicit, Reads, FITS),
    ("derived from a generic one", GivesText, Gives[str], FITS),
    ("derived from a generic one of other", GivesText, Gives[int], NO),
    ("a generic protocol as itself", Gives[int], Gives[int], FITS),
    ("a generic protocol as another", Gives[int], Gives[str], NO),
    ("a method of Python", class_with(__len__=number), Counted, FITS),
    ("no such method of Python", class_with(), Counted, NO),
    ("a built-in class", str, Counted, RUN_TIME),
    ("a protocol that is more", Sensor, SizedReads, RUN_TIME),
    ("a protocol of the library", str, typing.SupportsInt, NO),
    ("a generic protocol of the library", int, typing.SupportsAbs[int], RUN_TIME),
    ("a TypedDict", TagKeys, Counted, RUN_TIME),
    ("a callable", abc.Callable[[], int], Counted, RUN_TIME),
]
FIELDS = [
    ("a value of the class", TagValue, Tagged, FITS),
    ("a value of another type", TagNumber, Tagged, NO),
    ("a value without a type", class_with(tag="t"), Tagged, RUN_TIME),
    ("only announced", TagAnnounced, Tagged, RUN_TIME),
    ("set in the constructor, perhaps", class_with(__init__=sets_tag), Tagged, RUN_TIME),
    ("a dataclass", TagField, Tagged, FITS),
    ("a dataclass without it", TagField, TaggedToo, NO),
    ("a named tuple", TagRow, Tagged, FITS),
    ("a property", class_with(tag=property(text)), Tagged, FITS),
    ("a property of another type", class_with(tag=property(number)), Tagged, NO),
    ("a property without a type", class_with(tag=property(bare)), Tagged, RUN_TIME),
    ("a property that nobody can read", class_with(tag=property()), Tagged, RUN_TIME),
    ("a property asked for", TagField, TagProperty, FITS),
    ("a property asked for, of another type", TagNumber, TagProperty, NO),
    ("a method instead", class_with(tag=text), Tagged, RUN_TIME),
    ("a protocol with more", TaggedToo, Tagged, FITS),
    ("a protocol with less", Tagged, TaggedToo, NO),
    ("a class without it", int, Tagged, NO),
]
CALLS = [
    ("a class as a result", abc.Callable[[], bool], abc.Callable[[], int], FITS),
    ("a result that only looks like it", abc.Callable[[], TextSensor], abc.Callable[[], Reads], NO),
    ("a variable list of parameters", abc.Callable[P, int], abc.Callable[[int], int], RUN_TIME),
    ("a variable list asked for", abc.Callable[[int], int], abc.Callable[P, int], RUN_TIME),
    ("any parameters and another result", abc.Callable[..., str], abc.Callable[[int], int], NO),
    ("bare", abc.Callable, abc.Callable[[int], int], RUN_TIME),
    ("an object that can be called", class_with(__call__=read), abc.Callable[[int], float], RUN_TIME),
    ("a list as a result", abc.Callable[[], list[int]], abc.Callable[[], list[float]], FITS),
    ("anything as a result", abc.Callable[[], Any], abc.Callable[[], int], RUN_TIME),
]


@pytest.mark.parametrize(
    ("produced", "consumed", "expected"), [pytest.param(*row, id=name) for name, *row in METHODS + FIELDS + CALLS]
)
def test_what_is_called_is_compared_by_its_members(produced, consumed, expected):
    """Wider parameters and narrower results fit; what no annotation tells is left to the run."""
    verdict = fits(produced, consumed)
    assert verdict.fit is expected, verdict.reason
    assert "cannot be compared" not in verdict.reason


@pytest.mark.parametrize("kind", [kind for _, kind, wanted, verdict in METHODS if wanted is Reads and verdict is FITS])
def test_what_fits_a_protocol_passes_its_check_at_run_time(kind):
    """An instance of what fits is an instance of the runtime-checkable protocol."""
    assert isinstance(kind(), runtime_checkable(Reads))
