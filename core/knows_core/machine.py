"""The machine: what happens next in a run, without any IO.

`run_flow` is a generator. It yields what it wants done, a `Call` of a step or a record to keep, and is sent the answer;
a failed call comes back as an exception at the yield. Drivers grant these wishes: the engine for real, a test with a
crash at any of them. Resuming is not a mode: a step whose path the log holds returns its result without a wish.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from knows_core.errors import ContractError
from knows_core.flow import Sequence, Step
from knows_core.records import Record, RunEnded, StepDone, StepFailed
from knows_core.run import RunStatus
from knows_core.state import NO_CHANGES, Attempt, WorkflowState

if TYPE_CHECKING:
    from knows_core.flow import Flow
    from knows_core.models import TypedState

_NOTHING: Final[Mapping[str, Any]] = {}


class Call:
    """The wish that a step be called, with its input and its view of the state."""

    __slots__ = ("attempt", "path", "state", "step", "value")

    def __init__(self, step: Step[Any, Any], value: Any, state: Any, path: str, attempt: int) -> None:
        self.step = step
        self.value = value
        self.state = state
        self.path = path
        self.attempt = attempt


Wish = Call | Record
Machine = Generator[Wish, Any, RunEnded]


@dataclass(slots=True)
class Situation:
    """Where a run stands: its committed state, and what its journal already holds.

    `recorded` tells the result of a step by its path; `interrupted` counts tries of the next step that left no record.
    """

    state: WorkflowState
    typed: TypedState | None = None
    recorded: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    interrupted: int = 0
    written: set[str] = field(default_factory=set[str])


class StepError(Exception):
    """Carries a step's failure through the flow, with the place where it happened."""

    def __init__(self, path: str, attempt: int, error: Exception) -> None:
        super().__init__(path)
        self.path, self.attempt, self.error = path, attempt, error


def run_flow(flow: Flow[Any, Any], value: Any, situation: Situation) -> Machine:
    """Run a flow on an input to its end, and tell how it ended; the same is the last record."""
    try:
        result = yield from _walk(flow, value, situation)
    except StepError as failure:
        ended = RunEnded(RunStatus.FAILED, None, failure.error, failure.path, failure.attempt)
    else:
        ended = RunEnded(RunStatus.COMPLETED, result)
    yield ended
    return ended


def _walk(node: Flow[Any, Any], value: Any, situation: Situation) -> Generator[Wish, Any, Any]:
    if isinstance(node, Step):
        return (yield from _step(node, value, situation))
    if isinstance(node, Sequence):
        for part in node.parts:
            inner = _step(part, value, situation) if isinstance(part, Step) else _walk(part, value, situation)
            value = yield from inner
        return value
    raise ContractError(f"flow: the machine knows no {type(node).__name__}")


def _step(step: Step[Any, Any], value: Any, situation: Situation) -> Generator[Wish, Any, Any]:
    path, binding, typed = step.name, step.binding, situation.typed
    if path in situation.recorded:
        return situation.recorded[path]
    attempt = situation.attempts.get(path, 0) + situation.interrupted + 1
    situation.interrupted = 0
    try:
        if not binding.takes_state:
            changes = NO_CHANGES
            result = yield Call(step, value, None, path, attempt)
        elif typed is not None and step.takes_model:
            work = Attempt(situation.state)
            copy = typed.working_copy(work)
            result = yield Call(step, value, copy, path, attempt)
            typed.take_back(copy, work)
            changes = work.changes()
        else:
            work = Attempt(situation.state)
            result = yield Call(step, value, work, path, attempt)
            changes = work.changes()
        if changes is not NO_CHANGES and typed is not None:
            changes = typed.checked(path, changes, situation.state.after(changes))
        # The record is the commit: when it is refused (a value that cannot be stored) the attempt has failed.
        yield StepDone(path, attempt, result, changes)
    except Exception as error:  # noqa: BLE001 - whatever a step raises is its failure
        yield StepFailed(path, attempt, error)
        raise StepError(path, attempt, error) from None
    if changes is not NO_CHANGES:
        situation.state.apply(changes)
        situation.written.update(changes.written, changes.dropped)
    return result
