"""Eight processes write into one file at once: none is refused, and none waits long."""

from __future__ import annotations

import contextlib
import statistics
import time
from functools import partial

from knows_core import LocalEngine
from knows_core.testing.suite_children import Child
from knows_sqlite import SQLiteBackend
from tests.crash.contended import template
from tests.crash.levels import NIGHTLY, bounded

WRITERS, COMMITS = 8, 100
LONGEST = 0.25  # seconds: of 99 commits in a hundred


class Timed(SQLiteBackend):
    """Notes how long each commit took."""

    def __init__(self, path):
        super().__init__(path)
        self.took = []

    def append(self, batch):
        begun = time.perf_counter()
        try:
            return super().append(batch)
        finally:
            self.took.append(time.perf_counter() - begun)


def write(wire, folder, run):
    """Drive a run of a hundred steps, each of which is a commit; tell how it ended, and what each took."""
    backend = Timed(folder / "journals.db")
    names = [f"s{number}" for number in range(COMMITS)]
    with LocalEngine(backend) as engine:
        wire.send("ready")
        wire.recv()
        ended = engine.run(template(lambda _: None, names), run_id=run)
        wire.send((str(ended.status), len(ended.result), backend.took))


def test_eight_writers_are_never_refused(tmp_path, tell):
    """Eight runs of a hundred steps at once: all complete; commits a second and the 99th percentile are told."""
    with contextlib.ExitStack() as stack:
        works = [partial(write, folder=tmp_path, run=f"run-{number}") for number in range(WRITERS)]
        children = [stack.enter_context(Child(work)) for work in works]
        assert [child.hear() for child in children] == ["ready"] * WRITERS
        begun = time.perf_counter()
        for child in children:
            child.say("go")
        heard = [child.hear() for child in children]
        seconds = time.perf_counter() - begun
    took = [one for _, _, each in heard for one in each]
    p99 = statistics.quantiles(took, n=100)[98]
    refused = sum((status, count) != ("completed", COMMITS) for status, count, _ in heard)
    figures = f"{len(took) / seconds:.0f} commits/s, p99 {p99 * 1000:.0f} ms"
    tell(f"{bounded(refused * COMMITS, len(took), 'commits refused')}; {figures}")
    assert refused == 0
    assert len(took) >= WRITERS * COMMITS
    assert not NIGHTLY or p99 <= LONGEST
