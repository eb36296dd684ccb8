"""The state in the plain evaluation: a dictionary, copied for each branch, and compared when branches join."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from knows_core.errors.flow import StateConflict
from knows_core.states.joining import Reducer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Model = type[BaseModel] | None  # the state model of the template that is being evaluated
Keys = "Mapping[str, str] | str"  # how a part's keys are called around it, or the name space they lie in


@dataclass(slots=True)
class Held:
    """The state somewhere in the flow, the keys that were touched here, and those that only got a default.

    `error` tells the path and the type of the last failure from which `Continue` went on here.
    """

    values: dict[str, Any]
    touched: set[str] = field(default_factory=set[str])
    filled: set[str] = field(default_factory=set[str])
    error: tuple[str, str] | None = None

    def put(self, values: Mapping[str, Any], touched: set[str]) -> None:
        """Give the touched keys the values they have now, or none."""
        for key in touched:
            self.values.pop(key, None)
            if key in values:
                self.values[key] = values[key]
        self.touched |= touched
        self.filled -= touched

    def take(self, tried: Mapping[str, Any]) -> None:
        """Take over what a step made of a copy of the state."""
        before = self.values
        self.put(tried, {key for key in {*before, *tried} if _text(before, key) != _text(tried, key)})

    def inside(self, keys: Mapping[str, str] | str) -> Held:
        """The state as a part sees it."""
        if isinstance(keys, str):
            names = {key: key.removeprefix(f"{keys}.") for key in self.values if key.startswith(f"{keys}.")}
        else:
            renamed = {outer: inner for inner, outer in keys.items()}
            names = {key: renamed.get(key, key) for key in self.values if key in renamed or key not in keys}
        return Held({inner: self.values[outer] for outer, inner in names.items()})

    def outside(self, own: Held, keys: Mapping[str, str] | str) -> None:
        """Take over what a part did to its state."""
        outer = {key: f"{keys}.{key}" if isinstance(keys, str) else keys.get(key, key) for key in own.touched}
        self.put({outer[key]: own.values[key] for key in outer if key in own.values}, set(outer.values()))
        self.filled |= {outer[key] for key in own.filled}
        self.error = own.error or self.error

    def join(self, owns: Sequence[Held], model: Model) -> None:
        """Take over what branches did. Raises StateConflict."""
        touched = set[str]().union(*(own.touched for own in owns))
        merged = {key: _merged(key, self.values, owns, model) for key in touched}
        present = {key: values[0] for key, values in merged.items() if values}
        self.put(present, {key for key in touched if key in present or key in self.values})
        self.filled |= {key for key in present if all(key in own.filled for own in owns if key in own.touched)}
        for own in owns:
            self.error = own.error or self.error


def _text(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else ""


def _merged(key: str, before: dict[str, Any], owns: Sequence[Held], model: Model) -> list[Any]:
    """The one value that all branches together left, or none. Raises StateConflict."""
    authors = [own for own in owns if key in own.touched]
    authors = [own for own in authors if key not in own.filled] or authors[:1]
    left = [own.values[key] for own in authors if key in own.values]
    function = _reducers(model).get(key)
    if not left:
        return []
    if len(left) == len(authors) > 1 and function is not None:
        return [_reduced(function, before.get(key), left)]
    if len(left) < len(authors) or len(set(map(repr, left))) > 1:
        raise StateConflict(where="plain", key=key, branches="several")
    return left[:1]


def _reduced(function: Callable[[Any, Any], Any], before: Any, left: list[Any]) -> Any:
    if isinstance(before, list):
        there = cast("list[Any]", before)
        if all(one[: len(there)] == there for one in left):
            return reduce(function, [one[len(there) :] for one in left], there)
    return reduce(function, left)


def defaults(model: Model) -> dict[str, Any]:
    """What a state model fills in."""
    fields = {} if model is None else model.model_fields
    return {name: one.get_default(call_default_factory=True) for name, one in fields.items() if not one.is_required()}


def branched(held: Held) -> Held:
    """A state for a branch that begins here."""
    return Held(copy.deepcopy(held.values))


def _reducers(model: Model) -> dict[str, Callable[[Any, Any], Any]]:
    fields = {} if model is None else model.model_fields
    return {name: mark.function for name, one in fields.items() for mark in one.metadata if isinstance(mark, Reducer)}
