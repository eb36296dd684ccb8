"""The annotation that a grown node stands for, and values that are of it."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections import OrderedDict, abc, deque
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Protocol

from pydantic import ConfigDict, ValidationError, create_model
from typing_extensions import TypedDict

from tests.properties.annotations import LISTS, PLAIN, SETS, Grower, Names, Node

ORIGINS: dict[str, Any] = {
    "list": list, "deque": deque, "Sequence": abc.Sequence, "MutableSequence": abc.MutableSequence,
    "Collection": abc.Collection, "Iterable": abc.Iterable, "set": set, "frozenset": frozenset, "Set": abc.Set,
    "MutableSet": abc.MutableSet, "dict": dict, "Mapping": abc.Mapping, "MutableMapping": abc.MutableMapping,
    "OrderedDict": OrderedDict,
}  # fmt: skip
MADE_AS: dict[str, tuple[Any, ...]] = {
    "list": (list, Names), "deque": (deque,), "Sequence": (list, tuple), "MutableSequence": (list,),
    "Collection": (list, tuple, deque), "Iterable": (list, tuple, deque), "tuple...": (tuple,), "set": (set,),
    "frozenset": (frozenset,), "Set": (frozenset,), "MutableSet": (set,), "dict": (dict, OrderedDict),
    "Mapping": (dict, OrderedDict), "MutableMapping": (dict,), "OrderedDict": (OrderedDict,),
}  # fmt: skip


KEYS: Any = TypedDict  # of keys that are made, not written


def of(origin: Any, arguments: Any) -> Any:
    """A generic type of arguments that are made, not written."""
    return origin[arguments]


class Garden(Grower):
    """Knows the annotation and some values of each node that it grows; both are made once."""

    def __init__(self, random):
        super().__init__(random)
        self._annotations: dict[Node, Any] = {}
        self._values: dict[Node, list[Any]] = {}

    # -------------------------------------------------------------- what a node stands for

    def annotation(self, node):
        if node not in self._annotations:
            make = getattr(self, f"_{node.kind.rstrip('.')}", self._container)
            self._annotations[node] = make(node, *map(self.annotation, node.parts))
        return self._annotations[node]

    def _plain(self, node):
        return node.extra

    def _literal(self, node):
        return of(Literal, tuple(value for _, value in node.extra))

    def _bounded(self, node, inner):
        return of(Annotated, (inner, *node.extra))

    def _container(self, node, *inner):
        return of(ORIGINS[node.kind], inner if len(inner) > 1 else inner[0])

    def _tuple(self, node, *inner):
        return of(tuple, (*inner, ...) if node.kind == "tuple..." else inner)

    def _union(self, node, *inner):
        return of(typing.Union, inner)

    def _callable(self, node, *inner):
        return of(abc.Callable, (list(inner[:-1]), inner[-1]))

    def _model(self, node, *inner):
        names, flags, twin = node.extra
        if twin >= 10:
            base = self.annotation(dataclasses.replace(node, extra=(names, flags, 0)))
            return create_model(f"Sub{twin}", __base__=base, extra=(int, 1))
        config = ConfigDict(arbitrary_types_allowed=True, extra="forbid" if twin % 2 else "ignore")
        return create_model(f"Model{twin}", __config__=config, **dict(zip(names, inner, strict=True)))

    def _dataclass(self, node, *inner):
        names, flags, twin = node.extra
        if twin >= 10:
            base = self.annotation(dataclasses.replace(node, extra=(names, flags, 0)))
            return dataclasses.make_dataclass(f"Sub{twin}", [("extra", int, 1)], bases=(base,))
        return dataclasses.make_dataclass(f"Data{twin}", list(zip(names, inner, strict=True)))

    def _namedtuple(self, node, *inner):
        return NamedTuple("Row", list(zip(node.extra[0], inner, strict=True)))

    def _typeddict(self, node, *inner):
        names, flags, _ = node.extra
        keys = {name: one if flag else NotRequired[one] for name, one, flag in zip(names, inner, flags, strict=True)}
        return KEYS("Keys", keys)

    def _protocol(self, node, taken, result):
        made = types.new_class("Keeps", (Protocol,), {}, lambda body: body.update(keep=_method(None, taken, result)))
        return typing.runtime_checkable(made)

    def _keeper(self, node, taken, result):
        kept = self.values(node.parts[1])
        return type("Keeper", (), {"keep": _method(kept, taken, result)})

    # -------------------------------------------------------------- values

    def values(self, node):
        """Up to six values of the node's annotation, possibly none."""
        if node not in self._values:
            make = getattr(self, f"_{node.kind.rstrip('.')}_values", None)
            if make is not None:
                found = make(node)
            elif node.kind in (*LISTS, *SETS, "tuple"):
                found = self._items_values(node)
            else:
                found = self._pairs_values(node)
            self._values[node] = self.random.sample(found, min(len(found), 6))
        return self._values[node]

    def _plain_values(self, node):
        return list(PLAIN[node.extra])

    def _literal_values(self, node):
        return [value for _, value in node.extra]

    def _union_values(self, node):
        return [value for part in node.parts for value in self.values(part)]

    def _bounded_values(self, node):
        (inner,) = node.parts
        numbers = [*range(-4, 13), 0.5, 2.5, 3.0, 6.0]
        if inner.kind != "plain":
            origin = MADE_AS[inner.kind][0]
            tried = [origin(range(size)) for size in range(8)]
        elif inner.extra is str:
            tried = ["abcdefgh"[:size] for size in range(8)]
        else:
            tried = numbers if inner.extra is float else [one for one in numbers if isinstance(one, int)]
        return [value for value in tried if all(_inside(value, rule) for rule in node.extra)]

    def _some(self, node, least=0):
        values = self.values(node)
        return [self.random.choice(values) for _ in range(self.random.randint(least, 3))] if values else []

    def _items_values(self, node):
        found = []
        for _ in range(6):
            if node.kind == "tuple":
                rows = [self.values(part) for part in node.parts]
                if all(rows):
                    found.append(tuple(self.random.choice(row) for row in rows))
            else:
                found.append(self.random.choice(MADE_AS[node.kind])(self._some(node.parts[0])))
        return found

    def _pairs_values(self, node):
        made = MADE_AS[node.kind]
        rows = [zip(self._some(node.parts[0]), self._some(node.parts[1]), strict=False) for _ in range(6)]
        return [self.random.choice(made)(row) for row in rows]

    def _field_rows(self, node):
        rows = [self.values(part) for part in node.parts]
        return [[self.random.choice(row) for row in rows] for _ in range(4)] if all(rows) else []

    def _model_values(self, node):
        names, flags, twin = node.extra
        made = self.annotation(node)
        found = [one for row in self._field_rows(node) if (one := _instance(made, names, row)) is not None]
        derived = [] if twin else self.values(dataclasses.replace(node, extra=(names, flags, 10)))
        return found + derived[:1]

    def _dataclass_values(self, node):
        return [self.annotation(node)(*row) for row in self._field_rows(node)]

    def _namedtuple_values(self, node):
        return [self.annotation(node)(*row) for row in self._field_rows(node)]

    def _typeddict_values(self, node):
        names, flags, _ = node.extra
        found = []
        for row in self._field_rows(node):
            kept = [flag or self.random.random() < 0.5 for flag in flags]
            value = {name: one for name, one, keep in zip(names, row, kept, strict=True) if keep}
            if self.random.random() < 0.2:
                value["undeclared"] = b"x"
            found.append(value)
        return found

    def _keeper_values(self, node):
        return [self.annotation(node)()]

    def _protocol_values(self, node):
        return self.values(Node("keeper", node.parts))

    def _callable_values(self, node):
        results = self.values(node.parts[-1])
        return [_function(results, node.parts[:-1])] if results else []


def _instance(model, names, row):
    try:
        return model.model_validate(dict(zip(names, row, strict=True)), strict=True)
    except ValidationError:  # a model that forbids extra fields forbids undeclared keys of its TypedDicts, too
        return None


def _inside(value, rule):
    name, limit = next(iter(dataclasses.asdict(rule).items()))
    size = len(value) if name in ("min_length", "max_length") else value
    return {
        "gt": lambda: size > limit,
        "ge": lambda: size >= limit,
        "lt": lambda: size < limit,
        "le": lambda: size <= limit,
        "multiple_of": lambda: size % limit == 0,
        "min_length": lambda: size >= limit,
        "max_length": lambda: size <= limit,
    }[name]()


def _method(kept, taken, result):
    def keep(self, item):
        return kept[0]

    keep.__annotations__ = {"item": taken, "return": result}
    return keep


def _function(results, parameters):
    def function(*arguments):
        assert len(arguments) == len(parameters)
        return results[0]

    return function
