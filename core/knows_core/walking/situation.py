"""Where a run stands: what its journal holds already, its state, and, in a flow, the place that is reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.errors import StepTimeout
from knows_core.errors.flow import ScopeTimeout
from knows_core.rules import Rules, Validator, utc_now
from knows_core.state import NO_CHANGES, Changes, WorkflowState
from knows_core.states.joining import Delta

if TYPE_CHECKING:
    from datetime import datetime

    from knows_core.flow import Step
    from knows_core.flows.renaming import Renaming
    from knows_core.journals.records import Answer, Question, RunEnded, StepFailed
    from knows_core.recovery import OnError, Retry
    from knows_core.states.models import TypedState

Check = Callable[[Any, str], Any]  # (value, path) -> the value as it counts; raises SeamMismatch
Checks = Mapping["Step[Any, Any]", tuple[Check | None, Check | None]]  # of a step: its input, its result
_NO_CHECKS: Final[Checks] = {}
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(slots=True)
class Past:
    """What the journal of a run holds, as the machine asks for it: everything by path.

    `entered` tells the seconds of owned time that a part or scope has had; `deltas` what branches did that are not
    joined yet, by the branch. `intended` are acts that were to be made, with the attempt, and left no other record.
    `settled` tells how a path came to its result where no step gave it. `failed` are failures of a try that ended
    without a word: nobody is asked about them again. `failure` ended the run when its compensation had begun.
    """

    results: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    verdicts: Mapping[str, int] = field(default_factory=dict[str, int])
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    entered: Mapping[str, float] = field(default_factory=dict[str, float])
    joined: frozenset[str] = frozenset()
    deltas: Mapping[str, Delta] = field(default_factory=dict[str, Delta])
    retrying: Mapping[str, Retrying] = field(default_factory=dict[str, "Retrying"])
    intended: Mapping[str, int] = field(default_factory=dict[str, int])
    asked: Mapping[str, Question] = field(default_factory=dict[str, "Question"])
    answers: Mapping[str, Answer] = field(default_factory=dict[str, "Answer"])
    settled: Mapping[str, str] = field(default_factory=dict[str, str])
    failed: Mapping[str, StepFailed] = field(default_factory=dict[str, "StepFailed"])
    failure: RunEnded | None = None


class Retrying(NamedTuple):
    """A step between two attempts: how many retries there were, when the next one begins, when the first failed.

    Times are seconds since 1970 by the engine's clock; `until` is None where the next attempt has begun. `pause` are
    the seconds that lie before it.
    """

    retries: int
    until: float | None
    since: float
    pause: float = 0.0


@dataclass(slots=True)
class Ground:
    """What all branches of a run stand on: its past, what the engine says, and the checks at its seams.

    `clock` gives seconds, from anywhere, `moment` the time of the day. `finished` are the steps and scopes that came to
    their end in this try and declare how they are undone, `questions` what waits for a decision, `intended` the acts
    that were to be made once and have not failed, `deltas` what branches did that are not joined yet, `met` the paths
    at which a former try has begun something.
    """

    past: Past = field(default_factory=Past)
    checks: Checks = field(default_factory=lambda: _NO_CHECKS)
    clock: Callable[[], float] = time.monotonic
    moment: Callable[[], datetime] = utc_now
    rules: Rules = field(default_factory=Rules)
    run: str = ""
    template: str = ""
    recorded: bool = False
    finished: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    questions: dict[str, Question] = field(default_factory=dict[str, "Question"])
    retrying: dict[str, Retrying] = field(default_factory=dict[str, Retrying])
    intended: dict[str, int] = field(init=False)
    deltas: dict[str, Delta] = field(default_factory=dict[str, Delta])
    met: frozenset[str] = field(init=False)
    validators: tuple[Validator, ...] = field(init=False)

    def __post_init__(self) -> None:
        # Asked before every step, and so kept at hand.
        past = self.past
        self.met = frozenset((*past.results, *past.retrying, *past.intended, *past.asked, *past.failed))
        self.intended = dict(past.intended)
        self.validators = self.rules.validators


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
        self.ground.deltas[branch] = own.delta
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


class Policy(NamedTuple):
    """What the scopes around a place, as far as its own template, say of a failure; the answers of the inner first."""

    retry: Retry | None = None
    answers: tuple[OnError, ...] = ()


_NO_POLICY: Final = Policy()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the flow a run is: the prefix of the paths here, the state model and keys of the template it is in."""

    prefix: str = ""
    typed: TypedState | None = None
    keys: Renaming | None = None
    deadline: Deadline | None = None
    policy: Policy = _NO_POLICY

    def at(self, prefix: str) -> Place:
        """The same place, deeper inside."""
        return self if prefix == self.prefix else Place(prefix, self.typed, self.keys, self.deadline, self.policy)

    def seen(self, state: WorkflowState) -> WorkflowState:
        """The run's state as the template here sees it."""
        return state if self.keys is None else self.keys.view(state)

    def outside(self, key: str) -> str:
        """What the run calls a key of the template here."""
        return key if self.keys is None else self.keys.outside(key)

    def told(self, changes: Changes) -> Changes:
        """What the template here changed, in the run's words."""
        return changes if self.keys is None or changes is NO_CHANGES else self.keys.changes(changes)
