"""Damage in the file costs the run that it hit, and is never passed on as if it were what was written."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime

import pytest

from knows_core import Append, BackendError, RecordCorrupt, RunRow, RunStatus, UnknownRun
from knows_sqlite import SQLiteBackend

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def row(run):
    return RunRow(run, "etch", "1.0.0", RunStatus.RUNNING, MOMENT, MOMENT)


@pytest.fixture
def opened(tmp_path):
    """A backend with the runs `hurt` and `well`."""
    opened = SQLiteBackend(tmp_path / "journals.db")
    for run in ("hurt", "well"):
        opened.create(row(run), [b"0", b"1", b"2"])
    yield opened
    opened.close()


def damage(opened, statement, *values):
    with contextlib.closing(sqlite3.connect(opened._place.path)) as connection:
        connection.execute(statement, values)
        connection.commit()


def is_well(opened):
    """Whether the other run can be read and continued."""
    records = opened.load("well")[1]
    return opened.append([Append("well", 1, len(records), (b"next",))]) == [True]


@pytest.mark.parametrize(
    "what",
    [
        "status = 'dreaming'",
        "status = 'completed'",
        "template = 'etcj'",
        "version = '1.0.1'",
        "created_at = '2026-01-01T00:00:01+00:00'",
        "updated_at = 'yesterday'",
        "epoch = 9",
        "owner = null",
        "cancelling = 1",
        "compensated = 1",
        "digest = digest + 1",
        "template = cast(x'6574ff68' as text)",
        "status = cast(x'ff' as text)",
    ],
)
def test_a_damaged_row_costs_only_its_run(opened, caplog, what):
    """It is named wherever it is asked for, left out of the list with a warning, and the other run goes on."""
    damage(opened, f"update run set {what} where run = 'hurt'")  # noqa: S608 - fixed texts
    assert [one.run for one in opened.rows()] == ["well"]
    assert "run hurt" in caplog.text
    for ask in (opened.load, opened.claim, opened.request_cancel):
        with pytest.raises(RecordCorrupt, match="of the run itself of run hurt"):
            ask("hurt")
    assert is_well(opened)


def test_a_damaged_key_costs_only_its_run(opened, caplog):
    """Under its own id the run is unknown; what is left of it is named in the log, in letters that can be shown."""
    damage(opened, "update run set run = cast(x'68ff' as text) where run = 'hurt'")
    assert [one.run for one in opened.rows()] == ["well"]
    assert "run h\\udcff" in caplog.text
    with pytest.raises(UnknownRun):
        opened.load("hurt")
    assert is_well(opened)


def test_a_damaged_row_fails_only_itself_in_a_batch(opened):
    """Its owner cannot end it; the other run of the same commit is ended."""
    damage(opened, "update run set version = 'x' where run = 'hurt'")
    batch = [Append(run, 1, 3, (b"end",), RunStatus.COMPLETED) for run in ("hurt", "well")]
    assert opened.append(batch) == [False, True]
    assert opened.load("well")[0].status is RunStatus.COMPLETED
    damage(opened, "update run set version = '1.0.0' where run = 'hurt'")
    assert opened.load("hurt")[1] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("delete from record where run = 'hurt' and sequence = 1", 1),
        ("update record set sequence = 7 where run = 'hurt' and sequence = 0", 0),
        ("update record set sequence = -1 where run = 'hurt' and sequence = 2", 0),
        ("delete from record where run = 'hurt' and sequence = 2", 2),
        ("update run set length = 2 where run = 'hurt'", 2),
    ],
)
def test_a_gap_between_records_is_named(opened, statement, at):
    """A record that is missing or stands elsewhere is damage, with its number."""
    damage(opened, statement)
    with pytest.raises(RecordCorrupt) as error:
        opened.load("hurt")
    assert (error.value.run, error.value.sequence) == ("hurt", at)
    assert is_well(opened)


def test_every_flipped_byte_of_a_page_is_noticed_or_harmless(tmp_path):
    """Flip each byte of the page with the rows in turn: what is read then is what was written, or an error."""
    file = tmp_path / "journals.db"
    opened = SQLiteBackend(file)
    for run in ("hurt", "well"):
        opened.create(row(run), [b"0"])
        opened.release(run, 1)
    written = {one.run: one for one in opened.rows()}
    opened.close()
    whole = file.read_bytes()
    at = whole.index(b"2026-01-01") // 4096 * 4096
    first = whole.index(b"hurt", at) - 20
    silent = []
    for place in range(first, at + 4096, 3):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x01]) + whole[place + 1 :])
        again = SQLiteBackend(file)
        for run in ("hurt", "well"):
            with contextlib.suppress(RecordCorrupt, UnknownRun, BackendError):
                if again.load(run)[0] != written[run]:
                    silent.append(place - at)
        again.close()
    file.write_bytes(whole)
    assert silent == []


def test_a_damaged_schema_is_an_error_of_the_project(tmp_path):
    """A byte that is no text, in the schema that the driver would quote, is a BackendError that names the file."""
    file = tmp_path / "journals.db"
    opened = SQLiteBackend(file)
    opened.create(row("hurt"), [b"0"])
    opened.close()
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"sequence integer not null", b"sequence int\xf1ger not null"))
    with pytest.raises(BackendError, match="schema is damaged"):
        SQLiteBackend(file)
