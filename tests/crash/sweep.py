"""Kill a run before each of its system calls that change a file, one after the other, and resume it: none is left out.

    python -m tests.crash.sweep FOLDER created|resumed|migrated|migrated_2 [late]

`created`: the run is new, and so is the database. `resumed`: it goes on with a run that was killed in its second step.
`migrated`, `migrated_2`: as `resumed`, but the file has the first schema, or the second, which opening it brings up to
date. Prints as JSON how often it was killed before which call, and what `campaign` counts.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import os
import sqlite3
import sys
from pathlib import Path

from knows_core import LocalEngine
from knows_sqlite import SQLiteBackend
from knows_sqlite.rows import digest_of
from tests.crash.campaign import (
    Subject,
    child,
    compare,
    forked,
    notebook,
    notes_of,
    opener,
    template,
    undisturbed,
    warm,
)
from tests.crash.campaigns import ROOT
from tests.crash.tracer import killed_before

NAMES = ["a", "b", "c"]
SUBJECT = Subject(lambda note: template(note, NAMES, seconds=0), lambda path: set(NAMES[: NAMES.index(path)]))
RUN = "swept"
OLDER = {"migrated": 1, "migrated_2": 2}  # from which schema


def interrupted(folder):
    """Leave a run in the folder whose process ended in its second step."""
    note = notebook(folder / "notes")

    def stopping(text):
        note(text)
        if text == "call b":
            os._exit(0)

    def work(_):
        note("recorded ")
        LocalEngine(SQLiteBackend(folder / "journals.db")).run(SUBJECT.template(stopping), run_id=RUN)

    assert os.waitpid(forked(work), 0)[1] == 0


def put_back(folder, schema):
    """Write the run in the folder's file into one of an older schema, in its place."""
    row, records = _loaded(folder)
    for one in folder.glob("journals.db*"):
        if one.is_file():
            one.unlink()
    with contextlib.closing(sqlite3.connect(folder / "journals.db", isolation_level=None)) as connection:
        connection.executescript((ROOT / f"plugins/sqlite/tests/schema_{schema}.sql").read_text("utf-8"))
        times = row.created_at.isoformat(), row.updated_at.isoformat()
        values = [row.run, row.template, row.version, row.status, *times, row.epoch, None]
        if schema > 1:
            values += [0, digest_of([*values, 0]), 0]
        connection.execute(f"insert into run values ({', '.join('?' * len(values))})", values)  # noqa: S608 - only marks
        connection.executemany("insert into record values (?, ?, ?)", [(RUN, *one) for one in enumerate(records)])


def _loaded(folder):
    backend = SQLiteBackend(folder / "journals.db")
    try:
        return backend.load(RUN)
    finally:
        backend.close()


def prepare(kind, folder):
    folder.mkdir()
    if kind != "created":
        interrupted(folder)
    if kind in OLDER:
        put_back(folder, OLDER[kind])


def integrity(path):
    """What SQLite itself says of the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("pragma integrity_check").fetchone()[0]


def main(kind, folder, backend):
    expected = undisturbed(SUBJECT)
    done = {"again": 0, "lost": 0, "wrong": 0, "damaged": 0}
    points = collections.Counter()
    for number in itertools.count(1):
        place = folder / str(number)
        prepare(kind, place)
        open_backend = opener(backend, place)

        def work(place=place, open_backend=open_backend):
            child(SUBJECT, notebook(place / "notes"), RUN, open_backend, 0.0)

        call = killed_before(number, work)
        if call is not None:
            points[call] += 1
            assert os.waitpid(forked(lambda _, work=work: work()), 0)[1] == 0, f"it cannot go on after call {number}"
        for fault, count in zip(
            ("again", "lost", "wrong"), compare(SUBJECT, notes_of(place / "notes"), expected), strict=True
        ):
            done[fault] += count
        done["damaged"] += integrity(place / "journals.db") != "ok"
        if call is None:
            return done | {"kills": points.total(), "points": points}
    raise AssertionError


if __name__ == "__main__":
    WARM = Path(sys.argv[1]) / "warm"
    WARM.mkdir()
    warm(SUBJECT, opener("sqlite", WARM))
    print(json.dumps(main(sys.argv[2], Path(sys.argv[1]), (*sys.argv[3:], "sqlite")[0])))
