"""Which of the listed runs were begun from another one, as `kwf resume --from` does it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from knows_core import KnowsError
from knows_core.journal import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_core import LocalEngine, RunRow

_BEGUN = re.compile(r".+-[0-9a-f]{10}")  # how such a run is called; its first record tells whether it is one


class Origin(NamedTuple):
    """The run that another one was begun from, and the step."""

    run: str
    step: str


def origins_of(engine: LocalEngine, rows: Iterable[RunRow]) -> dict[str, Origin]:
    """The origins of runs, by their ids.

    Only a run that is called after another one is opened: most are not.
    """
    begun = [row.run for row in rows if _BEGUN.fullmatch(row.run)]
    names = {row.run for row in engine.runs()} if begun else set[str]()
    found: dict[str, Origin] = {}
    for run in begun:
        if run[:-11] in names and engine.backend is not None:
            with suppress(KnowsError):  # damaged, or deleted since it was listed: `kwf doctor --runs` tells
                origin = read(run, engine.backend.load(run)[1][:1])[0][0].content.get("origin")
                if origin is not None:
                    found[run] = Origin(*origin)
    return found
