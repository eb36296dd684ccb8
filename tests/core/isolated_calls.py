"""What the tests of isolated steps share: a call with defaults, and waiting with a deadline."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from knows_core import step
from knows_core.isolating.isolated import call_isolated
from knows_core.secrecy.secrets import Secrets
from knows_core.values.codec import Codec
from knows_core.values.declared import declared_in
from tests.core import isolated_steps as steps

PATIENCE = 30  # seconds until a test gives up
NAMED = [one for function in (steps.measure, steps.unbox, steps.admit) for one in step(function).annotations.values()]
CODEC = Codec(declared_in(NAMED).classes)


def called(function, value=None, state=None, *, codec=CODEC, timeout=PATIENCE, tell=lambda _: None, context=None):
    secrets = Secrets()
    return call_isolated(
        step(function), value, state, context, codec=codec, timeout=timeout, secrets=secrets, tell=tell
    )


def until(what, found):
    """Wait for something that becomes true, at most so long."""
    end = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < end, f"{what} did not happen"
        threading.Event().wait(0.01)
    return answer


def gone(pid):
    """Whether a process has ended; one that nobody has reaped yet counts."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return stat.parents[1].exists() and stat.read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def ids(file):
    return [int(one) for one in until("the note", lambda: file.exists() and file.read_text().split())]
