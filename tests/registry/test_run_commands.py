"""`kwf run`, `resume`, `runs`, `history`, `show` and `check` on templates in files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from knows_registry.cli import main

STEPS = """
import os
from dataclasses import dataclass
from datetime import datetime
from pydantic import BaseModel
from knows_core import PermanentError, TransientError, pipeline, step

@step
def a() -> int: return 1
@step
def b(value: int, state) -> int:
    state["seen"] = value
    return value + 1
@step
def c(value: int) -> int:
    if not os.path.exists("ok"):
        raise PermanentError("there is no ok")
    return value * 10
@step
def d(value: int) -> int: return value + 5
"""
FLOW = STEPS + 'w = pipeline(a | b | c | d, name="demo", version="1.0")\n'
TYPED = (
    STEPS
    + """
class Lot(BaseModel):
    serial: str
    day: datetime
    size: int = 25
    tags: tuple[str, ...] = ()

@dataclass
class Recipe:
    name: str
    steps: list[int]

@step
def tell(recipe: Recipe, state: Lot) -> dict:
    return {"recipe": recipe.name, "serial": state.serial, "day": state.day.isoformat(), "tags": state.tags}

w = pipeline([tell], name="typed", version="2.1", state=Lot, summary="Tells what it was given.")
"""
)
KEYS = ["run", "template", "version", "status", "result", "state", "error", "next"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a template in a file, as the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wf.py").write_text(FLOW)
    return tmp_path


@pytest.fixture
def kwf(here, capfd):
    """Call the command line; the exit code and what stdout holds, read as JSON where that was asked for."""

    def call(*words):
        code = main([*words, *(["--backend", "sqlite:///runs.db"] if words[0] in RECORDED else [])])
        out = capfd.readouterr().out
        return code, json.loads(out) if "--json" in words else out

    return call


RECORDED = ("run", "resume", "runs", "history")


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


def test_resuming_a_completed_run_makes_nothing(kwf, here):
    """It answers with the recorded result, exit 0, even when the file says something else by now."""
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "wf.py").write_text(FLOW.replace("value + 5", "1 / 0"))
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["result"]) == (0, "completed", 25)
    assert len(kwf("history", "r", "--json")[1]["records"]) == 6


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ("a | step(d.function, name='x') | b | c | d", "`x`"),
        ("a | b | step(c.function, name='renamed') | d", "`renamed`"),
        ("a | c | d", "`b`"),
        ("b | a | c | d", "`b`"),
        ("a | b | c", "`d`"),
    ],
    ids=["inserted", "renamed", "removed", "reordered", "cut off"],
)
def test_a_changed_flow_is_refused(kwf, here, now, named):
    """Exit 7 naming the first difference, before anything runs; with the old steps back the run goes on."""
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "ok").touch()
    (here / "wf.py").write_text(FLOW.replace("a | b | c | d", now))
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"], answer["run"]) == (7, "shape-changed", "r")
    assert named in answer["error"]["message"]
    (here / "wf.py").write_text(FLOW.replace("value + 5", "value + 6"))
    assert kwf("resume", "r", "--json")[1]["result"] == 26
    assert "edited since: d" in kwf("history", "r")[1]


def test_the_file_of_a_run_is_remembered(kwf, here, monkeypatch):
    """Resume works from another folder; when the file is gone it is refused with 7."""
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    place = ["--backend", f"sqlite:///{here}/runs.db"]
    assert main(["resume", "r", *place]) == 1
    (here / "wf.py").unlink()
    assert main(["resume", "r", *place]) == 7


def test_typed_values_from_a_person(kwf, here):
    """Text becomes the declared type, stays text where text is declared, and --set goes over --state."""
    (here / "wf.py").write_text(TYPED)
    (here / "lot.json").write_text('{"serial": "x", "day": "2026-01-02T03:00:00Z", "tags": ["p", "q"]}')
    (here / "recipe.json").write_text('{"name": "r1", "steps": [1, 2]}')
    words = ["--state", "lot.json", "--set", "serial=007", "--input", "@recipe.json", "--json"]
    code, answer = kwf("run", "wf.py:w", *words)
    assert (code, answer["error"]) == (0, None)
    assert answer["result"] == {"recipe": "r1", "serial": "007", "day": "2026-01-02T03:00:00+00:00", "tags": ["p", "q"]}
    assert answer["state"]["size"] == 25


INPUT = ["--input", '{"name": "r", "steps": []}']


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
        (["--state", "absent.json"], 2, "config"),
        (["--run-id", "../x", "--set", "serial=x", "--set", "day=2026-01-02T03:00:00Z", *INPUT], 2, "bad-run-id"),
        (["--frobnicate"], 2, "usage"),
    ],
)
def test_what_does_not_fit_makes_no_run(kwf, here, words, code, error):
    """The designed exit code, every key of the object, nothing recorded."""
    (here / "wf.py").write_text(TYPED)
    given, answer = kwf("run", "wf.py:w", "--json", *words)
    assert (given, answer["error"]["code"]) == (code, error)
    assert list(answer) == KEYS
    assert [answer[key] for key in ("run", "status", "result", "state")] == [None] * 4
    assert answer["next"]
    assert kwf("runs", "--json")[1]["runs"] == []


def test_an_unknown_backend_is_named(here, capfd):
    """A scheme that nobody offers is exit 6, with those that are known."""
    assert main(["run", "wf.py:w", "--backend", "nowhere://x", "--json"]) == 6
    answer = json.loads(capfd.readouterr().out)
    assert answer["error"]["code"] == "unknown-scheme"
    assert "memory, sqlite" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("reference", "text", "code", "sentence"),
    [
        ("absent.py:w", None, 3, "there is no such file"),
        ("wf.py:absent", FLOW, 3, "the file has w"),
        ("wf.py:", FLOW, 2, "expected FILE.py:object"),
        ("wf.py:w", "def broken(:\n", 3, "SyntaxError"),
        ("wf.py:w", "\n\nraise RuntimeError('no')", 3, "RuntimeError: no (line 3)"),
        ("wf.py:w", "import sys\nsys.exit(5)", 3, "SystemExit: 5 (line 2)"),
        ("wf.py", FLOW + 'v = pipeline([a], name="other", version="1.0")\n', 2, "templates there: w, v"),
        ("wf.py", "x = 1", 2, "templates there: none"),
        ("absent@^1.0", FLOW, 3, "no template satisfies absent@^1.0"),
    ],
)
def test_a_template_that_cannot_be_had(kwf, here, reference, text, code, sentence):
    """Exit 3 (2 where the reference itself is wrong), saying what is there."""
    if text is not None:
        (here / "wf.py").write_text(text)
    given, answer = kwf("run", reference, "--json")
    assert given == code
    assert sentence in answer["error"]["message"]


@pytest.mark.parametrize("reference", ["wf.py", "wf.py:w", "wf.py:demo"])
def test_a_template_in_a_file_is_named_in_three_ways(kwf, here, reference):
    """By the file where it is the only one, by its variable, by its own name."""
    (here / "ok").touch()
    assert kwf("run", reference, "--json")[1]["result"] == 25


def test_a_value_that_cannot_be_recorded_is_a_misfit(kwf, here):
    """The run failed at that step, exit 4, and earlier steps are kept."""
    bad = '@step\ndef bad(v): return {1, 2}\nw = pipeline(a | bad, name="n", version="1.0")\n'
    (here / "wf.py").write_text(STEPS + bad)
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


def test_show_draws_a_template(kwf, here):
    """Name, summary, state with optional keys in brackets, steps with their types."""
    (here / "wf.py").write_text(TYPED)
    code, text = kwf("show", "wf.py:w")
    assert code == 0
    assert text.splitlines() == [
        "typed@2.1.0  Tells what it was given.",
        "state: serial, day, [size], [tags]",
        "└─ tell  (Recipe) -> dict",
    ]
    answer = kwf("show", "wf.py:w", "--json")[1]
    assert (answer["required_state"], answer["steps"]) == (["serial", "day"], ["tell"])


def test_show_tells_the_schema(kwf, here):
    """JSON Schema of state and input, the same for a person and a program."""
    (here / "wf.py").write_text(TYPED)
    answer = kwf("show", "wf.py:w", "--schema", "--json")[1]
    assert answer["state"]["required"] == ["serial", "day"]
    assert answer["input"]["properties"]["steps"] == {"items": {"type": "integer"}, "title": "Steps", "type": "array"}
    assert json.loads(kwf("show", "wf.py:w", "--schema")[1]) == answer


def test_check_tells_everything_at_once(kwf, here):
    """Exit 4 with every problem and its remedy; 0 without; the file is not run."""
    assert kwf("check", "wf.py:w") == (0, "demo@1.0.0: no problems\n")
    broken = STEPS + "def e(x, limit): return x\ndef f(x: 'Nowhere'): return x\n"
    (here / "wf.py").write_text(broken + 'w = pipeline([a, a, e, f, lambda x: x], name="bad", version="1.0")\n')
    code, answer = kwf("check", "wf.py:w", "--json")
    assert (code, answer["problems"]) == (4, 4)
    assert {one["where"] for one in answer["checked"][0]["problems"][:3]} >= {"bad/e", "bad/f"}
    text = kwf("check", "wf.py:w")[1]
    assert "bad@1.0.0: 4 problems" in text
    assert 'Next: Tell them apart by a name: step(a, name="...").' in text
    assert kwf("run", "wf.py:w", "--json")[1]["error"]["code"] == "definition"


def test_check_goes_over_all_that_is_installed(kwf):
    """Without a name every installed template is checked."""
    code, answer = kwf("check", "--json")
    assert code == 0
    assert "knowledge_ingestion@1.0.0" in [one["template"] for one in answer["checked"]]


def test_check_of_several_goes_on_after_one_that_cannot_be_had(kwf):
    """The one that cannot be loaded is a row; exit 3."""
    code, answer = kwf("check", "wf.py:w", "absent.py:w", "--json")
    assert (code, [len(one["problems"]) for one in answer["checked"]]) == (3, [0, 1])
