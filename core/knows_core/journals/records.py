"""What happens in a run: the records of its journal, and the events between them that nobody records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knows_core.run import RunStatus
    from knows_core.state import Changes
    from knows_core.values.declared import Outline

# One entry per node in order: its kind, its path, and what else decides which way a run goes.
Shape = list[list[str]]


class Linked(NamedTuple):
    """A template that a run uses as a part: where it stands, and exactly which version it is."""

    path: str
    name: str
    version: str
    contract: str


class Fingerprint(NamedTuple):
    """What of a template a run is bound to: its version, and what decides how a run of it goes on.

    `classes` are the fields of every class that its values may have, `code` a digest of each step's body.
    """

    version: str
    shape: Shape
    shape_digest: str
    contract_digest: str
    classes: Mapping[str, Outline]
    code: Mapping[str, str]
    linked: Sequence[Linked] = ()


class RunCreated(NamedTuple):
    """The first record: what the run is bound to, its input and its state at the start.

    `origin` names the run whose records, up to a step of it, this one began with: its id, and the path of that step.
    """

    template: str
    bound: Fingerprint
    reference: str | None
    input: Any
    state: Mapping[str, Any]
    origin: tuple[str, str] | None = None


class Rebound(NamedTuple):
    """Somebody accepted the template as it is now, and the run is bound to that from here on.

    `difference` says what was changed first; `filled` are keys, encoded, to which the state model has given defaults.
    """

    difference: str
    bound: Fingerprint
    filled: Mapping[str, Any]


class Migrated(NamedTuple):
    """The run moved to another version of its template, as that declares.

    `paths` holds the new path of everything recorded that has another one, with `[]` for numbers; None: dropped.
    `written`, encoded, and `dropped` are what changed in the state.
    """

    was: str
    bound: Fingerprint
    paths: Mapping[str, str | None]
    written: Mapping[str, Any]
    dropped: Sequence[str]


class RunResumed(NamedTuple):
    """An owner went on with the run; `edited` names steps whose body is not what it was."""

    edited: Sequence[str]


class StepDone(NamedTuple):
    """An attempt of a step that counts, with its result and its changes to the state.

    `branch` names the branch whose state they belong to; empty for the run's own.
    """

    path: str
    attempt: int
    result: Any
    changes: Changes
    branch: str = ""


class StepFailed(NamedTuple):
    """An attempt of a step that failed; its changes were dropped.

    `until` (seconds since 1970) is when the next attempt begins by itself; None where none does. `final` tells that no
    policy further out may answer it.
    """

    path: str
    attempt: int
    error: BaseException
    until: float | None = None
    final: bool = False


class StepRetried(NamedTuple):
    """The pause before an attempt is over."""

    path: str
    attempt: int


class StepIntended(NamedTuple):
    """An act that must not be repeated blindly is about to be made."""

    path: str
    attempt: int


class Settled(NamedTuple):
    """A node has a result that no step gave it: `how` is continue, fallback, approved, done, or scope (as a whole)."""

    path: str
    how: str
    result: Any
    changes: Changes
    branch: str = ""


class Asked(NamedTuple):
    """A person is to decide before the run goes on at a path; `question` says about what, see `Question`."""

    path: str
    attempt: int
    question: str
    shown: Any = None
    role: str | None = None
    expires: float | None = None
    payload: str | None = None
    reason: str = ""


class Answered(NamedTuple):
    """A person decided. `value`, encoded, was given along; `shown` is the digest of what the question showed."""

    path: str
    choice: str
    by: str
    role: str | None
    value: Any
    note: str
    shown: str


class Compensating(NamedTuple):
    """The run has failed, and what its finished steps did is being undone from here on."""

    error: BaseException
    path: str | None
    attempt: int | None


class Decided(NamedTuple):
    """What a predicate said: the number of the branch taken (-1: none), or whether a repeat is over."""

    path: str
    verdict: int


class Entered(NamedTuple):
    """A part or a timed scope began; `changes` are the defaults that a part's state model filled in."""

    path: str
    changes: Changes
    branch: str = ""


class Joined(NamedTuple):
    """Branches came to their end, and what they did to the state was merged into `branch`, the one they left.

    `filled` are keys that none of them gave more than the default of a model.
    """

    path: str
    changes: Changes
    branch: str = ""
    filled: tuple[str, ...] = ()


class RunEnded(NamedTuple):
    """The last record of a run, or of its last try: a failed run can be resumed.

    `waiting` are the paths at which a suspended run waits: what else was asked does not matter any more.
    """

    status: RunStatus
    result: Any = None
    error: BaseException | None = None
    path: str | None = None
    attempt: int | None = None
    compensated: bool = False
    waiting: tuple[str, ...] = ()


class Question(NamedTuple):
    """What a run waits for at a path: an `approval`, or what to do about a `failure` or an act in `doubt`.

    `shown` is what the decision is on, `role` what one must decide as, `expires` (seconds since 1970) when it is too
    late, `payload` the type of the value to give along; None each: nothing, anybody, never, none.
    """

    path: str
    kind: str
    attempt: int = 1
    shown: Any = None
    role: str | None = None
    expires: float | None = None
    payload: str | None = None
    reason: str = ""
    digest: str = ""


class Answer(NamedTuple):
    """What a person decided: `choice`, and `value` where one was given along; `at` in seconds since 1970."""

    choice: str
    by: str
    role: str | None
    value: Any
    note: str
    at: float
    shown: str = ""


Record = (
    RunCreated
    | Rebound
    | Migrated
    | RunResumed
    | StepIntended
    | StepDone
    | StepFailed
    | StepRetried
    | Settled
    | Asked
    | Answered
    | Decided
    | Entered
    | Joined
    | Compensating
    | RunEnded
)


class StepStarted(NamedTuple):
    """An attempt of a step is about to be called."""

    path: str
    attempt: int


class StepProgress(NamedTuple):
    """A step told how far it is: `done` of `total` (None: unknown), with a note."""

    path: str
    done: float
    total: float | None
    note: str


Event = Record | StepStarted | StepProgress
