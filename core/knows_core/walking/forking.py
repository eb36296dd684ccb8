"""Branches that run side by side, each on a state of its own, and what becomes of their states when all are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from knows_core.journals.records import Joined
from knows_core.state import NO_CHANGES, WorkflowState
from knows_core.states.joining import Delta, merged, only_filled
from knows_core.walking.wishes import Fork, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from knows_core.walking.situation import Place, Situation
    from knows_core.walking.wishes import Outcome, Walk


_MERGED: Final = Delta()  # nothing that the state of what is around does not hold


class Unjoined(Exception):
    """Carries that the states of branches, which all came to their end, cannot be merged, and why."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Branch(NamedTuple):
    """A branch that may begin: its name, and how it is walked in a situation of its own."""

    name: str
    walk: Callable[[Situation], Walk]


def fork_walk(path: str, begins: Sequence[Branch], limit: int, now: Situation, place: Place) -> Walk:
    """Run branches and return the list of their results; their states are merged then. Raises Unjoined."""
    begun: list[Situation] = []

    def branches() -> Iterable[Walk]:
        for one in begins:
            begun.append(now.forked(one.name))
            yield one.walk(begun[-1])

    outcomes: list[Outcome] = yield Fork(branches(), limit)
    now.interrupted = 0
    errors = [one.error for one in outcomes if one.error is not None]
    waiting = [one for one in errors if isinstance(one, Waiting)]
    if len(waiting) < len(errors):  # what failed is told, and whatever waits is not waited for
        raise next(one for one in errors if not isinstance(one, Waiting))
    if waiting:
        raise waiting[0].beside(waiting[1:])
    if path not in now.ground.past.joined:
        yield from _join(path, begun, now, place)
    for one in begun:
        now.ground.deltas[one.branch] = _MERGED
    return [one.result for one in outcomes]


def _join(path: str, begun: Sequence[Situation], now: Situation, place: Place) -> Walk:
    typed = place.typed
    try:
        reducers = {} if typed is None else {place.outside(key): one for key, one in typed.reducers.items()}
        changes = merged(now.state, [(one.branch, one.delta) for one in begun], reducers, path)
        if changes is NO_CHANGES:
            return
        if typed is not None:
            typed.checked(path, changes, place.seen(WorkflowState(now.state.after(changes))))
        filled = only_filled(changes, [one.delta for one in begun])
        yield Joined(path, changes, now.branch, filled)
    except Exception as error:  # noqa: BLE001 - a conflict, or whatever a reducer raises, is a failure of the branches
        raise Unjoined(error) from None
    now.take(changes)
    now.delta.filled.update(filled)
