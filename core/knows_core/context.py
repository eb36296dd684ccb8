"""What a step may know of the run that calls it."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from knows_core.journals.records import StepProgress
from knows_core.secrecy.secrets import unresolved

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may know of its run: the run's id, the step's path, and which attempt this is, from 1.

    `deadline` (aware) is when the attempt will be given up, if it has a time limit. In a test of a step:
    `StepContext("run", "step", 1)`, with `resolve={"TOKEN": "test"}.__getitem__` where it looks a secret up.
    """

    run_id: str
    step: str
    attempt: int
    deadline: datetime | None = None
    _tell: Callable[[StepProgress], None] = field(default=lambda _: None, repr=False)
    _given_up: Callable[[], bool] = field(default=lambda: False, repr=False)
    resolve: Callable[[str], str] = field(default=unresolved, repr=False)

    @property
    def idempotency_key(self) -> str:
        """32 hexadecimal digits for the outside world, the same in every attempt and after every resume."""
        import hashlib  # few steps ask

        return hashlib.sha256(f"{self.run_id}/{self.step}".encode()).hexdigest()[:32]

    def secret(self, name: str) -> str:
        """Look a secret up: `NAME` or `env:NAME` in the environment, `SCHEME:NAME` where a plugin has that scheme.

        `secret:` may stand before any of them. Nothing that is looked up is recorded: a resumed run looks again, and a
        result or state that holds it is refused (SecretInRecord). Raises SecretUnavailable.
        """
        return self.resolve(name)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this attempt any more: a long step looks now and then, and stops."""
        return self._given_up()

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell how far the step is, to whoever watches the run; nothing is recorded."""
        self._tell(StepProgress(self.step, done, total, note))


def is_coroutine(answer: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    """Whether a call gave something that is still to be awaited."""
    return type(answer) is types.CoroutineType
