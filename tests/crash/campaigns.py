"""How the tests start a campaign of faults: as a process of its own, bounded in time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.crash.levels import NIGHTLY, bounded

ROOT = Path(__file__).parents[2]


def campaign(module, *arguments, limit):
    """What a campaign counted; `limit` in seconds, far above what it takes, so that a hang ends."""
    command = [sys.executable, "-m", f"tests.crash.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def killed(module, folder, kills, backend="sqlite"):
    """What a campaign of random kills counted."""
    return campaign(module, folder, kills, "seed", backend, limit=120 + 2 * kills)


def judge(done, kills, median, tell):
    """Tell what a campaign of kills counted, and judge it; `median`: seconds that resuming may take."""
    faults = done["again"] + done["lost"] + done["wrong"]
    resumed = f"resumed {done['resumed']} times in {done['median']:.3f} s (median), {done['p95']:.3f} s (p95)"
    made = f"{done['again']} recorded steps made again, {done['lost']} lost, {done['wrong']} wrong ends"
    tell(f"{made} in {done['runs']} runs; {bounded(faults, done['kills'], 'kills')}; {resumed}")
    assert faults == 0
    assert done["kills"] >= kills
    assert not NIGHTLY or done["median"] <= median
