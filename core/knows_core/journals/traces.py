"""Where an error happened, as a text for people."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

from knows_core.journals.envelope import cause_of, in_words

if TYPE_CHECKING:
    from collections.abc import Callable

_CAUSES: Final = 8


def trace(error: BaseException, redact: Callable[[str], str]) -> str:
    """Where an error and its causes happened, with their texts, for people; no values of variables."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None and len(parts) < _CAUSES:
        frames = "".join(traceback.format_tb(one.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{in_words(one, redact)}")
        one = cause_of(one)
    return redact("\n\nThe error above came from this one:\n\n".join(parts))
