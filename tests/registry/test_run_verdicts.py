"""`kwf doctor --runs` foretells what becomes of every open run, and `kwf resume` then does just that."""

from __future__ import annotations

import re

import pytest

PLACE = "--backend sqlite:///runs.db"
REFUSED = (3, 7)  # what a run is left alone with; any other exit code means that it went on

OVEN = """
from pathlib import Path
from knows_core import Migration, PermanentError, pipeline, step, use
from dataclasses import dataclass

@dataclass
class Tray:
    celsius: int

@step
def heat(state) -> Tray:
    state["celsius"] = 180
    return Tray(180)

@step
def bake(tray: Tray) -> str:
    if not Path("ready").exists():
        raise PermanentError("the tray is not in")
    return f"baked at {tray.celsius}"

@step
def cool(bread: str) -> str:
    return f"{bread}, cooled"

box = pipeline(cool, name="box", version="1.0")
oven = pipeline(heat | bake | use(box), name="oven", version="1.0")
"""
FLOW = 'pipeline(heat | bake | use(box), name="oven", version="1.0")'
SHOUT = 'step(str.upper, name="shout")'
MOVED = 'pipeline(warm | bake | use(box), name="oven", version="2.0", migrations=[Migration("^1.0", {"heat": "warm"})])'
WARM = 'warm = step(heat.function, name="warm")\n'


GONE = 'pipeline(heat | bake | use(box), name="stove", version="1.0")'
TYPES = '(bread: str) -> str:\n    return f"{bread}, cooled"'

# What becomes of the run, the code of the error where it is stranded, whether a person may accept the change; the edit.
EDITS = {
    "nothing": ("goes on",),
    "the body of a step": ("goes on", ("= 180", "= 200")),
    "the variable": ("goes on", ("oven = ", "stove = ")),
    "a step at the end": ("shape-changed, acceptable", ("use(box),", f"use(box) | {SHOUT},")),
    "a step before a recorded one": ("shape-changed", ("heat | bake", f"{SHOUT} | heat | bake")),
    "a step after the failed one": ("shape-changed, acceptable", ("bake | use", f"bake | {SHOUT} | use")),
    "a recorded step renamed": ("shape-changed", ("box = ", f"{WARM}box = "), ("heat | bake", "warm | bake")),
    "a recorded step removed": ("shape-changed", ("heat | bake | use", "bake | use")),
    "a step to come removed": ("shape-changed, acceptable", (" | use(box)", "")),
    "a key required": ("contract-changed", ('version="1.0")', 'version="1.0", required_state=["pan"])')),
    "the type at the end": ("contract-changed, acceptable", (TYPES, "(bread: str) -> int:\n    return 1")),
    "a field of a recorded class": ("values-changed", ("celsius: int", "celsius: int\n    shelf: int = 1")),
    "the version": ("template-version-missing", ('"oven", version="1.0"', '"oven", version="2.0"')),
    "a migration": ("migrates", ("box = ", f"{WARM}box = "), (FLOW, MOVED)),
    "a migration that fits not": ("migration-failed", (FLOW, MOVED.replace("warm |", ""))),
    "a part upgraded": ("shape-changed, acceptable", ('"box", version="1.0"', '"box", version="1.1"')),
    "a syntax error": ("template-broken", ("def bake", "def def")),
    "an import that exits": ("template-broken", ("from pathlib", "raise SystemExit(3)\nfrom pathlib")),
    "the template gone": ("template-version-missing", (FLOW, GONE), ("oven = ", "stove = ")),
}


def edited(*pairs):
    text = OVEN
    for was, now in pairs:
        assert was in text
        text = text.replace(was, now)
    return text


@pytest.fixture
def oven(kwf, here):
    """A run that failed at its second step."""
    (here / "oven.py").write_text(OVEN)
    assert kwf("run", "oven.py:oven", "--run-id", "r")[0] == 1
    (here / "ready").touch()
    return kwf


@pytest.mark.parametrize("name", EDITS)
def test_a_run_goes_on_exactly_where_that_was_foretold(name, oven, here):
    """For every edit of its template: the verdict, its reason, and whether the change may be accepted, come true."""
    expected, *edit = EDITS[name]
    (here / "oven.py").write_text(edited(*edit))
    before = (here / "runs.db").read_bytes()
    exit_code, answer = oven("doctor", "--runs", "--json")
    (told,) = answer["journals"]["open"]
    is_stranded, is_acceptable = told["verdict"] == "stranded", told["accept_code_change"]
    found = told["error"]["code"] if is_stranded else told["verdict"]
    assert f"{found}{', acceptable' * is_acceptable}" == expected
    assert exit_code == (3 if is_stranded else 0)
    assert [fault["entry"] for fault in answer["broken"]] == ["r"] * is_stranded
    assert (here / "runs.db").read_bytes() == before
    resumed, run = oven("resume", "r", "--json")
    assert (resumed in REFUSED) is is_stranded
    if not is_stranded:
        assert (run["status"], run["version"]) == ("completed", told["to"] or "1.0.0")
        return
    assert run["error"] == told["error"]
    accepted, run = oven("resume", "r", "--accept-code-change", "--json")
    assert is_acceptable is (accepted not in REFUSED)
    assert ("--accept-code-change" in told["next"]) is is_acceptable


def test_what_a_migration_does_is_told(oven, here):
    """The version, the new paths, what changes in the state; for a person in one line."""
    moved = MOVED.replace(")])", ", state=lambda old: {'kelvin': 453})])")
    (here / "oven.py").write_text(edited(("box = ", f"{WARM}box = "), (FLOW, moved)))
    (told,) = oven("doctor", "--runs", "--json")[1]["journals"]["open"]
    assert (told["version"], told["to"], told["paths"]) == ("1.0.0", "2.0.0", {"heat": "warm"})
    assert (told["written"], told["dropped"], told["next"]) == (
        ["kelvin"],
        ["celsius"],
        f"`kwf resume r {PLACE}` goes on with it",
    )
    code, text = oven("doctor", "--runs")
    assert code == 0
    assert "1 run is open. With what is installed now, migrates: 1.\n" in text
    line = next(line for line in text.splitlines() if line.startswith("r "))
    assert re.split("  +", line)[1:] == [
        "oven@1.0.0", "failed", "migrates",
        "to oven@2.0.0; heat becomes warm; state written: kelvin; state dropped: celsius",
    ]  # fmt: skip


def test_a_stranded_run_is_broken_and_tells_what_to_type(oven, here):
    """One line with its verdict, and one among what is broken, with the reason and the next command in its place."""
    (here / "oven.py").write_text(edited(("use(box),", f"use(box) | {SHOUT},")))
    code, text = oven("doctor", "--runs")
    assert code == 3
    assert "With what is installed now, stranded: 1." in text
    assert "shape-changed, see below" in text
    assert "runs: r: it is stranded: run r was started with other steps of oven@1.0.0: `shout` (number 6)" in text
    assert f"    Next: `kwf resume r --accept-code-change {PLACE}` goes on with it as it is now" in text


def test_edited_bodies_are_named(oven, here):
    """Such a run goes on, with what is new."""
    (here / "oven.py").write_text(edited(("= 180", "= 200")))
    assert "goes on  edited since: heat" in oven("doctor", "--runs")[1]


def test_a_run_that_is_over_has_no_verdict(oven, here):
    """Completed or cancelled, whatever became of its file: cancelling is how a stranded run is given up."""
    (here / "oven.py").unlink()
    code, answer = oven("doctor", "--runs", "--json")
    assert (code, answer["journals"]["open"][0]["error"]["code"]) == (3, "template-version-missing")
    assert "there is no such file" in answer["broken"][0]["reason"]
    oven("cancel", "r")
    code, answer = oven("doctor", "--runs", "--json")
    assert (code, answer["journals"]["open"]) == (0, [])
    assert "is open" not in oven("doctor", "--runs")[1]


def test_a_run_that_was_taken_up_too_often_is_stranded(oven, here, monkeypatch):
    """It is not stored as stuck for having been looked at."""
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RECOVERIES", "1")
    ends = "def bake(tray: Tray) -> str:\n"
    (here / "oven.py").write_text(edited((ends, f"{ends}    raise KeyboardInterrupt\n")))
    assert [oven("resume", "r")[0] for _ in range(2)] == [130, 130]
    (told,) = oven("doctor", "--runs", "--json")[1]["journals"]["open"]
    assert (told["verdict"], told["status"], told["error"]["code"]) == ("stranded", "running", "recovery-limit")
    assert oven("resume", "r", "--json")[1]["error"] == told["error"]
    assert oven("doctor", "--runs", "--json")[1]["journals"]["open"][0]["verdict"] == "goes on"
