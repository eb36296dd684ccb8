"""`kwf run`, `runs` and `history` on templates in files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from knows_registry.cli import main

KEYS = ["run", "template", "version", "status", "result", "state", "error", "next"]


def test_a_run_from_a_file_completes_and_is_recorded(kwf, here):
    """run, runs and history tell of it; the JSON object has every key."""
    (here / "ok").touch()
    code, answer = kwf("run", "wf.py:w", "--run-id", "r", "--json")
    assert code == 0
    assert list(answer) == KEYS
    assert {key: answer[key] for key in KEYS[:5]} == {
        "run": "r", "template": "demo", "version": "1.0.0", "status": "completed", "result": 25,
    }  # fmt: skip
    assert (answer["state"], answer["error"], answer["next"]) == ({"seen": 1}, None, None)
    assert "demo@1.0.0  completed" in kwf("runs")[1]
    assert [one["run"] for one in kwf("runs", "--status", "completed", "--json")[1]["runs"]] == ["r"]
    assert kwf("runs", "--status", "failed", "--json")[1]["runs"] == []
    records = kwf("history", "r", "--json")[1]["records"]
    assert [one["kind"] for one in records] == ["RunCreated", *["StepDone"] * 4, "RunEnded"]
    assert "b (attempt 1, wrote seen)" in kwf("history", "r")[1]


def test_a_failed_step_says_what_to_type_next(kwf, here, capfd):
    """Exit 1, the step named, and the next command; resuming goes on at that step."""
    code, answer = kwf("run", "wf.py:w", "--run-id", "r", "--json")
    assert code == 1
    assert answer["error"] == {
        "code": "permanent", "type": "PermanentError", "message": "there is no ok", "step": "c",
    }  # fmt: skip
    assert answer["status"] == "failed"
    assert answer["state"]["error"]["attempt"] == 1
    assert answer["next"] == "remove the cause, then `kwf resume r --backend sqlite:///runs.db`"
    assert main(["resume", "r", "--backend", "sqlite:///runs.db"]) == 1
    assert "kwf: step c of r failed with PermanentError: there is no ok" in capfd.readouterr().err
    (here / "ok").touch()
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["result"], answer["state"]) == (0, 25, {"seen": 1})


def test_typed_values_from_a_person(kwf, here, typed):
    """Text becomes the declared type, stays text where text is declared, and --set goes over --state."""
    (here / "wf.py").write_text(typed)
    (here / "lot.json").write_text('{"serial": "x", "day": "2026-01-02T03:00:00Z", "tags": ["p", "q"]}')
    (here / "recipe.json").write_text('{"name": "r1", "steps": [1, 2]}')
    words = ["--state", "lot.json", "--set", "serial=007", "--input", "@recipe.json", "--json"]
    code, answer = kwf("run", "wf.py:w", *words)
    assert (code, answer["error"]) == (0, None)
    assert answer["result"] == {"recipe": "r1", "serial": "007", "day": "2026-01-02T03:00:00+00:00", "tags": ["p", "q"]}
    assert answer["state"]["size"] == 25


INPUT = ["--input", '{"name": "r", "steps": []}']


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["--set", "day=2026-01-02T03:00:00Z", *INPUT], 4, "missing-state"),
        (["--set", "serial=x", "--set", "day=tomorrow", *INPUT], 4, "state-mismatch"),
        (["--set", "serial=x", "--set", "day=2026-01-02T03:00:00Z"], 4, "missing-input"),
        (["--set", "serial=x", "--set", "day=2026-01-02T03:00:00Z", "--input", '{"name": 1}'], 4, "state-mismatch"),
        (["--set", "serial"], 2, "config"),
        (["--input", "{"], 2, "config"),
        (["--input", "NaN"], 2, "config"),
        (["--input", "[" * 100_000], 2, "config"),
        (["--input", '{"name": "r", "name": "s"}'], 2, "config"),
        (["--input", "@absent.json"], 2, "config"),
        (["--input", "@."], 2, "config"),
        (["--input", "@binary"], 2, "config"),
        (["--state", "absent.json"], 2, "config"),
        (["--state", "twice.json"], 2, "config"),
        (["--run-id", "../x", "--set", "serial=x", "--set", "day=2026-01-02T03:00:00Z", *INPUT], 2, "bad-run-id"),
        (["--frobnicate"], 2, "usage"),
    ],
)
def test_what_does_not_fit_makes_no_run(kwf, here, words, code, error, typed):
    """The designed exit code, every key of the object, nothing recorded."""
    (here / "wf.py").write_text(typed)
    (here / "twice.json").write_text('{"serial": "x", "serial": "y"}')
    (here / "binary").write_bytes(b"\xff\xfe\x00")
    given, answer = kwf("run", "wf.py:w", "--json", *words)
    assert (given, answer["error"]["code"]) == (code, error)
    assert list(answer) == KEYS
    assert [answer[key] for key in ("run", "status", "result", "state")] == [None] * 4
    assert answer["error"]["step"] is None
    assert answer["next"]
    assert kwf("runs", "--json")[1]["runs"] == []


def test_an_unknown_backend_is_named(here, capfd):
    """A scheme that nobody offers is exit 6, with those that are known."""
    assert main(["run", "wf.py:w", "--backend", "nowhere://x", "--json"]) == 6
    answer = json.loads(capfd.readouterr().out)
    assert answer["error"]["code"] == "unknown-scheme"
    assert "memory, postgres, postgresql, redis, rediss, sqlite" in answer["error"]["message"]


@pytest.mark.parametrize(("place", "code"), [("runs.db", 2), ("sqlite://runs.db", 6)])
def test_a_place_that_is_misspelt_is_told_with_its_spelling(here, capfd, place, code):
    """A path without a scheme, two slashes instead of three: nothing is made."""
    assert main(["run", "wf.py:w", "--backend", place]) == code
    assert "sqlite:///runs.db" in capfd.readouterr().err
    assert not (here / "runs.db").exists()


@pytest.mark.fault(45)
def test_a_value_that_cannot_be_recorded_is_a_misfit(kwf, here, steps):
    """The run failed at that step, exit 4, and earlier steps are kept."""
    bad = '@step\ndef bad(v): return object()\nw = pipeline(a | bad, name="n", version="1.0")\n'
    (here / "wf.py").write_text(steps + bad)
    code, answer = kwf("run", "wf.py:w", "--run-id", "r", "--json")
    assert (code, answer["status"]) == (4, "failed")
    assert (answer["error"]["code"], answer["error"]["step"]) == ("not-storable", "bad")


def test_a_run_id_is_used_once(kwf, here):
    """A second run under it is refused with 2 and told how to go on; an unknown one too."""
    kwf("run", "wf.py:w", "--run-id", "r")
    code, answer = kwf("run", "wf.py:w", "--run-id", "r", "--json")
    assert (code, answer["error"]["code"]) == (2, "run-exists")
    assert "kwf resume r" in answer["next"]
    for command in ("resume", "history"):
        code, answer = kwf(command, "nobody", "--json")
        assert (code, answer["error"]["code"]) == (2, "unknown-run")


def test_without_persistence_nothing_is_recorded(here, capfd, monkeypatch):
    """state_persistence=false: the run runs, no file is made, and a failure offers no resume."""
    monkeypatch.setenv("KNOWS_WORKFLOW_STATE_PERSISTENCE", "false")
    assert main(["run", "wf.py:w", "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["next"] == "remove the cause and run it again"
    assert not (here / "runs.db").exists()


def test_the_default_place_is_the_users_data_folder(here, own_home, capfd):
    """Without option and setting runs are kept in SQLite there."""
    (here / "ok").touch()
    assert main(["run", "wf.py:w", "--run-id", "r"]) == 0
    assert (own_home / "knows-workflows" / "runs.db").is_file()


def test_a_bad_setting_is_a_matter_of_configuration(kwf, here, monkeypatch):
    """Exit 2 naming setting and variable."""
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RETRIES", "many")
    code, answer = kwf("run", "wf.py:w", "--json")
    assert (code, answer["error"]["code"]) == (2, "config")
    assert "KNOWS_WORKFLOW_MAX_RETRIES" in answer["error"]["message"]


def test_progress_is_told_beside_the_result(here, capfd):
    """In a pipe each step is a line on stderr; --quiet and --json silence it."""
    (here / "ok").touch()
    assert main(["run", "wf.py:w", "--backend", "memory:"]) == 0
    assert "[2/4] b done" in capfd.readouterr().err
    for quiet in ("--quiet", "--json"):
        assert main(["run", "wf.py:w", "--backend", "memory:", quiet]) == 0
        assert capfd.readouterr().err == ""


def test_a_person_at_a_terminal_sees_a_live_view(here):
    """At a terminal the steps are drawn in place as they go, and the result stays readable on stdout."""
    (here / "ok").touch()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "knows_registry.cli", "run", "wf.py:w", "--backend", "memory:", "--run-id", "r"]
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, timeout=60, check=True)
    os.close(theirs)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "4/4" in drawn
    assert "\x1b[" in drawn
    assert done.stdout.decode() == "r completed (demo@1.0.0)\n25\n"


def test_listing_names_the_place(kwf):
    """Nothing is recorded, and it says where."""
    assert kwf("runs") == (0, "No runs are recorded at sqlite:///runs.db; `kwf run TEMPLATE` makes one.\n")
    one_kind = (0, "No stuck run at sqlite:///runs.db; `kwf runs --backend sqlite:///runs.db` lists them all.\n")
    assert kwf("runs", "--status", "stuck", "--backend", "sqlite:///runs.db") == one_kind
