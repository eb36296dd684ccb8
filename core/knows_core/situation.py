"""Where a run stands: what its journal holds already, its state, and, in a flow, the place that is reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.errors import StepTimeout
from knows_core.errors_flow import ScopeTimeout
from knows_core.joining import Delta
from knows_core.state import NO_CHANGES, Changes, WorkflowState

if TYPE_CHECKING:
    from knows_core.flow import Step
    from knows_core.models import TypedState
    from knows_core.renaming import Renaming

Check = Callable[[Any, str], Any]  # (value, path) -> the value as it counts; raises SeamMismatch
Checks = Mapping["Step[Any, Any]", tuple[Check | None, Check | None]]  # of a step: its input, its result
_NO_CHECKS: Final[Checks] = {}
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(slots=True)
class Past:
    """What the journal of a run holds, as the machine asks for it: everything by path.

    `entered` tells the seconds of owned time that a part or scope has had; `deltas` what branches did that are not
    joined yet, by the branch.
    """

    results: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    verdicts: Mapping[str, int] = field(default_factory=dict[str, int])
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    entered: Mapping[str, float] = field(default_factory=dict[str, float])
    joined: frozenset[str] = frozenset()
    deltas: Mapping[str, Delta] = field(default_factory=dict[str, Delta])


@dataclass(slots=True)
class Ground:
    """What all branches of a run stand on: its past, the checks at its seams, and a clock (seconds, from anywhere)."""

    past: Past = field(default_factory=Past)
    checks: Checks = field(default_factory=lambda: _NO_CHECKS)
    clock: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Situation:
    """Where a run, or one branch of it, stands. `interrupted` counts tries of the next step that left no record."""

    state: WorkflowState
    ground: Ground = field(default_factory=Ground)
    interrupted: int = 0
    branch: str = ""
    delta: Delta = field(default_factory=Delta)

    def forked(self, branch: str) -> Situation:
        """The same for a branch that begins here, with what it has done already."""
        own = Situation(WorkflowState(self.state), self.ground, self.interrupted, branch)
        done = self.ground.past.deltas.get(branch)
        if done is not None:
            own.delta = done
            own.state.apply(done.changes)
        return own

    def take(self, changes: Changes, *, filled: bool = False) -> None:
        """Take over what counts now."""
        if changes is not NO_CHANGES:
            self.state.apply(changes)
            self.delta.add(changes, filled=filled)

    def attempt(self, path: str) -> int:
        """The number of the attempt that begins, from 1."""
        tries, self.interrupted = self.interrupted, 0
        return self.ground.past.attempts.get(path, 0) + tries + 1


class Deadline(NamedTuple):
    """When a scope must be done, in seconds of the run's clock."""

    at: float
    scope: str
    timeout: float

    def left(self, own: float | None, now: float, path: str) -> float:
        """The time limit of a step: its own, or what is left for the scope. Raises ScopeTimeout."""
        left = self.at - now
        if left <= 0:
            raise ScopeTimeout(scope=self.scope, timeout=self.timeout, step=path)
        return left if own is None else min(own, left)

    def blamed(self, error: Exception, now: float, path: str) -> Exception:
        """What is to blame for a step's failure: not the step, where it was cut short because its scope is over."""
        if isinstance(error, StepTimeout) and now >= self.at:
            return ScopeTimeout(scope=self.scope, timeout=self.timeout, step=path)
        return error


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the flow a run is: the prefix of the paths here, the state model and keys of the template it is in."""

    prefix: str = ""
    typed: TypedState | None = None
    keys: Renaming | None = None
    deadline: Deadline | None = None

    def at(self, prefix: str) -> Place:
        """The same place, deeper inside."""
        return self if prefix == self.prefix else Place(prefix, self.typed, self.keys, self.deadline)

    def seen(self, state: WorkflowState) -> WorkflowState:
        """The run's state as the template here sees it."""
        return state if self.keys is None else self.keys.view(state)

    def outside(self, key: str) -> str:
        """What the run calls a key of the template here."""
        return key if self.keys is None else self.keys.outside(key)

    def told(self, changes: Changes) -> Changes:
        """What the template here changed, in the run's words."""
        return changes if self.keys is None or changes is NO_CHANGES else self.keys.changes(changes)
