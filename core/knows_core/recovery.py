"""What a flow declares for when the world does not cooperate: policies and verdicts as frozen values."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from knows_core.limits import Limits

TRANSIENT: Final[tuple[type[Exception], ...]] = (TransientError, ConnectionError, TimeoutError)
_LONGEST: Final = 3_600.0  # seconds between two attempts, however often they double
_MOST: Final = 1e9  # seconds: beyond it nobody means a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Call a step again when it fails with one of these exceptions.

    `max_retries` attempts follow the first one, and `delay` seconds lie before the first of them; where one is None the
    engine's `max_retries` and `retry_delay` count. Each further delay is `backoff` times as long, an hour at most.
    `jitter` is the part of a delay that chance may take away (0: none, 1: all), so that runs that failed together do
    not come back together. None begins later than `limit` seconds after the first failure.

    Only what may pass by itself is tried again unless `exceptions` says otherwise: repeating a wrong input wastes
    time, and repeating an act that has taken place does harm. Raises ConfigError.
    """

    exceptions: type[Exception] | Iterable[type[Exception]] = TRANSIENT
    max_retries: int | None = None
    delay: float | None = None
    backoff: float = 2.0
    jitter: float = 0.5
    limit: float | None = None

    def __post_init__(self) -> None:
        kinds = classes_of(self.exceptions)
        if not kinds:
            raise ConfigError(name="Retry: exceptions", expected="classes of exceptions", found=self.exceptions)
        object.__setattr__(self, "exceptions", kinds)
        whole = self.max_retries
        if whole is not None and (not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole < _MOST):
            raise ConfigError(name="Retry: max_retries", expected="a whole number from 0, or None", found=whole)
        for name, least, most in (("delay", 0, _MOST), ("backoff", 1, _MOST), ("jitter", 0, 1), ("limit", 0, _MOST)):
            number = getattr(self, name)
            if number is not None and not _is_between(least, number, most):
                raise ConfigError(name=f"Retry: {name}", expected=f"a number from {least} to {most:g}", found=number)

    def answers(self, error: Exception) -> bool:
        """Whether it speaks of this error; of a group, where it speaks of every error in it."""
        kinds: Any = self.exceptions
        if isinstance(error, kinds):
            return True
        return isinstance(error, ExceptionGroup) and all(
            map(self.answers, cast("ExceptionGroup[Any]", error).exceptions)
        )

    def pause(self, retries: int, limits: Limits, chance: str) -> float | None:
        """Seconds before the next attempt when there were so many retries; None when that was the last.

        `chance` is a text: the same one always gives the same pause, so that a crash changes nothing.
        """
        most = limits.max_retries if self.max_retries is None else self.max_retries
        if retries >= most:
            return None
        delay = float(limits.retry_delay if self.delay is None else self.delay)
        try:
            longest = min(delay * self.backoff**retries, max(delay, _LONGEST))
        except OverflowError:
            longest = max(delay, _LONGEST)
        drawn = zlib.crc32(chance.encode("utf-8", "surrogatepass")) / 2**32
        return longest * (1 - self.jitter * drawn)


def classes_of(given: Any) -> tuple[type[Exception], ...] | None:
    """One class of exceptions or several as a tuple; None where anything else is given."""
    kinds: tuple[Any, ...] = (given,)
    if not isinstance(given, type) and isinstance(given, Iterable):
        kinds = tuple(cast("Iterable[Any]", given))
    return kinds if all(isinstance(one, type) and issubclass(one, Exception) for one in kinds) else None


def _is_between(least: float, number: Any, most: float) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and math.isfinite(number) and least <= number <= most


@dataclass(frozen=True, slots=True)
class Fallback:
    """Go on with this value instead of a result, or with what this flow makes of the same input."""

    otherwise: Any


@dataclass(frozen=True, slots=True)
class Continue:
    """Note the error in the state as `error`, and go on with the result before the step that failed."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """Let the run wait, nobody driving it, until somebody decides: `retry`, `done` with a result, or `reject`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Let the run fail, whatever the flow around it would have said."""


Verdict = Retry | Fallback | Continue | Suspend | Fail


class ErrorContext(NamedTuple):
    """What a handler is told of a failure: the run, its template (`name@version`), the step's path, the attempt.

    `error` is the failure as data (`type`, `message`, `code`, `cause`), `exception` the exception itself, `state` the
    state as the step's template sees it; what is written to it is dropped.
    """

    run: str
    template: str
    step: str
    attempt: int
    error: Mapping[str, Any]
    exception: Exception
    state: Mapping[str, Any]


Handler = Callable[[ErrorContext], Verdict | None]
OnError = Fallback | Continue | Suspend | Fail | Handler


@dataclass(frozen=True, slots=True)
class Done:
    """What `look` answers when an act has taken place: its result."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """What `look` answers when an act has surely not taken place, and may be made."""
