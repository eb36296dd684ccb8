"""kill -9 amid acts that must not be repeated: none is; what may have taken place is looked up or asked about."""

from __future__ import annotations

import pytest

from tests.crash.campaigns import campaign
from tests.crash.levels import ONCE_KILLS, bounded


@pytest.mark.fault(3)
def test_no_act_is_repeated_blindly(tmp_path, tell):
    """Each open act is looked up or reported in doubt before it is made again; in the end each was made, and once."""
    done = campaign("once_campaign", tmp_path, ONCE_KILLS, "seed", "sqlite", limit=120 + 2 * ONCE_KILLS)
    asked = f"{done['looked']} looks, {done['doubts']} reported in doubt, {done['unasked']} called without either"
    tell(f"{bounded(done['again'], done['kills'], 'kills repeated an act')}; {asked}, in {done['runs']} runs")
    assert [done[one] for one in ("again", "unasked", "lost", "wrong")] == [0] * 4
    assert done["kills"] >= ONCE_KILLS
    assert min(done["looked"], done["doubts"]) > 0


def test_the_count_notices_a_journal_whose_intents_nobody_reads(tmp_path):
    """An engine that takes an act without outcome for one that was not begun is caught: the check can fail."""
    done = campaign("once_campaign", tmp_path, 30, "seed", "sqlite", "blind", limit=240)
    assert done["unasked"] > 0
