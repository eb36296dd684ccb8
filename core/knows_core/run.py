"""A run as its caller sees it: status, result, state, error and history."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.state import WorkflowState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from knows_core.journals.records import Question


class RunStatus(StrEnum):
    """Where a run stands: a stored word, never inferred from what else is stored."""

    PENDING = "pending"
    RUNNING = "running"
    SLEEPING = "sleeping"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    COMPENSATION_FAILED = "compensation_failed"
    CANCELLED = "cancelled"
    STUCK = "stuck"

    @property
    def is_over(self) -> bool:
        """Whether nobody drives the run in this status, so that it has no owner."""
        return self not in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.SLEEPING)


FINISHED: Final = frozenset({RunStatus.COMPLETED, RunStatus.CANCELLED})  # what ended as somebody wanted it to


class Entry(NamedTuple):
    """One record of a journal, opened for reading: values in it are still encoded."""

    sequence: int
    kind: str
    at: datetime
    content: dict[str, Any]


def no_history() -> Sequence[Entry]:
    """The history of a run that nobody recorded."""
    return ()


@dataclass(frozen=True)
class Run:
    """One execution of a template, as it stood when it was looked at.

    `error` is the record of the failure (`type`, `message`, `timestamp`, `step`, `attempt`, `code`, `cause`) or None;
    `state` of a failed run holds the committed writes plus that `error`. `compensated` tells that what a failed run had
    done is undone, so that it stays as it is. `waiting` is what a suspended run needs decided. `origin` names the run
    and the step that this one was begun from.
    """

    id: str
    template: str
    version: str
    status: RunStatus
    result: Any = None
    state: WorkflowState = field(default_factory=WorkflowState)
    error: dict[str, Any] | None = None
    reference: str | None = None
    compensated: bool = False
    waiting: tuple[Question, ...] = ()
    origin: tuple[str, str] | None = None
    load_history: Callable[[], Sequence[Entry]] = field(default=no_history, repr=False, compare=False)

    @functools.cached_property
    def history(self) -> Sequence[Entry]:
        """The run's records, oldest first; empty when nothing is recorded. Reads the backend at the first call."""
        return self.load_history()
