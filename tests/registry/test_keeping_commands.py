"""`kwf cancel`, `purge`, `runs` and `doctor --runs`: what is kept, ended and deleted among recorded runs."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from knows_core import RunRow, RunStatus
from knows_registry.cli.rows import is_expired, owner_and_wish, readable_age

PLACE = "--backend sqlite:///runs.db"
STOPPING = """
@step
def stop(value):
    if os.path.exists("stop"):
        raise SystemExit
    return value

w = pipeline(a | stop | c | d, name="demo", version="1.0")
"""


@pytest.fixture
def runs(kwf, here, steps):
    """One run of each kind: completed, failed, cancelled, interrupted; named after it."""
    (here / "wf.py").write_text(steps + STOPPING)
    kwf("run", "wf.py:w", "--run-id", "failed")
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "completed")
    (here / "stop").touch()
    for run in ("cancelled", "interrupted"):
        kwf("run", "wf.py:w", "--run-id", run)
    kwf("cancel", "cancelled")
    return kwf


def statuses(kwf):
    return {row["run"]: row["status"] for row in kwf("runs", "--json")[1]["runs"]}


# ------------------------------------------------------------------ cancel


def test_a_run_that_nobody_drives_is_ended_at_once(runs, here):
    """Exit 0, also when it was so already; failed runs too; resuming goes on with it."""
    for run in ("interrupted", "failed", "cancelled"):
        told = f"{run} is cancelled; `kwf resume {run} {PLACE}` goes on with it.\n"
        assert runs("cancel", run) == (0, told)
        assert runs("cancel", run, "--json") == (0, {"run": run, "status": "cancelled", "cancelling": False})
        assert statuses(runs)[run] == "cancelled"
    (here / "stop").unlink()
    assert runs("resume", "interrupted", "--json")[1]["status"] == "completed"


def test_what_cannot_be_cancelled_is_refused(runs, capfd):
    """A completed run with 7, an unknown one with 2, each with the next move."""
    code, answer = runs("cancel", "completed", "--json")
    assert (code, answer["error"]["code"]) == (7, "run-is-over")
    assert answer["error"]["message"] == "run completed is completed and stays so"
    assert f"`kwf resume completed --from STEP {PLACE}`" in answer["next"]
    assert f"`kwf history completed {PLACE}` names them." in answer["next"]
    code, answer = runs("cancel", "nobody", "--json")
    assert (code, answer["error"]["code"]) == (2, "unknown-run")
    assert statuses(runs)["completed"] == "completed"


# ------------------------------------------------------------------ purge


def test_only_runs_that_ended_as_wanted_long_enough_ago_are_deleted(runs):
    """Nothing within state_ttl; older ones if completed or cancelled; failed and interrupted ones are kept, and why."""
    assert runs("purge", "--json") == (0, {"deleted": [], "dry_run": False})
    told = runs("purge", "--older-than", "0")[1].splitlines()
    assert told[0] == "Deleted 2 runs at sqlite:///runs.db:"
    assert [line.split()[:3] for line in told[1:3]] == [
        ["cancelled", "demo@1.0.0", "cancelled"], ["completed", "demo@1.0.0", "completed"],
    ]  # fmt: skip
    assert sorted(told[3:]) == [
        "Kept 1 run: failed; `--status failed` names it.",
        f"Kept 1 run: running, so not over; `kwf resume --all {PLACE}` goes on with it.",
    ]
    assert statuses(runs) == {"failed": "failed", "interrupted": "running"}
    assert runs("history", "completed", "--json")[0] == 2


def test_a_dry_run_deletes_nothing(runs):
    """It tells what would be deleted, and what is too young."""
    before = statuses(runs)
    code, answer = runs("purge", "--older-than", "0", "--dry-run", "--json")
    assert (code, sorted(answer["deleted"]), answer["dry_run"]) == (0, ["cancelled", "completed"], True)
    assert runs("purge", "--older-than", "0", "--dry-run")[1].startswith("Would delete 2 runs at sqlite:///runs.db:")
    told = runs("purge", "--older-than", "900")[1]
    assert "Deleted 0 runs at sqlite:///runs.db.\n" in told
    assert "Kept 1 run: completed less than 900 s ago; `--older-than SECONDS` says how long it is kept." in told
    assert statuses(runs) == before


def test_the_setting_says_how_long_runs_are_kept(runs, monkeypatch):
    """state_ttl marks them in `runs` and is what `purge` goes by."""
    assert [row["run"] for row in runs("runs", "--json")[1]["runs"] if row["expired"]] == []
    monkeypatch.setenv("KNOWS_WORKFLOW_STATE_TTL", "0")
    rows = runs("runs", "--json")[1]["runs"]
    assert {row["run"] for row in rows if row["expired"]} == {"completed", "cancelled"}
    assert {row["run"] for row in rows if row["interrupted"]} == {"interrupted"}
    told = {line.split()[0]: line for line in runs("runs")[1].splitlines()}
    assert told["completed"].endswith("expired: kwf purge deletes it")
    assert told["interrupted"].endswith("interrupted: kwf resume goes on with it")
    assert told["failed"].endswith("-")
    assert sorted(runs("purge", "--json")[1]["deleted"]) == ["cancelled", "completed"]


def test_other_statuses_are_deleted_when_they_are_named(runs):
    """Only those; a status that is not over, and an age below zero, are usage errors."""
    answer = runs("purge", "--older-than", "0", "--status", "failed", "--status", "stuck", "--json")
    assert answer == (0, {"deleted": ["failed"], "dry_run": False})
    for words in (["--status", "running"], ["--status", "pending"], ["--older-than", "-1"], ["--older-than", "x"]):
        code, answer = runs("purge", *words, "--json")
        assert (code, answer["error"]["code"]) == (2, "usage")
        assert words[0] in answer["error"]["message"]
    assert set(statuses(runs)) == {"completed", "cancelled", "interrupted"}


def test_a_place_without_runs_has_nothing_to_delete(kwf, here):
    """And none is made."""
    assert kwf("purge") == (0, "Deleted 0 runs at sqlite:///runs.db.\n")
    assert not (here / "runs.db").exists()


# ------------------------------------------------------------------ doctor --runs


def test_doctor_reads_every_journal(runs, here, monkeypatch):
    """Interrupted and stuck runs are named with their command, and are nothing broken: exit 0."""
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RECOVERIES", "1")
    runs("run", "wf.py:w", "--run-id", "stuck")
    assert [runs("resume", "stuck")[0] for _ in range(2)] == [130, 7]
    code, answer = runs("doctor", "--runs", "--json")
    journals = answer["journals"]
    assert (code, answer["broken"], answer["runs"]) == (0, [], "sqlite:///runs.db")
    assert (journals["read"], journals["damaged"]) == (5, [])
    for kind in ("stuck", "interrupted"):
        assert journals[kind] == [
            {
                "run": kind,
                "template": "demo",
                "version": "1.0.0",
                "next": f"`kwf resume {kind} {PLACE}` goes on with it",
            }
        ]
    told = runs("doctor", "--runs")[1]
    assert "5 journals were read: 1 stuck, 1 interrupted." in told
    assert f"was interrupted, and nobody drives it. Next: `kwf resume interrupted {PLACE}`" in told
    assert "journals" not in runs("doctor", "--json")[1]


DAMAGE = {
    "a flipped byte": ("update record set data = cast(substr(data, 1, 60) || x'00' || substr(data, 62) as blob)", 2),
    "a lost record": ("delete from record", 2),
    "a lost end": ("delete from record", 5),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_doctor_finds_damaged_journals(runs, here, kind):
    """Run, record and reason are named with what to do, exit 3; the others are read all the same."""
    statement, sequence = DAMAGE[kind]
    with sqlite3.connect(here / "runs.db") as connection:
        connection.execute(f"{statement} where run = 'completed' and sequence = {sequence}")
    connection.close()
    code, answer = runs("doctor", "--runs", "--json")
    assert code == 3
    [damaged] = answer["journals"]["damaged"]
    assert (answer["journals"]["read"], damaged["run"]) == (4, "completed")
    assert damaged["sequence"] == sequence
    assert [fault["entry"] for fault in answer["broken"]] == ["completed"]
    # A backend gives out nothing of a run whose records are not all there, nor which file it came from.
    known = f"`kwf run {here / 'wf.py'}:w`" if kind == "a flipped byte" else "`kwf run demo@1.0.0`, or from its file"
    assert damaged["next"].startswith(f"Restore the journal from a backup, or start the run anew: {known}. The other")
    told = runs("doctor", "--runs")[1]
    assert f"runs: completed: record {damaged['sequence']} of run completed cannot be read: {damaged['reason']}" in told
    assert "4 journals were read: 1 damaged, 1 interrupted." in told


def test_doctor_finds_runs_that_are_not_even_listed(runs, here):
    """A row that cannot be read hides its run from `runs`, and not from here: exit 3, and nothing else on stderr."""
    with sqlite3.connect(here / "runs.db") as connection:
        connection.execute("update run set status = 'confused' where run = 'failed'")
    connection.close()
    assert "failed" not in statuses(runs)
    code, answer = runs("doctor", "--runs", "--json")
    [damaged] = answer["journals"]["damaged"]
    assert (code, damaged["run"], damaged["sequence"]) == (3, "failed", "of the run itself")
    assert damaged["next"] == (
        "Restore the journal from a backup, or start the run anew. The other runs are untouched."
    )
    assert answer["journals"]["read"] == 4


# ------------------------------------------------------------------ words

NOW = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_an_age_is_told_in_its_largest_unit(seconds, text):
    """Rounded down."""
    assert readable_age(seconds) == text


def row(status, age, **more):
    at = NOW - timedelta(seconds=age)
    return RunRow("r", "t", "1.0.0", status, at, at, **more)


def test_only_finished_runs_without_an_owner_expire():
    """At their time to live, not before."""
    assert is_expired(row(RunStatus.COMPLETED, 60), 60, NOW)
    assert not is_expired(row(RunStatus.COMPLETED, 59), 60, NOW)
    assert not is_expired(row(RunStatus.FAILED, 60), 60, NOW)
    assert not is_expired(row(RunStatus.CANCELLED, 60, owner="process 1"), 60, NOW)


def test_an_owner_is_told_with_what_is_asked_of_it():
    """And nobody as a dash."""
    assert owner_and_wish(row(RunStatus.RUNNING, 1, owner="process 1", cancelling=True)) == "process 1, cancelling"
    assert owner_and_wish(row(RunStatus.RUNNING, 1)) == "-"
