"""What fits what: the words of the verdicts, and that every object is answered, quickly and without raising."""

from __future__ import annotations

import sys
import timeit
import typing
from collections import abc
from typing import Annotated, Any, Generic, Literal, NewType, Protocol, TypeVar

import pytest
from annotated_types import Gt
from typing_extensions import TypeAliasType

from knows_core.types import Fit, Verdict, fits, words
from tests.core.seam_models import Alarm, AlarmWithUnit, LoudAlarm, OtherAlarm, OtherShift, Shift
from tests.core.seam_types import Colour, Movie, Partial, Point, Pump, Reads, Text, TextSensor, UserId

SETS = "dict[int, set[str]] -> dict[int, set[int]]: str is no int"
HERE = "tests.core.seam_models"
T = TypeVar("T")
Pair = NewType("Pair", tuple[int, int])
VARIABLES: Any = (T,)
ENDLESS: Any = "list[Growing[list[T]]]"
Growing: Any = TypeAliasType("Growing", ENDLESS, type_params=VARIABLES)
GENERIC: Any = {"list": list, "type": type, "tuple": tuple, "Union": typing.Union}
WIDE = GENERIC["Union"][tuple(GENERIC["tuple"][(int,) * size] for size in range(1, 40))]


@pytest.mark.parametrize(
    ("produced", "consumed", "reason"),
    [
        (int, float, "int -> float"),
        (str, int, "str -> int: str is no int"),
        (list[str], list[int], "items: list[str] -> list[int]: str is no int"),
        (dict[int, set[str]], dict[int, set[int]], "values.items: " + SETS),
        (tuple[int, str], tuple[int, int], "item 1: tuple[int, str] -> tuple[int, int]: str is no int"),
        (int | None, int, "int | None -> int: None is no int"),
        (list[str] | bytes, int | str, "list[str] | bytes -> int | str: list[str] is none of int | str"),
        (Literal["a"], Literal["b"], "Literal['a'] -> Literal['b']: 'a' is none of 'b'"),
        (Colour, Literal[Colour.RED], "Colour -> Literal[Colour.RED]: Colour is none of Colour.RED"),
        (bool, int, "bool -> int: the strict check of int takes no bool"),
        (str, abc.Sequence[str], "str -> Sequence[str]: the strict check of Sequence takes no str"),
        (int, UserId, "int -> UserId: int was not made by UserId"),
        (int, Annotated[int, Gt(0)], "int -> int with > 0: nothing says that it is > 0"),
        (Literal[-1], Annotated[int, Gt(0)], "Literal[-1] -> int with > 0: -1 is not > 0"),
        (int, Annotated[int, "bar"], "int -> int with 'bar': 'bar' is not understood"),
        (Any, int, "Any -> int: anything may come"),
        ("Unknown", int, "'Unknown' -> int: 'Unknown' is only a text"),
        (Partial, Movie, "year: Partial -> Movie: the key may be missing"),
        (Alarm, LoudAlarm, "Alarm -> LoudAlarm: not every Alarm is a LoudAlarm"),
        (
            *(Shift, OtherShift),
            f"Shift -> OtherShift: {HERE}.Shift and {HERE}.OtherShift are two classes of the same structure",
        ),
        (
            *(Alarm, AlarmWithUnit),
            f"Alarm -> AlarmWithUnit: {HERE}.Alarm and {HERE}.AlarmWithUnit are two classes, and only one has unit",
        ),
        (
            *(tuple[Alarm, Pump], tuple[OtherAlarm, Pump]),
            "tuple[Alarm, Pump] -> tuple[OtherAlarm, Pump]: a dump would not bring back Pump",
        ),
        (TextSensor, Reads, "read.result: TextSensor -> Reads: str is no float"),
        (
            *(abc.Callable[[int], str], abc.Callable[[str], str]),
            "parameter 1: Callable[[int], str] -> Callable[[str], str]: str is no int",
        ),
        (tuple[int, ...], Point, "tuple[int, ...] -> Point: tuple is no Point"),
    ],
)  # fmt: skip
def test_a_reason_names_the_place_both_sides_and_the_rule(produced, consumed, reason):
    """The place inside the types first, then both as a person writes them, then why."""
    assert fits(produced, consumed).reason == reason


@pytest.mark.parametrize(
    ("produced", "consumed", "partly"),
    [
        (int | None, int, True),
        (list[int | None], list[int], True),
        (Alarm, LoudAlarm, True),
        (tuple[int, ...], tuple[int, int], True),
        (int, UserId, True),
        (str, Literal["a"], True),
        (Partial, Movie, True),
        (tuple[int, ...], Pair, True),
        (int, str, False),
        (int | None, str, False),
        (bytes, Literal["a"], False),
        (tuple[int | None, str], tuple[int, int], False),
        (str, UserId, False),
        (abc.Sequence[int], int, False),
    ],
)
def test_a_refusal_says_whether_some_values_would_pass(produced, consumed, partly):
    """A lenient check may leave `int | None` into `int` to the run, but not `int` into `str`."""
    verdict = fits(produced, consumed)
    assert verdict.fit is Fit.DOES_NOT_FIT
    assert verdict.partly is partly


class NoHash:
    __hash__: Any = None

    def __eq__(self, other):
        raise RuntimeError("cannot be compared")


class Hostile:
    """An annotation that raises whatever it is asked."""

    def __getattribute__(self, name):
        raise RuntimeError(name)


class Endless(Protocol[T]):
    def next(self) -> Endless[list[T]]: ...


class Chain(Generic[T]):
    def next(self) -> Chain[list[T]]:
        raise NotImplementedError


@pytest.mark.parametrize(
    "odd",
    [
        *(3, 1.5, "int", "][", (), (int,), [int], {"a": int}, NoHash(), object(), len, sys, Ellipsis, NotImplemented),
        *(Annotated[int, NoHash()], GENERIC["list"][NoHash()], list["int"], Literal[()]),
        *(typing.ForwardRef("x"), GENERIC["type"][3], WIDE),
        *(typing.Self, typing.Final[int], typing.ClassVar[int], typing.Generic, typing.Protocol),
        *(typing.ParamSpec("P"), abc.Callable[typing.ParamSpec("P"), int], typing.Concatenate[int, ...]),
        *(typing.TypeVarTuple("Ts"), tuple[int, *tuple[str, ...]], typing.Unpack[tuple[int, ...]]),
        *(Growing[int], Endless[int], Chain[int]),
        *(TypeAliasType("Missing", "NoSuch"), type("Meta", (type,), {}), typing.NewType("Odd", 3)),  # noqa: F821
    ],
    ids=lambda odd: type(odd).__name__,
)  # fmt: skip
@pytest.mark.parametrize("other", [int, Any, list[int], Alarm, Reads, int | None, Literal[1], Growing[str], WIDE])
def test_any_object_gets_a_verdict(odd, other):
    """Nothing is raised in either direction, nor for the object against itself."""
    for verdict in (fits(odd, other), fits(other, odd), fits(odd, odd)):
        assert isinstance(verdict, Verdict)
        assert verdict.reason


def deep(leaf):
    """A union that doubles at each level."""
    pair = GENERIC["tuple"]
    for _ in range(12):
        leaf = pair[leaf, int] | pair[leaf, str]
    return leaf


@pytest.mark.parametrize(("produced", "consumed"), [(Growing[int], Growing[str]), (deep(int), deep(float))])
def test_types_without_end_are_left_to_the_run(produced, consumed):
    """Neither an alias that grows while it is opened nor a type with millions of paths is followed to its end."""
    verdict = fits(produced, consumed)
    assert verdict.fit is Fit.RUN_TIME
    assert verdict.reason.endswith("the types are nested too deeply to compare")


def test_an_annotation_that_raises_is_left_to_the_run():
    """Even an object that refuses every question is answered."""
    assert fits(Hostile(), int).fit is fits(int, Hostile()).fit is Fit.RUN_TIME


def test_a_known_pair_costs_less_than_a_microsecond():
    """The verdict on a pair is remembered; ten times the promise, for the sake of a loaded machine."""
    pair = (dict[str, list[int]], abc.Mapping[str, abc.Sequence[float]])
    fits(*pair)
    assert min(timeit.repeat(lambda: fits(*pair), number=1000, repeat=5)) / 1000 < 10e-6


def test_metadata_without_a_hash_is_judged_each_time():
    """What cannot be remembered is answered all the same."""
    assert fits(Annotated[int, NoHash()], int).fit is Fit.FITS
    assert fits(int, Annotated[int, NoHash()]).fit is Fit.RUN_TIME


def test_words_are_for_people():
    """An annotation as it is written, without modules."""
    assert words(dict[str, list[Alarm | None]]) == "dict[str, list[Alarm | None]]"
    assert words(abc.Callable[[int, Text], Literal[Text.A]]) == "Callable[[int, Text], Literal[Text.A]]"
    assert words(typing.Union[T, None]) == "T | None"  # noqa: UP007 - the old spelling
