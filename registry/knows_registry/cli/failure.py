"""Why a command failed, as it is told to a person or a program."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, Self

from knows_core import KnowsError
from knows_core.journals.envelope import safe_text
from knows_core.secrecy.redaction import without_passwords
from knows_registry.cli.moves import in_place
from knows_registry.guard import Interrupted

_INTERRUPTED = 130
# What `error.code` may be besides the codes of errors: a failure of a command for which no KnowsError was raised.
OWN_CODES = {
    "interrupted": "A signal ended the command, or a step did. What is recorded is kept. Exit code 130, or 143.",
    "step-failed": "A step failed with an error of its own, which `type` and `message` tell. Exit code 1.",
    "unexpected": "A defect of `kwf`: its traceback is on stderr. Exit code 1.",
    "usage": "The command line cannot be read: an unknown command or option, a missing argument. Exit code 2.",
}


class StepEnded(BaseException):
    """A step ended the program, as `sys.exit()` does; which of several that were under way, nobody can tell."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self.steps = steps


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
    if isinstance(error, StepEnded) and error.__cause__ is not None:
        return _ended_by(error.steps, error.__cause__)
    kind, text = type(error).__name__, safe_text(error, without_passwords)
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


def _ended_by(steps: list[str], error: BaseException) -> Failure:
    kind, text = type(error).__name__, safe_text(error, without_passwords)
    one = f"step {steps[0]}" if len(steps) == 1 else f"one of the steps {', '.join(steps)}"
    sentence = f"{one} ended the program with {kind}{text and ': '}{text}; the run is interrupted"
    return failure_of(error)._replace(step=steps[0] if len(steps) == 1 else None, sentence=sentence)


def _named_failure(error: KnowsError) -> Failure:
    text, move = safe_text(error, without_passwords), error.next_move
    sentence = text.removesuffix(f" {move}").removesuffix(".") if move else text
    return Failure(error.code, type(error).__name__, sentence, next_move=move or None, exit_code=error.exit_code)
