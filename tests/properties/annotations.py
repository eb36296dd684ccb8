"""Random annotations: what the fuzz of the type check is made of.

An annotation grows as a small tree, so that it can be bent into a related one: most random pairs have nothing to do
with each other, and the mistakes are where two annotations are nearly the same.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import abc
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from pathlib import Path, PurePath
from typing import Any, NewType
from uuid import UUID

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf


class Text(enum.StrEnum):
    A = "a"
    B = "b"


class Level(enum.IntEnum):
    ONE = 1
    TWO = 2


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Names(list[Any]):  # a list that is not exactly one
    pass


class Size(int):
    pass


UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)
Title = NewType("Title", str)

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
# Values of the type itself and of what derives from it, as the strict check takes them for it.
PLAIN: dict[Any, tuple[Any, ...]] = {
    int: (0, 1, 7, -3, Level.ONE, Size(4)),
    float: (0.5, -1.5, 2.0, 3, Level.TWO, float("inf")),
    complex: (1j, 2.0, 3),
    bool: (True, False),
    str: ("", "a", "abc", "abcdef", Text.A),
    bytes: (b"", b"ab\xff"),
    bytearray: (bytearray(b"ab"),),
    type(None): (None,),
    date: (date(2020, 1, 1),),
    datetime: (NOW, datetime(2020, 1, 1)),  # noqa: DTZ001 - both kinds are values
    time: (time(1),),
    timedelta: (timedelta(1),),
    Decimal: (Decimal(1), Decimal("-2.5")),
    Fraction: (Fraction(1, 2),),
    UUID: (UUID(int=1),),
    Path: (Path("a"),),
    PurePath: (PurePath("a"), Path("b")),
    Number: (1, 1.5, True, Decimal(1), 1j),
    Text: (Text.A, Text.B),
    Level: (Level.ONE, Level.TWO),
    Colour: (Colour.RED, Colour.BLUE),
    Size: (Size(1),),
    UserId: (1, 2),
    AdminId: (3,),
    Title: ("t",),
    abc.Hashable: (1, "a", (1, 2)),
    abc.Sized: ("a", [1], {}),
    Any: (1, "a", None, [1], {"k": 1.5}, b"x"),
    object: (1, "a", None, [1]),
}
COMMON = (int, int, float, str, str, bool, type(None), datetime, Text, Level, Colour, UserId)
LITERALS = (1, 2, 3, True, False, "a", "b", "abc", None, Text.A, Level.ONE, Colour.RED, b"ab\xff")
LISTS = ("list", "deque", "Sequence", "MutableSequence", "Collection", "Iterable", "tuple...")
SETS = ("set", "frozenset", "Set", "MutableSet")
DICTS = ("dict", "Mapping", "MutableMapping", "OrderedDict")
FIELDS = ("model", "typeddict", "namedtuple", "dataclass")
NAMES = ("a", "b", "c", "d")


@dataclasses.dataclass(frozen=True)
class Node:
    """An annotation to be; `extra` is what the kind needs beside its parts."""

    kind: str
    parts: tuple[Node, ...] = ()
    extra: Any = None

    def holds(self, *kinds):
        return self.kind in kinds or any(part.holds(*kinds) for part in self.parts)

    def is_plain(self, kind):
        return self.extra is kind or any(part.is_plain(kind) for part in self.parts)


class Grower:
    """Grows nodes and bends them."""

    def __init__(self, random):
        self.random = random

    # -------------------------------------------------------------- growing

    def grow(self, depth=3, *, flat=False):
        """A new node; a flat one may be a field: pydantic must be able to build its class."""
        pick = self.random.random()
        if depth == 0 or pick < 0.28:
            return self.leaf(flat=flat)
        grow = lambda: self.grow(depth - 1, flat=flat)
        if pick < 0.46:
            kinds = [kind for kind in LISTS if not (flat and kind == "Iterable")]
            return Node(self.random.choice(kinds), (grow(),))
        if pick < 0.52:
            return Node(self.random.choice(SETS), (self.hashable(),))
        if pick < 0.60:
            return Node(self.random.choice(DICTS), (self.hashable(), grow()))
        if pick < 0.67:
            return Node("tuple", tuple(grow() for _ in range(self.random.randint(0, 3))))
        if pick < 0.80:
            return Node("union", tuple(grow() for _ in range(self.random.randint(2, 3))))
        if pick < 0.93:
            return self.fields(depth)
        return self.callable(depth, flat=flat)

    def leaf(self, *, flat):
        pick = self.random.random()
        if pick < 0.2:
            return _literal(self.random.sample(LITERALS, self.random.randint(1, 3)))
        if pick < 0.45:
            return self.bounded()
        kinds = COMMON if self.random.random() < 0.7 else tuple(PLAIN)
        return Node(
            "plain",
            extra=self.random.choice(
                [one for one in kinds if one not in (bytearray, Fraction, Size)] if flat else kinds
            ),
        )

    def hashable(self):
        return Node("plain", extra=self.random.choice(COMMON))

    def bounded(self):
        limit = self.random.randint(-2, 4)
        if self.random.random() < 0.4:
            rules = self.random.sample([MinLen(max(limit, 0)), MaxLen(limit + 3)], self.random.randint(1, 2))
            kinds = ("str", "list", "tuple...")
            kind = self.random.choice(kinds)
            inner = Node("plain", extra=str) if kind == "str" else Node(kind, (Node("plain", extra=int),))
        else:
            every = [Gt(limit), Ge(limit), Lt(limit + 4), Le(limit + 4), MultipleOf(self.random.choice((2, 3, 6)))]
            rules = self.random.sample(every, self.random.randint(1, 2))
            inner = Node("plain", extra=self.random.choice((int, int, float)))
        return Node("bounded", (inner,), tuple(rules))

    def fields(self, depth):
        kind = self.random.choice((*FIELDS, "model", "model", "typeddict"))
        names = tuple(sorted(self.random.sample(NAMES, self.random.randint(1, 3))))
        parts = tuple(self.grow(min(depth - 1, 1), flat=True) for _ in names)
        flags = tuple(self.random.random() < 0.7 for _ in names)  # of a TypedDict: whether the key is required
        return Node(kind, parts, (names, flags, 0))

    def callable(self, depth, *, flat):
        parts = tuple(self.grow(min(depth - 1, 1), flat=True) for _ in range(self.random.randint(1, 3)))
        if flat or self.random.random() < 0.5:
            return Node("callable", parts)
        return Node(self.random.choice(("protocol", "keeper")), (*parts[:1], parts[-1]))

    # -------------------------------------------------------------- bending

    def bend(self, node):
        """A related node: one place of it is changed, often so that the type gets wider."""
        if node.parts and self.random.random() < 0.6:
            place = self.random.randrange(len(node.parts))
            if node.kind == "bounded" or (node.kind in (*SETS, *DICTS) and place == 0):
                return self.bend_here(node)
            parts = list(node.parts)
            parts[place] = self.bend(parts[place])
            is_flat = node.kind in (*FIELDS, "callable", "protocol", "keeper")
            return (
                node
                if is_flat and parts[place].holds("Iterable", "protocol", "keeper")
                else dataclasses.replace(node, parts=tuple(parts))
            )
        return self.bend_here(node)

    def bend_here(self, node):
        pick = self.random.random()
        if pick < 0.08:
            return self.grow(1, flat=True)
        if pick < 0.2 and node.kind != "union":
            return Node("union", (node, self.grow(1, flat=True)))
        bend = getattr(self, f"_bend_{node.kind}", None)
        if node.kind in LISTS or node.kind == "tuple":
            return self._bend_list(node)
        if node.kind in (*SETS, *DICTS):
            same = SETS if node.kind in SETS else DICTS
            return dataclasses.replace(node, kind=self.random.choice(same))
        if node.kind in ("namedtuple", "dataclass"):
            return self._bend_model(node)
        return bend(node) if bend else node

    def twin(self, node):
        """The same, with another class of the same structure for every model."""
        parts = tuple(map(self.twin, node.parts))
        extra = (*node.extra[:2], node.extra[2] + 1) if node.kind == "model" and node.extra[2] < 10 else node.extra
        return Node(node.kind, parts, extra)

    def _bend_list(self, node):
        kind = self.random.choice(LISTS)
        if node.kind == "tuple" and node.parts:
            return Node(kind, (Node("union", node.parts) if len(node.parts) > 1 else node.parts[0],))
        if kind == "tuple..." and self.random.random() < 0.5:
            return Node("tuple", node.parts * self.random.randint(1, 2))
        return Node(kind, node.parts or (Node("plain", extra=int),))

    def _bend_plain(self, node):
        widened = {int: float, float: complex, bool: Number, Text: str, Level: int, Path: PurePath, UserId: int}
        if node.extra in widened and self.random.random() < 0.5:
            return Node("plain", extra=widened[node.extra])
        if node.extra in (int, float, str) and self.random.random() < 0.5:
            rules = (MinLen(1),) if node.extra is str else (Gt(0),)
            return Node("bounded", (node,), rules)
        return Node("plain", extra=self.random.choice((Any, object, *COMMON)))

    def _bend_literal(self, node):
        values = [value for _, value in node.extra]
        if self.random.random() < 0.3:
            return Node("plain", extra=type(self.random.choice(values)))
        if len(values) > 1 and self.random.random() < 0.4:
            return _literal(values[1:])
        return _literal([*values, *self.random.sample(LITERALS, 1)])

    def _bend_bounded(self, node):
        if self.random.random() < 0.25:
            return node.parts[0]
        moved = []
        for rule in node.extra:
            name, limit = next(iter(dataclasses.asdict(rule).items()))
            moved.append(type(rule)(**{name: max(limit + self.random.choice((-2, -1, 0, 0, 1, 2)), 1)}))
        return Node("bounded", node.parts, tuple(moved))

    def _bend_union(self, node):
        parts = list(node.parts)
        self.random.shuffle(parts)
        if self.random.random() < 0.4:
            parts = parts[1:]
        return Node("union", tuple(parts)) if len(parts) > 1 else parts[0]

    def _bend_model(self, node):
        names, flags, twin = node.extra
        pick = self.random.random()
        if pick < 0.5:  # another class of the same structure; 10 and more are subclasses of the first
            return dataclasses.replace(node, extra=(names, flags, self.random.choice((0, 1, 2, 10, 11))))
        if pick < 0.7 and len(names) > 1:
            return Node(node.kind, node.parts[1:], (names[1:], flags[1:], twin))
        return node

    def _bend_typeddict(self, node):
        names, flags, twin = node.extra
        place = self.random.randrange(len(names))
        if self.random.random() < 0.5:
            flags = (*flags[:place], not flags[place], *flags[place + 1 :])
            return dataclasses.replace(node, extra=(names, flags, twin))
        if len(names) > 1:
            keep = [number for number in range(len(names)) if number != place]
            parts, names, flags = (tuple(row[number] for number in keep) for row in (node.parts, names, flags))
            return Node("typeddict", parts, (names, flags, twin))
        return Node("Mapping", (Node("plain", extra=str), Node("plain", extra=object)))

    def _bend_callable(self, node):
        return Node("callable", (self.grow(1, flat=True), *node.parts))

    def _bend_keeper(self, node):
        return Node("protocol", node.parts)


def _literal(values):
    return Node("literal", extra=tuple((type(value), value) for value in values))  # 1 == True, but not as literals
