"""`kwf doctor` says what the installation stands on, what is broken, and what to do."""

from __future__ import annotations

import json
import sqlite3
import sys

import pytest

from knows_registry.cli import main
from knows_registry.cli.doctor import journal_of


def test_a_sound_installation_ends_with_0(stage):
    """Python, SQLite with its journal mode, templates, plugins and verdicts are told."""
    stage.install_template("etch", "1.2.0", distribution="etch-dist", module="etch_module")
    stage.kwf("plugins", "check")
    done = stage.kwf("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    for fact in (sys.executable, sqlite3.sqlite_version, "journal WAL", "etch@1.2.0", "1 ok"):
        assert fact in done.stdout
    assert "Nothing is known to be broken." in done.stdout
    assert "`kwf plugins check`" not in done.stdout


def test_a_program_gets_one_object(stage):
    """The same facts."""
    stage.install("d", templates={"etch@1.2.0": "m:a"}, plugins={"backend.paper": "m:b"})
    answer = stage.answer("doctor")
    assert answer["python"]["executable"] == sys.executable
    assert answer["sqlite"]["version"] == sqlite3.sqlite_version
    assert (answer["templates"], answer["plugins"]) == (["etch@1.2.0"], ["backend.paper"])
    assert answer["verdicts"] == {"ok": 0, "broken": 0, "unchecked": 2, "older_than_30_days": 0}
    assert answer["broken"] == []


def test_what_metadata_shows_to_be_broken_is_named_at_once(broken_stage):
    """Malformed entries, invalid versions, duplicates: exit 3, each with the next move, and the rest is unchecked."""
    done = broken_stage.kwf("doctor")
    assert done.returncode == 3
    for distribution in ("malformed-dist", "version-dist", "left-dist and right-dist"):
        assert f"{distribution}: " in done.stdout
    assert done.stdout.count("    Next: ") == 3
    assert "5 unchecked; `kwf plugins check` brings fresh ones" in done.stdout


def test_after_a_check_what_cannot_be_imported_is_named_too(broken_stage):
    """The verdicts of the last check."""
    broken_stage.kwf("plugins", "check")
    done = broken_stage.kwf("doctor")
    assert done.returncode == 3
    assert "raising-dist: raising@1.0.0: ValueError: the pump is missing" in done.stdout
    assert "exiting-dist: exiting@1.0.0: SystemExit: 4" in done.stdout
    assert "3 ok, 2 broken" in done.stdout


def test_a_requirement_that_the_installation_does_not_meet_is_named(stage):
    """From the metadata of the distributions that bring templates or plugins; markers and extras are respected."""
    requirements = [
        "pluggy>=99",
        "no-such-distribution",
        "pluggy>=1",
        "also-missing; python_version < '3'",
        "extra-only; extra == 'x'",
        "not a requirement !",
    ]
    metadata = "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements)
    stage.install_template("etch", "1.2.0", distribution="etch-dist", module="etch_module")
    (stage.site / "etch_dist-1.0.0.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: etch-dist\nVersion: 1.0.0\n{metadata}"
    )
    reasons = [fault["reason"] for fault in stage.answer("doctor")["broken"]]
    assert len(reasons) == 3
    assert reasons[0].startswith("it requires pluggy>=99, found 1.")
    assert reasons[1] == "it requires no-such-distribution, found none"
    assert "not a requirement !" in reasons[2]


@pytest.mark.parametrize(
    ("library", "journal", "why"),
    [
        ((3, 36, 9), None, "3.37.0"),
        ((3, 37, 0), "WAL", "checkpoints are taken alone"),
        ((3, 51, 2), "WAL", "checkpoints are taken alone"),
        ((3, 51, 3), "WAL", "without restrictions"),
        ((4, 0, 0), "WAL", "without restrictions"),
    ],
)
def test_the_journal_mode_follows_the_version_of_the_library(library, journal, why):
    """Too old for strict tables, with the WAL-reset bug, or without it."""
    answer = journal_of(library)
    assert answer.journal == journal
    assert why in answer.why


def test_an_old_sqlite_is_a_fault(stage):
    """The embedded backend cannot start, so doctor ends with 3 and says what to do."""
    done = stage.python(
        "import sqlite3, sys; sqlite3.sqlite_version_info = (3, 36, 0);"
        "from knows_registry.cli import main; sys.exit(main(['doctor']))"
    )
    assert done.returncode == 3
    assert "python: sqlite3 3.36.0: the backend needs strict tables" in done.stdout


def test_verdicts_of_long_ago_are_counted(stage):
    """An editable install changes without a trace in its metadata, so old verdicts are worth another look."""
    stage.install_template("etch", "1.2.0", distribution="etch-dist", module="etch_module")
    stage.python("""
from knows_registry.catalog import Catalog
from knows_registry.discover import discover
from knows_registry.verdict import Verdict, remember
remember({entry: Verdict(None, 0.0) for entry in Catalog(discover()).entries()})
""")
    assert "1 ok, 1 older than 30 days; `kwf plugins check` brings fresh ones" in stage.kwf("doctor").stdout


def test_a_setting_that_cannot_be_used_is_named(stage, monkeypatch):
    """A mistyped setting stops every run, so doctor says so; otherwise it tells where runs are recorded."""
    assert stage.answer("doctor")["runs"].startswith("sqlite:///")
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RETRIES", "many")
    done = stage.kwf("doctor")
    assert done.returncode == 3
    assert "setting max_retries (KNOWS_WORKFLOW_MAX_RETRIES" in done.stdout


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("sqlite:///wf.py", "file is not a database"),
        ("runs.db", "expected a URL such as sqlite:///runs.db"),
        ("nowhere://x", "no state backend for 'nowhere'"),
    ],
)
def test_doctor_goes_on_where_the_journals_cannot_be_read(here, capfd, place, reason):
    """The place is one row with its reason and next move, exit 3; everything else is told."""
    assert main(["doctor", "--runs", "--backend", place]) == 3
    told = capfd.readouterr().out
    assert f"runs: {place}: " in told
    assert reason in told
    assert told.count("    Next: ") == 1
    assert "Python" in told
    assert main(["doctor", "--runs", "--backend", place, "--json"]) == 3
    answer = json.loads(capfd.readouterr().out)
    assert (answer["journals"], [fault["entry"] for fault in answer["broken"]]) == (None, [place])


def test_doctor_tells_settings_that_cannot_be_read_once(here, capfd, monkeypatch):
    """With --runs too, which they keep from being looked for."""
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RETRIES", "many")
    assert main(["doctor", "--runs"]) == 3
    assert capfd.readouterr().out.count("    Next: ") == 1
