"""A durable step on SQLite (WAL, synchronous=FULL) against one commit of the same record."""

from __future__ import annotations

import sqlite3
import tempfile
from itertools import count
from pathlib import Path

from knows_core import LocalEngine, pipeline, step
from knows_sqlite import SQLiteBackend
from tests.benchmarks.pairs import line, paired

STEPS = 300  # so many that a run's beginning and end do not count


def count_up(result, state):
    state["n"] = (result or 0) + 1
    return state["n"]


def main():
    # In the repository's own file system: a temporary folder may be held in memory, where syncing costs nothing.
    with tempfile.TemporaryDirectory(dir=Path(__file__).parents[2], prefix=".bench-") as folder:
        backend = SQLiteBackend(Path(folder) / "journals.db")
        engine = LocalEngine(backend)
        template = pipeline([step(count_up, name=f"s{number}") for number in range(STEPS)], name="bench")
        records = backend.load(engine.run(template, run_id="sample").id)[1][1:]
        connection = sqlite3.connect(Path(folder) / "reference.db", isolation_level=None)
        for statement in (
            "pragma journal_mode=wal",
            "pragma synchronous=full",
            "create table record (run text, sequence integer, data blob, primary key (run, sequence)) without rowid",
        ):
            connection.execute(statement)
        runs = count()

        def commits():
            run = f"bench-{next(runs)}"
            for sequence, record in enumerate(records[:STEPS]):
                connection.execute("insert into record values (?, ?, ?)", (run, sequence, record))

        measured = paired(commits, lambda: engine.run(template), rounds=15)
        yield line("a durable step on SQLite / one commit", "ms/step", 1e3 / STEPS, measured, 1.5)
        connection.close()
        backend.close()
