"""kill -9 while branches run side by side: nothing recorded is made again or lost, and the end is the same."""

from __future__ import annotations

from tests.crash.campaigns import KILLS, campaign, figure


def test_killed_branches_lose_nothing_and_repeat_nothing(tmp_path):
    """After random SIGKILLs recorded steps of all branches stay made, and every run ends as if undisturbed."""
    done = campaign("parallel_campaign", tmp_path, KILLS)
    print(figure(done))
    assert done["kills"] >= KILLS
    assert done["runs"] > 0
    assert (done["again"], done["lost"], done["wrong"]) == (0, 0, 0)


def test_the_comparison_notices_branches_that_are_written_late(tmp_path):
    """A backend that answers before it has written is caught among branches too: the check can fail."""
    done = campaign("parallel_campaign", tmp_path, 60, "late")
    assert done["lost"] + done["again"] + done["wrong"] > 0
