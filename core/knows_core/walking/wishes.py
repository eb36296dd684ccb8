"""What the machine asks its driver for, and how the answers come back."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from knows_core.journals.records import Record, RunEnded

if TYPE_CHECKING:
    from knows_core.flow import Step
    from knows_core.run import RunStatus


class Call:
    """The wish that a step be called, with its input and its view of the state, within `limit` seconds if any."""

    __slots__ = ("attempt", "given_up", "limit", "path", "state", "step", "value")

    def __init__(
        self, step: Step[Any, Any], value: Any, state: Any, path: str, attempt: int, limit: float | None
    ) -> None:
        self.step = step
        self.value = value
        self.state = state
        self.path = path
        self.attempt = attempt
        self.limit = limit
        self.given_up = False  # nobody waits for it any more


class Sleep:
    """The wish that so many seconds pass before the attempt of a step that follows."""

    __slots__ = ("path", "seconds")

    def __init__(self, path: str, seconds: float) -> None:
        self.path = path
        self.seconds = seconds


class Fork:
    """The wish that branches be run side by side, at most `limit` at once; the answer is an `Outcome` of each.

    A branch begins in its turn, and none after one has failed: those have no outcome. `branches` is read once.
    """

    __slots__ = ("branches", "limit")

    def __init__(self, branches: Iterable[Walk], limit: int) -> None:
        self.branches = branches
        self.limit = limit


class Outcome:
    """What a branch came to: its result, or its failure."""

    __slots__ = ("error", "result")

    def __init__(self, result: Any = None, error: Exception | None = None) -> None:
        self.result = result
        self.error = error


Wish = Call | Sleep | Fork | Record
Walk = Generator[Wish, Any, Any]
Machine = Generator[Wish, Any, RunEnded]


class Stopped(BaseException):
    """Thrown into a machine to end its run where it is. No policy of a flow may answer it: not an Exception."""

    def __init__(self, status: RunStatus, error: Exception) -> None:
        super().__init__(status)
        self.status, self.error = status, error


class StepError(Exception):
    """Carries a step's failure through the flow, with the place where it happened."""

    def __init__(self, path: str, attempt: int, error: Exception, *, final: bool = False) -> None:
        super().__init__(path)
        self.path, self.attempt, self.error = path, attempt, error
        self.final = final  # no policy further out may answer it
        self.asked = False  # the scopes around a part have been asked about it, where the part is


class Waiting(Exception):
    """Carries through the flow that it cannot go on before somebody decides, and about which failure, if any.

    `paths` are all that wait: this one, and others beside it.
    """

    def __init__(self, path: str, attempt: int, error: Exception | None = None) -> None:
        super().__init__(path)
        self.path, self.attempt, self.error = path, attempt, error
        self.paths: tuple[str, ...] = (path,)

    def beside(self, others: Iterable[Waiting]) -> Waiting:
        """The same, with what others wait for."""
        self.paths = tuple(dict.fromkeys(path for one in (self, *others) for path in one.paths))
        return self
