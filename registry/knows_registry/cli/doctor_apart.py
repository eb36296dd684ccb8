"""The journals of a place, read and judged in an interpreter of its own, since the templates of open runs are imported.

A template that hangs or crashes there costs its own runs: all is read once more, and it is not begun again.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_registry.apart import Apart
from knows_registry.cli.moves import in_place
from knows_registry.discover import Fault
from knows_registry.verdict import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_TASK = "knows_registry.cli.doctor_runs:answer"


class Read(NamedTuple):
    """What the journals showed: what is broken, the rest for a program (None: nothing could be read), for a person."""

    faults: list[Fault]
    facts: dict[str, Any] | None
    lines: list[str]


@contextmanager
def reading(backend: str | None, *, as_json: bool) -> Generator[Callable[[str], Read]]:
    """Begin to read the journals; what is given back waits for what they show.

    It takes what a person calls the place. No template has more than `LIMIT` seconds at a time.
    """
    with _begun(backend, {}, quiet=as_json) as first:
        yield partial(_read, first, backend)


def _begun(backend: str | None, fatal: dict[tuple[str, str], str], *, quiet: bool) -> Apart:
    known = [[*doing, fate] for doing, fate in fatal.items()]
    return Apart(_TASK, json.dumps({"backend": backend, "fatal": known, "quiet": quiet}), show_errors=True)


def _read(first: Apart, backend: str | None, place: str) -> Read:
    fatal: dict[tuple[str, str], str] = {}
    outcome = first.outcome(LIMIT)
    while outcome.failure and outcome.doing:
        what, template = outcome.doing
        fatal[what, template] = f"{outcome.failure} while it was {what}"
        with _begun(backend, fatal, quiet=True) as again:
            outcome = again.outcome(LIMIT)
    if outcome.failure:
        reason = f"{outcome.failure} while the journals were read"
        return Read([Fault("runs", place, reason, in_place("`kwf runs` shows what it says.", backend))], None, [])
    faults, facts, lines = outcome.answer
    return Read([Fault(*fault) for fault in faults], facts, lines)
