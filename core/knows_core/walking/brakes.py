"""What stops a run before its flow is done: somebody cancelled it, its time is over, or it made too many calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from knows_core.errors.limits import RunCancelled, StepLimit, WorkflowTimeout
from knows_core.run import RunStatus
from knows_core.walking.wishes import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.limits import Limits

_NEVER = float("inf")


def _nobody_waits() -> None:
    """Wake nobody."""


class Brakes:
    """The brakes of one run. The thread that drives it asks before every call; any thread may cancel.

    `spent` are the seconds of owned time, and `steps` the calls, that former tries of the run have had. `wake` is set
    by a driver that waits: it is called, in any thread, when there is a reason to stop waiting.
    """

    __slots__ = ("_allowed", "_calls_left", "_cancelled", "_clock", "_ends_at", "_limits", "_run", "is_on", "wake")

    def __init__(
        self,
        run: str,
        limits: Limits,
        *,
        spent: float = 0.0,
        steps: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._limits = limits
        self._clock = clock
        self._allowed = limits.workflow_timeout - spent if limits.workflow_timeout else _NEVER
        self._calls_left = limits.max_steps - steps
        self._cancelled = False
        self.is_on = False  # once: what a stopped run still has to do is not stopped again
        self.wake: Callable[[], None] = _nobody_waits
        self.begin()

    def begin(self) -> None:
        """Let the run's time begin now: not while it waits for its turn."""
        self._ends_at = -_NEVER if self._cancelled else self._clock() + self._allowed

    def check(self, path: str) -> None:
        """Count a call that is about to begin. Raises Stopped."""
        self._calls_left -= 1
        # A cancelled run is one whose time is over: this is asked before every step, so that each comparison counts.
        if self._calls_left < 0 or self._clock() >= self._ends_at:
            self.heed(path)

    def heed(self, path: str) -> None:
        """Stop where there is a reason to. Raises Stopped."""
        if not self.is_on and (self._calls_left < 0 or self._clock() >= self._ends_at):
            raise self.stop(path)

    def heed_before_act(self, path: str) -> None:
        """Stop where there is a reason to, or where the call that follows would be one too many. Raises Stopped."""
        if self._calls_left < 1:
            self._calls_left = -1
        self.heed(path)

    def stop(self, path: str) -> Stopped:
        """Put the brakes on; the reason to stop, which is the time where there is no other."""
        self.is_on = True
        if self._cancelled:
            return Stopped(RunStatus.CANCELLED, RunCancelled(run=self._run))
        if self._calls_left < 0:
            return Stopped(RunStatus.FAILED, StepLimit(run=self._run, steps=self._limits.max_steps, step=path))
        return Stopped(RunStatus.FAILED, WorkflowTimeout(run=self._run, timeout=self._limits.workflow_timeout))

    def left(self) -> float | None:
        """Seconds until the run's time is over; None while nothing limits it."""
        return None if self._ends_at == _NEVER or self.is_on else max(self._ends_at - self._clock(), 0.0)

    @property
    def is_pulled(self) -> bool:
        """Whether somebody cancelled the run, and it has not stopped yet."""
        return self._cancelled and not self.is_on

    def cancel(self) -> None:
        """Stop the run before its next call, and now where its driver waits."""
        self._cancelled = True
        self._ends_at = -_NEVER
        self.wake()
