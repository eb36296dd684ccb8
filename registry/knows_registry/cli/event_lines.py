"""What happens in a run, as lines for a person who follows it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from knows_core.journals.records import Asked, Compensating, Settled, StepDone, StepFailed
from knows_core.walking.undoing import UNDONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.journals.records import Event

_SETTLED = {
    "approved": "{path} approved",
    "continue": "{path} failed, and the run goes on without it",
    "done": "{path} done, as somebody decided",
    "fallback": "{path} failed, and its fallback counts",
}


def line_of(event: Event, number: Callable[[str], str], now: float) -> str:
    """An event in one line; empty where nobody needs one.

    `number` says which step a path is (`2/6`), `now` the moment in seconds since 1970.
    """
    match event:
        case StepDone(path=path) if path.endswith(UNDONE):
            return f"[~] {path.removesuffix(UNDONE)} compensated"
        case StepDone(path=path):
            return f"[{number(path)}] {path} done"
        case StepFailed(path=path, attempt=attempt, until=until):
            pause = f", {pause_until(until, now)}" if until is not None else ""
            return f"[!] {path} failed (attempt {attempt}){pause}"
        case Settled(path=path, how=how) if how in _SETTLED:
            return f"[+] {_SETTLED[how].format(path=path)}"
        case Asked(path=path, question=kind, role=role):
            return f"[?] {path} waits for a decision ({kind}{f', role {role}' if role else ''})"
        case Compensating():
            return "[~] the run has failed; what its steps did is compensated, the newest first"
        case _:
            return ""


def pause_until(until: float, now: float) -> str:
    """How long a pause lasts: `next attempt in 4 s`."""
    left = math.ceil(until - now)
    return f"next attempt in {left} s" if left > 0 else "next attempt now"
