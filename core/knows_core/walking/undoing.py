"""Compensation: when a run has failed, what its finished steps did is undone, the newest first.

What is undone is found in the journal and in the tree, not by walking the flow again: the step that failed must not be
tried meanwhile. Each compensation is walked as a step of its own, named after the one it undoes with a `~` behind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.errors.recovery import CompensationFailed
from knows_core.flow import Parallel, Part, Scope, Step
from knows_core.flows.loops import Each
from knows_core.flows.paths import numbered_as, unnumbered, within
from knows_core.flows.renaming import Renaming
from knows_core.journals.envelope import in_words
from knows_core.journals.records import Compensating, RunEnded
from knows_core.run import RunStatus
from knows_core.state import WorkflowState
from knows_core.values.traits import private_copy
from knows_core.walking.calling import step_walk
from knows_core.walking.failing import Failure, in_doubt
from knows_core.walking.opened import done_as
from knows_core.walking.situation import Place, Situation
from knows_core.walking.wishes import StepError, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from knows_core.flow import Flow
    from knows_core.walking.wishes import Wish

UNDONE = "~"  # behind the path of a step: that of its compensation


class _Named(NamedTuple):
    """What a flow calls something: a prefix, with `[]` for the numbers in it, and what follows as it is."""

    prefix: str
    rest: str

    def near(self, path: str) -> str:
        """What the run calls the one that lies around a path."""
        return numbered_as(self.prefix, path) + self.rest


class _Undo(NamedTuple):
    """How a node is undone: by a step, in its place.

    `around` are scopes around it that are undone as a whole, `branches` the branches that it lies in, the outermost
    first, each with the fork that it belongs to.
    """

    node: Step[Any, Any] | Scope[Any, Any]
    step: Step[Any, Any]
    place: Place
    around: tuple[_Named, ...]
    branches: tuple[tuple[_Named, _Named], ...]


def undone(ended: RunEnded, flow: Flow[Any, Any], now: Situation, place: Place) -> Generator[Wish, Any, RunEnded]:
    """Undo what a failed run did, and tell how it ended. Raises Waiting where a compensation waits for somebody."""
    undoable = dict(_undoable(flow, place, (), ()))
    doubted = _doubted(now, undoable)
    if not doubted and not _to_undo(now, undoable):
        return ended
    if now.ground.past.failure is None:
        yield Compensating(ended.error or RuntimeError(), ended.path, ended.attempt)
    # Nothing is undone before it is known whether these took place: they are the newest.
    yield from _all_of(_without_doubt(path, undoable[unnumbered(path)].node, now) for path in doubted)
    to_undo = _to_undo(now, undoable)
    failures = yield from _all_of(_undone(path, result, undo, now) for path, result, undo in to_undo)
    if not failures:
        return ended._replace(compensated=True)
    error = _error(ended, failures, len(to_undo), now.ground.rules.redact)
    return ended._replace(status=RunStatus.COMPENSATION_FAILED, error=error)


def _all_of(walks: Iterable[Generator[Wish, Any, None]]) -> Generator[Wish, Any, list[StepError]]:
    """Walk every one, whatever becomes of the others, and give back the failures. Raises Waiting if one waits."""
    failures: list[StepError] = []
    waiting: list[Waiting] = []
    for walk in walks:
        try:
            yield from walk
        except StepError as failure:
            failures.append(failure)
        except Waiting as decision:
            waiting.append(decision)
    if waiting:
        raise waiting[0].beside(waiting[1:])
    return failures


def _undone(path: str, result: Any, undo: _Undo, now: Situation) -> Generator[Wish, Any, None]:
    """Undo one step or scope, on the state that it left: what its branch did counts, also where it was not joined."""
    ground = now.ground
    prefix = path[: len(path) - len(path.rpartition("/")[2])]
    step = replace(undo.step, name=path[len(prefix) :] + UNDONE)
    ground.checks = {**ground.checks, step: (_own, _nothing)}
    here = Situation(WorkflowState(now.state), ground, now.interrupted)
    for fork, branch in undo.branches:
        delta = ground.deltas.get(branch.near(path)) or ground.past.deltas.get(branch.near(path))
        if delta is not None and fork.near(path) not in ground.past.joined:
            here.state.apply(delta.changes)
    try:
        yield from step_walk(step, result, here, replace(undo.place, prefix=prefix))
    finally:
        now.interrupted = here.interrupted
        now.take(here.delta.changes)


def _own(result: Any, _path: str) -> Any:
    """Each attempt gets the result as it was."""
    return private_copy(result)


def _nothing(_result: Any, _path: str) -> None:
    """What a compensation gives back is nothing that the run could use."""


def _error(ended: RunEnded, failures: list[StepError], count: int, redact: Callable[[str], str]) -> CompensationFailed:
    failed = [f"{one.path} ({in_words(one.error, redact)})" for one in failures]
    error = CompensationFailed(
        step=ended.path or "the run",
        error=in_words(ended.error or RuntimeError(), redact).rstrip("."),
        count=len(failures),
        all=count,
        failed="; ".join(failed),
        errors=[one.error for one in failures],
    )
    error.__cause__ = ended.error
    return error


def _to_undo(now: Situation, undoable: dict[str, _Undo]) -> list[tuple[str, Any, _Undo]]:
    """What came to its end and declares how it is undone, the newest first; not what lies in a scope that does."""
    past = now.ground.past
    made = [
        path for path in past.results if past.settled.get(path, "scope") == "scope" and unnumbered(path) in undoable
    ]
    finished: dict[str, Any] = {path: past.results[path] for path in made} | dict(now.ground.finished)
    return [
        (path, finished[path], undoable[unnumbered(path)])
        for path in reversed(finished)
        if not any(scope.near(path) in finished for scope in undoable[unnumbered(path)].around)
    ]


def _doubted(now: Situation, undoable: dict[str, _Undo]) -> list[str]:
    """Acts to undo of which nobody knows yet whether they took place: the run failed while they were under way."""
    ground, past = now.ground, now.ground.past
    asked = [
        path
        for path, question in past.asked.items()
        if question.kind == "doubt" and (path not in past.answers or past.answers[path].choice == "done")
    ]
    finished = {path for path, _ in ground.finished}
    return [
        path
        for path in dict.fromkeys((*asked, *ground.intended))
        if unnumbered(path) in undoable and path not in finished
    ]


def _without_doubt(path: str, node: Any, now: Situation) -> Generator[Wish, Any, None]:
    """Learn whether an act took place; it is not made again. Raises Waiting before somebody has said so."""
    ground = now.ground
    if path in ground.questions:
        raise Waiting(path, ground.questions[path].attempt)
    if path in ground.intended:
        reason = "the run failed meanwhile, and if it is done it will be undone"
        failure = Failure(path, ground.intended[path], RuntimeError(), None)
        raise (yield from in_doubt(failure, reason, now)) from None
    question, answer = ground.past.asked[path], ground.past.answers.get(path)
    if answer is None:
        ground.questions[path] = question
        raise Waiting(path, question.attempt)
    yield from done_as(node, answer.value, path, question.attempt, now)


def _undoable(
    node: Flow[Any, Any],
    place: Place,
    around: tuple[_Named, ...],
    branches: tuple[tuple[_Named, _Named], ...],
) -> Iterator[tuple[str, _Undo]]:
    """Every node that declares how it is undone, by its path without numbers."""
    if isinstance(node, Step | Scope) and node.compensate is not None:
        undo = _Undo(node, node.compensate, Place(place.prefix, place.typed, place.keys), around, branches)
        yield place.prefix + node.key, undo
        around = (*around, _Named(place.prefix, node.key))
    inside, fork = place.at(within(node, place.prefix)), _Named(place.prefix, node.key)
    if isinstance(node, Part):
        keys = Renaming(node.keys, place.keys) if node.keys or place.keys is not None else None
        inside = Place(within(node, place.prefix), node.definition.typed, keys)
    for inner in node.inner:
        within_it = branches
        if isinstance(node, Parallel):
            within_it = (*branches, (fork, _Named(place.prefix, f"{node.key}#{inner.key}")))
        elif isinstance(node, Each):
            within_it = (*branches, (fork, _Named(inside.prefix.removesuffix("/"), "")))
        yield from _undoable(inner, inside, around, within_it)
