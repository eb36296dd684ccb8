"""A flipped byte in a stored journal is never passed on as if it were what was written."""

from __future__ import annotations

from tests.crash.campaigns import campaign
from tests.crash.levels import FLIPS, bounded

SILENT = ("again", "different", "unnamed", "died")


def test_no_flip_is_silent(tmp_path, tell):
    """One byte of the file or of its log is another: an error of the project, or exactly the right result."""
    done = campaign("flips", tmp_path, FLIPS, "seed", limit=120 + FLIPS)
    silent = sum(done.get(one, 0) for one in SILENT)
    counts = f"{done.get('named', 0)} named, {done.get('right', 0)} harmless"
    tell(f"{bounded(silent, FLIPS // 2 * 2, 'flips that were silent')}; {counts}")
    assert silent == 0, done["examples"]
    assert done["named"] > 0
    assert done["right"] > 0


def test_the_comparison_notices_a_log_that_ends_early(tmp_path):
    """A backend that believes a damaged log is caught: recorded steps are made again."""
    done = campaign("flips", tmp_path, 30, "seed", "blind", limit=120)
    assert done["again"] > 0
