"""How the tests start a campaign of kills, and what its figures bound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

KILLS = int(os.environ.get("KNOWS_TEST_KILLS", "100"))
LIMIT = 60 + KILLS  # seconds: far above what a campaign takes, so that a hang ends
ROOT = Path(__file__).parents[2]


def campaign(module, folder, kills, *more):
    """What a campaign counted, run as a process of its own."""
    command = [sys.executable, "-m", f"tests.crash.{module}", str(folder), str(kills), "seed", *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def figure(done):
    """The counts, with what they say of the rate of failures (the rule of three, for a binomial)."""
    return f"{done} (0 of {done['kills']} kills bounds the rate below {3 / done['kills']:.2%}, 95 %)"
