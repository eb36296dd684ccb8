"""How the states of branches that ran side by side become one again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from knows_core.errors.flow import StateConflict
from knows_core.state import ERROR_KEY, NO_CHANGES, Changes, WorkflowState
from knows_core.values.sameness import same
from knows_core.values.traits import kind_of, private_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Reducer:
    """How a state key that several branches wrote is merged, as metadata of its annotation in the state model.

    `Annotated[list[Alarm], Reducer(concat)]`: `function(one, other)` is folded over what the branches wrote, in
    declared order. Where each branch extended what was there, it gets what each added, and what was there stands
    before it once; otherwise it gets the whole values (`max`, a union of sets). It must be pure.
    """

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"Reducer({getattr(self.function, '__qualname__', self.function)})"


@dataclass(slots=True)
class Delta:
    """What one branch did to the state it began with; `filled` are keys that only got the default of a model."""

    written: dict[str, Any] = field(default_factory=dict[str, Any])
    dropped: set[str] = field(default_factory=set[str])
    filled: set[str] = field(default_factory=set[str])

    def add(self, changes: Changes, *, filled: bool = False) -> None:
        """Take one more change along."""
        self.written |= changes.written
        self.dropped = (self.dropped - changes.written.keys()) | set(changes.dropped)
        for key in changes.dropped:
            self.written.pop(key, None)
        if filled:
            self.filled |= changes.written.keys()
        else:
            self.filled -= {*changes.written, *changes.dropped}

    @property
    def changes(self) -> Changes:
        """All of it as one change."""
        return Changes(self.written, tuple(self.dropped))


def merged(
    base: WorkflowState, branches: Sequence[tuple[str, Delta]], reducers: Mapping[str, Reducer], where: str
) -> Changes:
    """What all branches together did. Raises StateConflict, or what a reducer raises."""
    if not any(delta.written or delta.dropped for _, delta in branches):
        return NO_CHANGES
    written: dict[str, Any] = {}
    dropped: list[str] = []
    touched = dict.fromkeys(key for _, delta in branches for key in (*delta.written, *sorted(delta.dropped)))
    for key in touched:
        authors = _authors(key, branches)
        values = [delta.written[key] for _, delta in authors if key in delta.written]
        if not values:
            dropped.append(key)
        elif key == ERROR_KEY:  # what was gone on from: the last branch that had a failure tells
            written[key] = values[-1]
        elif key in reducers and len(values) == len(authors) > 1:
            written[key] = _reduced(reducers[key], base.get(key), values)
        elif len(values) == len(authors) and all(same(values[0], other) for other in values[1:]):
            written[key] = values[0]
        else:
            raise StateConflict(where=where, key=key, branches=" and ".join(name for name, _ in authors))
    return Changes(written, tuple(key for key in dropped if key in base))


def only_filled(changes: Changes, deltas: Sequence[Delta]) -> tuple[str, ...]:
    """The keys of what all branches together did that none of them gave more than the default of a model."""
    given = set[str]().union(*(delta.dropped | (delta.written.keys() - delta.filled) for delta in deltas))
    return tuple(key for key in changes.written if key not in given)


def _authors(key: str, branches: Sequence[tuple[str, Delta]]) -> list[tuple[str, Delta]]:
    """The branches that changed a key; those that only filled in a default count where nobody else did."""
    touching = [(name, delta) for name, delta in branches if key in delta.written or key in delta.dropped]
    return [(name, delta) for name, delta in touching if key not in delta.filled] or touching[:1]


def _reduced(reducer: Reducer, before: Any, values: list[Any]) -> Any:
    function = reducer.function
    kind = kind_of(before)
    if kind in (list, tuple, str) and all(type(one) is kind and same(one[: len(before)], before) for one in values):
        return _folded(function, [before, *(one[len(before) :] for one in values)])
    return _folded(function, values)


def _folded(function: Callable[[Any, Any], Any], values: Iterable[Any]) -> Any:
    first, *others = map(private_copy, values)
    for one in others:
        first = function(first, one)
    return first
