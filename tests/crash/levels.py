"""How long the crash tests take: a figure for each, as `make test` has it, and as the environment sets it.

`make nightly` sets the long ones and KNOWS_TEST_NIGHTLY, with which durations are judged and not only told: on a
machine that does other work a duration proves nothing.
"""

from __future__ import annotations

import os


def _count(name: str, default: int) -> int:
    return int(os.environ.get(f"KNOWS_TEST_{name}", default))


NIGHTLY = "KNOWS_TEST_NIGHTLY" in os.environ
# Of all SQLite kills a third falls on runs whose branches run side by side.
KILLS = _count("KILLS", 300)
POSTGRES_KILLS = _count("POSTGRES_KILLS", 20)
REDIS_KILLS = _count("REDIS_KILLS", 20)
CONTENDED_STEPS = _count("CONTENDED_STEPS", 200)
PAUSES = _count("PAUSES", 50)
FLIPS = _count("FLIPS", 500)
CUTS = _count("CUTS", 50)
ONCE_KILLS = _count("ONCE_KILLS", 300)  # of runs of acts that are made once
UNDO_KILLS = _count("UNDO_KILLS", 100)  # while a failed run is compensated
RETRY_KILLS = _count("RETRY_KILLS", 20)  # of runs that wait between attempts


def bounded(failures: int, trials: int, what: str) -> str:
    """A count of failures, with what a zero says of their rate (the rule of three, for a binomial at 95 %)."""
    bound = f": below {3 / trials:.2%} (95 %)" if trials and not failures else ""
    return f"{failures} of {trials} {what}{bound}"
