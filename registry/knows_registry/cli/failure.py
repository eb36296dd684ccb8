"""Why a command failed, as it is told to a person or a program."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, Self

from knows_core import KnowsError
from knows_core.envelope import safe_text
from knows_registry.cli.moves import in_place
from knows_registry.guard import Interrupted

_INTERRUPTED = 130


class Failure(NamedTuple):
    """A failure with its next move and its exit code.

    A person gets `sentence` where there is one, which also says where it happened; a program has that in other fields.
    """

    code: str
    type: str
    message: str
    step: str | None = None
    next_move: str | None = None
    exit_code: int = 1
    sentence: str | None = None

    @property
    def error(self) -> dict[str, Any]:
        """The `error` part of a JSON answer."""
        return {"code": self.code, "type": self.type, "message": self.message, "step": self.step}

    def placed(self, move: str | None, backend: str | None) -> Self:
        """The same with a next move in the place that the command was given: its own, or else `move`."""
        move = self.next_move or move
        return self._replace(next_move=in_place(move, backend) if move else None)


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception means, with its next move apart from its sentence."""
    if isinstance(error, KnowsError):
        return _named_failure(error)
    kind, text = type(error).__name__, safe_text(error)
    if isinstance(error, Exception):
        return Failure("unexpected", kind, text, next_move="This is a defect of kwf: report it with the traceback.")
    if isinstance(error, Interrupted):
        return Failure("interrupted", kind, f"interrupted by {error}", exit_code=error.exit_code)
    by = "" if isinstance(error, KeyboardInterrupt) else f" by {kind}" + (f": {text}" if text else "")
    return Failure("interrupted", kind, f"interrupted{by}", exit_code=_INTERRUPTED)


def reported(error: BaseException) -> Failure:
    """The same; a defect of ours also leaves its traceback on stderr."""
    if isinstance(error, Exception) and not isinstance(error, KnowsError):
        sys.excepthook(type(error), error, error.__traceback__)
    return failure_of(error)


def _named_failure(error: KnowsError) -> Failure:
    text, move = safe_text(error), error.next_move
    sentence = text.removesuffix(f" {move}").removesuffix(".") if move else text
    return Failure(error.code, type(error).__name__, sentence, next_move=move or None, exit_code=error.exit_code)
