"""The search behind a description: every class and self-naming alias that an annotation leads to, each once."""

from __future__ import annotations

import dataclasses
import typing
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.describing.classes import has_structure, name_of, structure
from knows_core.describing.kinds import class_, form, is_anything
from knows_core.describing.marks import marked, text_of, unread_name
from knows_core.fitting.reading import _open_alias, has_own_schema, is_alias
from knows_core.values.declared import lineage_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.describing.marks import Descriptor

    Describe = Callable[[Any], Descriptor]

_DEEPEST: Final = 60  # of one type inside the other
_MOST_PARTS: Final = 100_000  # a tuple of two equal tuples of two equal tuples grows beyond any memory
_OF_INSTANCES: Final = ("model", "root_model", "dataclass", "named_tuple")  # else any value of the structure will do
_MOST_NESTED: Final = 10  # of type arguments, for a generic class that names itself with ever longer ones


class Ref(int):
    """The number of a node, where the description of something else refers to it."""


@dataclasses.dataclass(slots=True)
class Node:
    """What is described once and referred to by name; `nested` is how deep its type arguments are."""

    name: str
    subject: Any
    args: tuple[Any, ...] | None
    nested: int
    body: Descriptor = dataclasses.field(default_factory=dict[str, Any])

    @property
    def lineage(self) -> list[str]:
        """The class and those that it derives from, by identity; empty where that does not say what its values are."""
        if self.body.get("kind") not in _OF_INSTANCES:
            return []
        kind = self.subject
        try:
            made_from: Any = getattr(kind, "__pydantic_generic_metadata__", None) or {}
            is_generic = self.args or made_from.get("args") or getattr(kind, "__parameters__", ())
            return [] if is_generic or has_own_schema(kind) else lineage_of(kind)
        except Exception:  # noqa: BLE001 - foreign classes may raise anything when they are looked at
            return []


class Search:
    """Describes annotations and, from a queue, each class and self-naming alias that they lead to."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[tuple[int, str], Ref] = {}
        self._finished = self._parts = 0

    def describe(self, annotation: Any) -> Descriptor:
        """An annotation, and in `nodes` everything that it refers to."""
        found = self.part(annotation, 0)
        while self._finished < len(self.nodes):
            node = self.nodes[self._finished]
            self._finished += 1
            node.body = self._body(node)
        return found

    def part(self, annotation: Any, depth: int) -> Descriptor:
        """An annotation inside another."""
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            return {"kind": "too_deep"}
        try:
            return self._part(annotation, lambda one: self.part(one, depth + 1))
        except Exception:  # noqa: BLE001 - foreign objects may raise anything when they are looked at
            return {"kind": "unread", "name": unread_name(annotation)}

    def _part(self, annotation: Any, describe: Describe) -> Descriptor:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            return marked(describe(annotation.__origin__), annotation.__metadata__)
        alias = annotation if is_alias(annotation) else origin
        if is_alias(alias):
            if _names_itself(alias):
                return self._refer(alias, typing.get_args(annotation), str(alias.__name__), describe)
            return describe(_open_alias(annotation))
        kind: Any = origin or annotation
        if isinstance(kind, type) and not is_anything(kind) and has_structure(kind):
            args = typing.get_args(annotation) if origin is not None else None
            return self._refer(kind, args, name_of(kind), describe)
        return form(annotation, describe) or class_(annotation, describe)

    def _refer(self, subject: Any, args: tuple[Any, ...] | None, name: str, describe: Describe) -> Descriptor:
        described = [describe(one) for one in args or ()]
        nested = 1 + max((self._nested(one) for one in described), default=0)
        if nested > _MOST_NESTED:
            return {"kind": "too_deep"}
        key = (id(subject), text_of(described))
        if key not in self._numbers:
            self._numbers[key] = Ref(len(self.nodes))
            self.nodes.append(Node(name, subject, args, nested))
        return {"ref": self._numbers[key]}

    def _nested(self, described: Any) -> int:
        if isinstance(described, dict):
            parts = cast("dict[str, Any]", described)
            ref = parts.get("ref")
            if isinstance(ref, Ref):
                return self.nodes[ref].nested
            return 1 + max(map(self._nested, parts.values()), default=0)
        return max(map(self._nested, cast("list[Any]", described)), default=0) if isinstance(described, list) else 0

    def _body(self, node: Node) -> Descriptor:
        describe: Describe = lambda one: self.part(one, 1)  # noqa: E731
        try:
            if is_alias(node.subject):
                opened = _open_alias(node.subject[node.args] if node.args else node.subject)
                return {"kind": "alias", "name": node.name, "of": describe(opened)}
            return structure(node.subject, node.args, describe)
        except Exception:  # noqa: BLE001 - as in part
            return {"kind": "unread", "name": node.name}


def _names_itself(alias: Any) -> bool:
    """Whether an alias is part of its own value, told without going into classes."""
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id is used twice
    waiting: list[Any] = [_open_alias(alias)]
    while waiting:
        one = waiting.pop()
        other = one if is_alias(one) else typing.get_origin(one)
        if other is alias:
            return True
        if id(one) in seen:
            continue
        seen[id(one)] = one
        waiting += cast("list[Any]", one) if isinstance(one, list) else typing.get_args(one)
        if is_alias(other) and other is not one:
            waiting.append(other)
        elif is_alias(other):
            waiting.append(_open_alias(other))
        if isinstance(one, typing.NewType):
            waiting.append(one.__supertype__)
    return False
