"""An error as plain data: what the journal, the state's `error` and the command line keep of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knows_core.errors import KnowsError

if TYPE_CHECKING:
    from datetime import datetime

LONGEST_TEXT: Final = 8_000  # characters that are kept: a 10 MB message must not fill the journal


class RecordedError(Exception):
    """Stands for an error that only a journal remembers: describing it gives the same data again."""

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__(described["message"])
        self.described = described


def describe(error: BaseException, depth: int = 8) -> dict[str, Any]:
    """An error as plain data: `type`, `message`, `code` and `cause` (the same again, or None).

    Safe for errors whose own text raises or is enormous.
    """
    if isinstance(error, RecordedError):
        return error.described
    cause, code = _cause_of(error), error.code if isinstance(error, KnowsError) else None
    return {
        "type": type(error).__name__,
        "message": safe_text(error),
        "code": code if isinstance(code, str) else None,
        "cause": describe(cause, depth - 1) if cause is not None and depth else None,
    }


def _cause_of(error: BaseException) -> BaseException | None:
    try:
        return error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    except Exception:  # noqa: BLE001 - a hostile error must not hide that a step failed
        return None


def error_record(error: BaseException, at: datetime, step: str | None, attempt: int | None) -> dict[str, Any]:
    """The record that a failed run keeps as `error`: the error as data, when it happened (aware), and where."""
    return {**describe(error), "timestamp": at, "step": step, "attempt": attempt}


def safe_text(error: BaseException) -> str:
    """The text of an error, cut to 8,000 characters, whatever its `__str__` does."""
    try:
        text = str(error)
    except BaseException as broken:  # noqa: BLE001 - not even one that exits may hide that a step failed
        return f"<its text could not be made: {type(broken).__name__}>"
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + f"... ({len(text)} characters)"
