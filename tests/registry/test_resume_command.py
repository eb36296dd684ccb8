"""`kwf resume` on runs of templates in files."""

from __future__ import annotations

import pytest

from knows_registry.cli import main


def test_resuming_a_completed_run_makes_nothing(kwf, here, flow):
    """It answers with the recorded result, exit 0, even when the file says something else by now."""
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "wf.py").write_text(flow.replace("value + 5", "1 / 0"))
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
def test_a_changed_flow_is_refused(kwf, here, now, named, flow):
    """Exit 7 naming the first difference, before anything runs; with the old steps back the run goes on."""
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "ok").touch()
    (here / "wf.py").write_text(flow.replace("a | b | c | d", now))
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"], answer["run"]) == (7, "shape-changed", "r")
    assert named in answer["error"]["message"]
    (here / "wf.py").write_text(flow.replace("value + 5", "value + 6"))
    assert kwf("resume", "r", "--json")[1]["result"] == 26
    assert "edited since: d" in kwf("history", "r")[1]


def test_the_file_of_a_run_is_remembered(kwf, here, monkeypatch):
    """Resume works from another folder; when the file is gone it is refused with 7."""
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    place = ["--backend", f"sqlite:///{here}/runs.db"]
    assert main(["resume", "r", *place]) == 1
    for gone in (lambda: (here / "wf.py").write_text("x = 1"), (here / "wf.py").unlink):
        gone()
        assert main(["resume", "r", *place]) == 7


@pytest.mark.parametrize("now", [None, "def broken(:", "import absent_module", "x = 1", "w = 5", "raise SystemExit"])
def test_a_completed_run_answers_without_its_file(kwf, here, now):
    """Whatever became of the file, the recorded result is told, exit 0."""
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "wf.py").unlink() if now is None else (here / "wf.py").write_text(now)
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["result"]) == (0, "completed", 25)


def test_a_completed_run_answers_with_other_classes(kwf, here, typed):
    """A class that has changed since gives its recorded values as data."""
    made = "@step\ndef make() -> Recipe: return Recipe('r', [1])\nw = pipeline([make], name='m', version='1.0')\n"
    (here / "wf.py").write_text(typed + made)
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "wf.py").write_text((typed + made).replace("class Recipe:", "class Recipe:\n    size: int"))
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["result"]["name"]) == (0, "completed", "r")


@pytest.mark.parametrize("now", ["def broken(:", "import absent_module"])
def test_a_file_that_cannot_be_loaded_is_3(kwf, here, now):
    """The run stays as it is and goes on when the file is sound again."""
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "wf.py").write_text(now)
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"], answer["status"]) == (3, "template-broken", "failed")


def test_the_view_counts_the_steps_of_an_accepted_template(kwf, here, flow, capfd):
    """Total and numbers are those of the template as it is now."""
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "ok").touch()
    (here / "wf.py").write_text(flow.replace("a | b | c | d", "a | b | c | step(d.function, name='new') | d"))
    capfd.readouterr()
    assert main(["resume", "r", "--accept-code-change", "--backend", "sqlite:///runs.db"]) == 0
    assert capfd.readouterr().err.splitlines() == ["[3/5] c done", "[4/5] new done", "[5/5] d done"]
