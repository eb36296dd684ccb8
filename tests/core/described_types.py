"""Annotations of every kind, by name: each must be described alike by every supported pydantic.

Imported by a second, older environment too: nothing here may need more than core needs.
"""

# ruff: noqa: UP006, UP007, UP035, UP045 - old spellings are part of it

from __future__ import annotations

import enum
import re
from collections import OrderedDict, abc, deque
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath
from typing import (
    Annotated,
    Any,
    Callable,
    Generic,
    List,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Protocol,
    Required,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import pydantic
from annotated_types import Ge, Gt, Interval, Le, Len, LowerCase, Lt, MaxLen, MultipleOf, Predicate, Timezone
from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as checked_dataclass
from typing_extensions import Doc, TypeAliasType
from typing_extensions import TypedDict as LaterTypedDict

T = TypeVar("T")
Number = TypeVar("Number", int, float)
Bounded = TypeVar("Bounded", bound=int)
UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)
Short = NewType("Short", Annotated[str, MaxLen(3)])
VARIABLES: Any = (T,)
TREE: Any = "int | list[Tree]"
ENDLESS: Any = "list[Growing[list[T]]] | None"
Positive: Any = TypeAliasType("Positive", Annotated[int, Gt(0)])
Tree: Any = TypeAliasType("Tree", TREE)
Pairs: Any = TypeAliasType("Pairs", list[tuple[T, T]], type_params=VARIABLES)
Growing: Any = TypeAliasType("Growing", ENDLESS, type_params=VARIABLES)


def checked(value: Any) -> Any:
    return value


class Unit:
    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(frozen=True)
class Scale:
    name: str
    factor: float = 1.0


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Text(enum.StrEnum):
    A = "a"


class Flags(enum.IntFlag):
    READ = 1
    WRITE = 2


class Alarm(BaseModel):
    """An alarm."""

    tag: Annotated[str, Field(min_length=1, description="its tag")]
    level: int = Field(default=3, ge=0, le=9, title="Level", examples=[1])
    colour: Colour = Colour.RED
    notes: list[str] = Field(default_factory=list)
    limits: tuple[float, float] = (0.0, 1.0)
    words: frozenset[str] = frozenset({"a", "b", "c", "d", "e"})


class Node(BaseModel):
    value: Positive
    next: Node | None = None
    owner: Owner


class Owner(BaseModel):
    nodes: list[Node] = []
    boxes: Box[int] | None = None


class Box(BaseModel, Generic[T]):
    item: T
    items: dict[str, T] = {}


class Named(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True, title="N")
    first_name: str
    last_name: Annotated[str, Field(alias="surname", pattern="^[A-Z]")]
    age: int = Field(1, validation_alias=AliasChoices("age", AliasPath("facts", 0)), serialization_alias="years")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True, str_strip_whitespace=True)
    __pydantic_extra__: dict[str, int]
    when: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    size: Decimal = Field(Decimal("1.5"), max_digits=5, decimal_places=2)
    hidden: int = Field(0, exclude=True, frozen=True)


class Validated(BaseModel):
    _cache: int = 0
    tag: str
    low: float = Field(0.0, allow_inf_nan=False)

    @pydantic.field_validator("tag")
    @classmethod
    def not_empty(cls, tag: str) -> str:
        return tag

    @pydantic.model_validator(mode="after")
    def whole(self) -> Validated:
        return self

    @pydantic.computed_field
    def shown(self) -> str:
        return self.tag


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog", "wolf"]


class Owned(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    either: int | str = Field(0, union_mode="left_to_right")


class Numbers(RootModel[list[int]]):
    pass


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)
    seed: InitVar[int] = 1
    total: int = field(init=False, default=0)


@dataclass(frozen=True)
class Pair(Generic[T]):
    left: T
    right: Pair[T] | None = None
    only: str = field(default="", kw_only=True)


@checked_dataclass(config=ConfigDict(extra="forbid"))
class Checked:
    size: Annotated[int, Field(gt=0)]
    name: str = Field("n", max_length=5)
    rest: Checked | None = None


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Partial(TypedDict, total=False):
    title: Required[str]
    year: Annotated[int, Gt(1800)]


class Later(LaterTypedDict, Generic[T]):
    item: T
    parent: Later[T] | None


class Place(NamedTuple):
    x: float
    y: float = 0.0
    name: str | None = None


class Pump(Protocol):
    pressure: float

    @property
    def name(self) -> str: ...
    def start(self, speed: int, *, slowly: bool = False) -> Pump: ...
    async def stop(self) -> None: ...


class Plain:
    pass


class Keeper(Generic[T]):
    pass


ANNOTATIONS: dict[str, Any] = {
    **{f"plain {one.__name__}": one for one in (int, float, complex, bool, str, bytes, bytearray, object, type)},
    **{
        f"kind {one.__name__}": one
        for one in (date, datetime, time, timedelta, Decimal, Fraction, UUID, Path, PurePath)
    },
    **{f"bare {one.__name__}": one for one in (list, dict, set, frozenset, tuple, deque, OrderedDict)},
    **{f"abc {one.__name__}": one for one in (abc.Sequence, abc.Mapping, abc.Set, abc.Hashable, abc.Iterable)},
    **{one.__name__: one for one in (Colour, Text, Flags, Plain, UserId, AdminId, Short)},
    **{one.__name__: one for one in (Alarm, Node, Owner, Box, Named, Open, Validated, Owned, Numbers)},
    **{one.__name__: one for one in (Point, Pair, Checked, Movie, Partial, Later, Place, Pump, Keeper)},
    "none": None,
    "optional": Optional[int],
    "union": Union[int, str, None, Alarm],
    "literal": Literal["a", 1, True, b"x", Colour.RED],
    "literal or none": Literal["a", None],  # noqa: PYI061 - the old spelling
    "literals": Literal["b", "a"],
    "list": List[int],
    "dict": dict[str, list[Alarm]],
    "fixed tuple": tuple[int, str],
    "empty tuple": tuple[()],
    "long tuple": tuple[int, ...],
    "class of": type[Alarm],
    "callable": Callable[[int, str], bool],
    "any callable": Callable[..., Any],
    "positive below": Annotated[Positive, Lt(5)],
    "tree": Tree,
    "pairs": Pairs[int],
    "growing": Growing[int],
    "box of int": Box[int],
    "box of box": Box[Box[str]],
    "two boxes": tuple[Box[int], Box[str]],
    "pair of int": Pair[int],
    "later of int": Later[int],
    "keeper of int": Keeper[int],
    "variable": T,
    "constrained": Number,
    "bounded": Bounded,
    "text": "Unknown",
    "bounds": Annotated[float, Ge(0), Le(1.5), MultipleOf(0.5)],
    "interval": Annotated[int, Interval(gt=0, le=9)],
    "length": Annotated[list[int], Len(1, 3)],
    "dates": Annotated[date, Gt(date(2020, 1, 1))],
    "timezone": Annotated[datetime, Timezone(None)],
    "predicate": Annotated[str, Predicate(str.islower)],
    "lower case": LowerCase[str],
    "field": Annotated[int, Field(gt=1, strict=True, description="d", alias="x")],
    "compiled pattern": Annotated[str, Field(pattern=re.compile("a", re.IGNORECASE))],
    "string constraints": Annotated[str, pydantic.StringConstraints(strip_whitespace=True, max_length=3, pattern="a")],
    "after": Annotated[int, AfterValidator(checked)],
    "before and after": Annotated[int, BeforeValidator(checked), AfterValidator(checked)],
    "serializer": Annotated[int, pydantic.PlainSerializer(checked, return_type=str)],
    "own mark": Annotated[float, Unit("bar")],
    "own frozen mark": Annotated[float, Scale("bar", 10.0)],
    "word": Annotated[float, "bar"],
    "doc": Annotated[float, Doc("words")],
    "discriminated": Annotated[Cat | Dog, Field(discriminator="kind")],
    **{
        f"pydantic {name}": getattr(pydantic, name)
        for name in (
            *("PositiveInt", "NonNegativeFloat", "StrictStr", "FiniteFloat", "UUID4", "FilePath", "HttpUrl", "AnyUrl"),
            *("AwareDatetime", "PastDate", "SecretStr", "Json", "Base64Bytes", "ByteSize", "JsonValue", "ImportString"),
        )
    },
    "json of": pydantic.Json[list[int]],
    "conlist": pydantic.conlist(int, min_length=2),
    "constr": pydantic.constr(to_lower=True, pattern="a"),
    "condecimal": pydantic.condecimal(max_digits=3, gt=Decimal(0)),
    "skipped": pydantic.SkipValidation[int],
}
