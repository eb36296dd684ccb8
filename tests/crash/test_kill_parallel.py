"""kill -9 while branches run side by side: nothing recorded is made again or lost, and the end is the same."""

from __future__ import annotations

from tests.crash.campaigns import judge, killed
from tests.crash.levels import KILLS

MODULE = "parallel_campaign"


def test_killed_branches_lose_nothing_and_repeat_nothing(tmp_path, tell):
    """After random SIGKILLs recorded steps of all branches stay made, and every run ends as if undisturbed."""
    kills = KILLS - KILLS * 2 // 3
    judge(killed(MODULE, tmp_path, kills), kills, 0.05, tell)


def test_the_comparison_notices_branches_that_are_written_late(tmp_path):
    """A backend that answers before it has written is caught among branches too: the check can fail."""
    done = killed(MODULE, tmp_path, 60, "late")
    assert done["lost"] + done["again"] + done["wrong"] > 0
