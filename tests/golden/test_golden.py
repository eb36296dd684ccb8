"""Histories that were recorded once and for all: today's code reads them, goes on with them, and writes the same."""

from __future__ import annotations

from typing import get_args

import pytest

from knows_core import LocalEngine
from knows_core.journal import read
from knows_core.journals.records import Record
from tests.golden.histories import RUN
from tests.golden.make import EVERY, FOLDER, loaded, outcome_of

WHAT_TO_DO = (
    "the record format has changed. Runs that began before must still be resumed: write the new format under a new"
    " version beside the old one in knows_core.journal, keep reading the old one, leave tests/golden/k1 as it is, and"
    " record new histories in a folder of their own with `python -m tests.golden.make`"
)


HOWS = {"continue", "fallback", "approved", "done", "scope"}


def text(name):
    return (FOLDER / f"{name}.json").read_text("utf-8")


def test_every_history_is_kept():
    """One file for each, and none that nobody knows."""
    assert {one.stem for one in FOLDER.glob("*.json")} == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_golden_history_is_resumed(name):
    """Status, result and state are those that the version which recorded it came to."""
    backend, _, then = loaded(text(name))
    assert outcome_of(backend, EVERY[name].template()) == then


@pytest.mark.parametrize("name", EVERY)
def test_a_golden_history_is_read(name):
    """It can be looked at with its template and without."""
    backend, records, _ = loaded(text(name))
    engine = LocalEngine(backend)
    for template in (EVERY[name].template(), None):
        run = engine.result(RUN, template)
        assert (run.status, len(run.history)) == (engine.status(RUN), len(records))


@pytest.mark.parametrize("name", EVERY)
def test_the_same_run_is_recorded_in_the_same_bytes(name):
    """A change of the format shows here before it strands a run."""
    _, records, _ = loaded(text(name))
    made = EVERY[name].made().load(RUN)[1]
    for number, (was, now) in enumerate(zip(records, made, strict=False)):
        assert now == was, f"record {number} of {name}: {WHAT_TO_DO}"
    assert len(made) == len(records), WHAT_TO_DO


def test_the_histories_hold_every_kind_of_record():
    """Nothing of the format is left out: kinds, ways to settle, questions, and where a run may have come from."""
    entries = [one for name in EVERY for one in read(RUN, loaded(text(name))[1])[0]]
    assert {one.kind for one in entries} == {kind.__name__ for kind in get_args(Record)}
    assert {one.content["how"] for one in entries if one.kind == "Settled"} == HOWS
    assert {one.content["question"] for one in entries if one.kind == "Asked"} == {"approval", "failure", "doubt"}
    assert any("origin" in one.content for one in entries)
    assert any("until" in one.content for one in entries)
    assert any("final" in one.content for one in entries)
    assert any(one.content.get("compensated") for one in entries)
