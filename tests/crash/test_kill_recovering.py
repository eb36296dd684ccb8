"""kill -9 while a run recovers from a failure: between two attempts, and while what it did is undone."""

from __future__ import annotations

import pytest

from tests.crash.campaigns import campaign
from tests.crash.levels import RETRY_KILLS, UNDO_KILLS, bounded

UNDO_FAULTS = ("again", "order", "forward", "wrong")
PAUSE_FAULTS = ("reset", "early", "wrong")


@pytest.mark.fault(8)
def test_killed_compensations_are_all_made_in_order(tmp_path, tell):
    """The newest first, none again when it is recorded, none left out, no step meanwhile; failed and compensated."""
    done = campaign("undo_campaign", tmp_path, UNDO_KILLS, "seed", "sqlite", limit=120 + 2 * UNDO_KILLS)
    faults = sum(done[one] for one in UNDO_FAULTS)
    tell(f"{bounded(faults, done['kills'], 'kills of compensations went wrong')}, in {done['runs']} runs")
    assert [done[one] for one in UNDO_FAULTS] == [0] * 4
    assert done["kills"] >= UNDO_KILLS


def test_the_count_notices_compensations_that_nobody_reads(tmp_path):
    """An engine that forgets which compensations are recorded is caught: the check can fail."""
    assert campaign("undo_campaign", tmp_path, 10, "seed", "sqlite", "blind", limit=120)["again"] > 0


@pytest.mark.fault(9)
def test_killed_pauses_go_on_where_they_were(tmp_path, tell):
    """Only what is left is waited for; attempts count on, and there are as many failures as the policy allows."""
    done = campaign("pause_campaign", tmp_path, RETRY_KILLS, "seed", "sqlite", limit=120 + 4 * RETRY_KILLS)
    faults = sum(done[one] for one in PAUSE_FAULTS)
    whole = f"of {done['slept'] + done['anew']} that can be told apart {done['anew']} began anew"
    tell(f"{bounded(faults, done['kills'], 'kills in pauses went wrong')}; {whole}")
    assert [done[one] for one in PAUSE_FAULTS] == [0] * 3
    assert done["slept"] > 3 * done["anew"]  # a busy machine may wake a process late


def test_the_count_notices_pauses_that_begin_anew(tmp_path):
    """A clock that begins anew in every process is caught: the check can fail."""
    done = campaign("pause_campaign", tmp_path, 5, "seed", "sqlite", "anew", limit=240)
    assert done["anew"] > 3 * done["slept"]
