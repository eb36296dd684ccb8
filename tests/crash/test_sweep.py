"""kill -9 before every system call that changes a file: there is no moment at which a run cannot be resumed."""

from __future__ import annotations

import pytest

from tests.crash.campaigns import campaign

FAULTS = ("again", "lost", "wrong", "damaged")


@pytest.mark.fault(1, 4, 5, 6, 7, 10)
@pytest.mark.parametrize("kind", ["created", "resumed", "migrated", "migrated_2"])
def test_every_moment_can_be_resumed(kind, tmp_path, tell):
    """A new file, a run that is resumed, a file of an older schema: all or nothing of each change, then the rest."""
    done = campaign("sweep", tmp_path, kind, limit=300)
    faults = sum(done[one] for one in FAULTS)
    tell(f"{faults} of {done['kills']} kills, which are all there can be: {done['points']}")
    assert [done[one] for one in FAULTS] == [0] * 4
    # Fewer would mean that the calls are not seen.
    assert done["kills"] >= 20
    assert {"pwrite64", "fdatasync"} <= done["points"].keys()


def test_the_sweep_notices_a_backend_that_writes_late(tmp_path):
    """A backend that answers before it has written is caught at some of the calls: the check can fail."""
    done = campaign("sweep", tmp_path, "created", "late", limit=300)
    assert done["again"] + done["lost"] + done["wrong"] > 0
