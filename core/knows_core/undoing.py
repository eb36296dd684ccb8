"""Compensation: when a run has failed, what its finished steps did is undone, the newest first.

What is undone is found in the journal and in the tree, not by walking the flow again: the step that failed must not be
tried meanwhile. Each compensation is walked as a step of its own, named after the one it undoes with a `~` behind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.calling import step_walk
from knows_core.envelope import safe_text
from knows_core.errors_recovery import CompensationFailed
from knows_core.flow import Part, Scope, Step
from knows_core.paths import numbered_as, unnumbered, within
from knows_core.records import Compensating, RunEnded
from knows_core.renaming import Renaming
from knows_core.run import RunStatus
from knows_core.situation import Place
from knows_core.wishes import StepError, Waiting

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from knows_core.flow import Flow
    from knows_core.situation import Situation
    from knows_core.wishes import Wish

UNDONE = "~"  # behind the path of a step: that of its compensation


class _Undo(NamedTuple):
    """How a node is undone: by a step, in its place; `around` are scopes around it that are undone as a whole."""

    step: Step[Any, Any]
    place: Place
    around: tuple[str, ...]


def undone(ended: RunEnded, flow: Flow[Any, Any], now: Situation, place: Place) -> Generator[Wish, Any, RunEnded]:
    """Undo what a failed run did, and tell how it ended. Raises Waiting where a compensation waits for somebody."""
    ground = now.ground
    to_undo = list(_to_undo(now, dict(_undoable(flow, place, ()))))
    if not to_undo:
        return ended
    if ground.past.failure is None:
        yield Compensating(ended.error or RuntimeError(), ended.path, ended.attempt)
    failures: list[StepError] = []
    waiting: Waiting | None = None
    for path, result, undo in to_undo:
        prefix = path[: len(path) - len(path.rpartition("/")[2])]
        step = replace(undo.step, name=path[len(prefix) :] + UNDONE)
        ground.checks = {**ground.checks, step: (None, _nothing)}
        try:
            yield from step_walk(step, result, now, replace(undo.place, prefix=prefix))
        except StepError as failure:
            failures.append(failure)
        except Waiting as decision:
            waiting = waiting or decision
    if waiting is not None:
        raise waiting
    if not failures:
        return ended._replace(compensated=True)
    return ended._replace(status=RunStatus.COMPENSATION_FAILED, error=_error(ended, failures, len(to_undo)))


def _nothing(_result: Any, _path: str) -> None:
    """What a compensation gives back is nothing that the run could use."""


def _error(ended: RunEnded, failures: list[StepError], count: int) -> CompensationFailed:
    told = [f"{one.path} ({type(one.error).__name__}: {safe_text(one.error)})" for one in failures]
    error = CompensationFailed(
        step=ended.path or "the run",
        error=f"{type(ended.error).__name__}: {safe_text(ended.error or RuntimeError()).rstrip('.')}",
        count=len(failures),
        all=count,
        failed="; ".join(told),
        errors=[one.error for one in failures],
    )
    error.__cause__ = ended.error
    return error


def _to_undo(now: Situation, undoable: dict[str, _Undo]) -> Iterator[tuple[str, Any, _Undo]]:
    """What came to its end and declares how it is undone, the newest first; not what lies in a scope that does."""
    past = now.ground.past
    made = [
        path for path in past.results if past.settled.get(path, "scope") == "scope" and unnumbered(path) in undoable
    ]
    finished: dict[str, Any] = {path: past.results[path] for path in made} | dict(now.ground.finished)
    for path in reversed(finished):
        undo = undoable[unnumbered(path)]
        if not any(numbered_as(scope, path) in finished for scope in undo.around):
            yield path, finished[path], undo


def _undoable(node: Flow[Any, Any], place: Place, around: tuple[str, ...]) -> Iterator[tuple[str, _Undo]]:
    """Every node that declares how it is undone, by its path without numbers."""
    path = place.prefix + node.key
    compensate = node.compensate if isinstance(node, Step | Scope) else None
    if compensate is not None:
        yield path, _Undo(compensate, Place(place.prefix, place.typed, place.keys), around)
        around = (*around, path)
    inside = place.at(within(node, place.prefix))
    if isinstance(node, Part):
        keys = Renaming(node.keys, place.keys) if node.keys or place.keys is not None else None
        inside = Place(within(node, place.prefix), node.definition.typed, keys)
    for inner in node.inner:
        yield from _undoable(inner, inside, around)
