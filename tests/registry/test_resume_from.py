"""`kwf resume RUN --from STEP`: a new run from a recorded point; the old one stays as it is."""

from __future__ import annotations

import pytest

from knows_core import LocalEngine, MemoryBackend, RunStatus, ShapeChanged, pipeline, step
from knows_registry.cli import main

PLACE = "--backend sqlite:///runs.db"


def records(kwf, run):
    return kwf("history", run, "--json")[1]["records"]


def test_a_new_run_begins_with_what_was_recorded(kwf, here, flow, capfd):
    """Steps before it are not made again, those from it on are; the old run is untouched, also a completed one."""
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "r")
    before = records(kwf, "r")
    (here / "wf.py").write_text(flow.replace("value + 5", "value + 6").replace("value * 10", "value * 20"))
    assert main(["resume", "r", "--from", "c", *PLACE.split()]) == 0
    out, err = capfd.readouterr()
    new = out.split()[0]
    assert new.startswith("r-")
    assert out == f"{new} completed (demo@1.0.0)\n46\n"
    assert err.endswith(f"{new} begins with what r recorded before c\n")
    assert "[1/4] a done" not in err
    assert records(kwf, "r") == before
    assert [one["kind"] for one in records(kwf, new)] == [
        "RunCreated", "StepDone", "StepDone", "RunResumed", "StepDone", "StepDone", "RunEnded",
    ]  # fmt: skip


def test_the_origin_is_shown(kwf, here):
    """By `history` and by `runs`, for a person and for a program; no other run has one."""
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "r")
    new = kwf("resume", "r", "--from", "b", "--json")[1]["run"]
    assert records(kwf, new)[0]["origin"] == ["r", "b"]
    assert ", begun from r at b\n" in kwf("history", new)[1]
    rows = {row["run"]: row["origin"] for row in kwf("runs", "--json")[1]["runs"]}
    assert rows == {"r": None, new: {"run": "r", "step": "b"}}
    assert "begun from r at b\n" in kwf("runs", "--status", "completed")[1]
    kwf("run", "wf.py:w", "--run-id", "r-0123456789")
    rows = {row["run"]: row["origin"] for row in kwf("runs", "--json")[1]["runs"]}
    assert rows["r-0123456789"] is None


def test_a_failure_names_the_new_run(kwf, here):
    """Exit code, error and next move are those of any run; the one it came from stays failed."""
    kwf("run", "wf.py:w", "--run-id", "r")
    code, answer = kwf("resume", "r", "--from", "b", "--json")
    new = answer["run"]
    assert (code, new != "r", answer["error"]["step"]) == (1, True, "c")
    assert answer["next"] == f"remove the cause, then `kwf resume {new} {PLACE}`"
    (here / "ok").touch()
    assert kwf("resume", new, "--json")[1]["result"] == 25
    assert {row["run"]: row["status"] for row in kwf("runs", "--json")[1]["runs"]} == {
        "r": "failed", new: "completed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (["--all", "--from", "c"], 2, "usage"),
        (["r", "--from", "nowhere"], 2, "config"),
        (["r", "--from", "d"], 2, "config"),
        (["nobody", "--from", "c"], 2, "unknown-run"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_a_point_that_is_not_recorded_is_refused(kwf, here, words, code, name):
    """Exit 2 naming what is; no run is made."""
    kwf("run", "wf.py:w", "--run-id", "r")
    found, answer = kwf("resume", *words, "--json")
    assert (found, answer["error"]["code"]) == (code, name)
    assert len(kwf("runs", "--json")[1]["runs"]) == 1


def test_what_cannot_be_gone_on_with_leaves_no_run(kwf, here, flow):
    """An edited template, or one that is gone, is refused with 7 in the name of the run that is there."""
    (here / "ok").touch()
    kwf("run", "wf.py:w", "--run-id", "r")
    (here / "wf.py").write_text(flow.replace("a | b | c | d", "a | c | d"))
    code, answer = kwf("resume", "r", "--from", "c", "--json")
    assert (code, answer["error"]["code"], answer["run"]) == (7, "shape-changed", "r")
    assert [row["run"] for row in kwf("runs", "--json")[1]["runs"]] == ["r"]
    assert answer["error"]["message"].startswith("run r was started with other steps")
    (here / "wf.py").write_text(flow.replace("a | b | c | d", "a | b | c | d | step(d.function, name='e')"))
    answer = kwf("resume", "r", "--from", "c", "--json")[1]
    assert f"`kwf resume r --from c --accept-code-change {PLACE}`" in answer["next"]
    assert kwf("resume", "r", "--from", "c", "--accept-code-change", "--json")[0] == 0
    assert len(kwf("runs", "--json")[1]["runs"]) == 2
    (here / "wf.py").write_text("def broken(:")
    assert kwf("resume", "r", "--from", "c")[0] == 3
    (here / "wf.py").unlink()
    assert kwf("resume", "r", "--from", "c")[0] == 7
    assert len(kwf("runs", "--json")[1]["runs"]) == 2


def test_the_engine_leaves_no_run_that_it_cannot_begin():
    """So does `engine.resume(from_step=)`, also for the async driver's sake: it is undone where it is made."""
    one, two = step(lambda: 1, name="one"), step(lambda x: x + 1, name="two")
    with LocalEngine(MemoryBackend()) as engine:
        run = engine.run(pipeline(one | two, name="w", version="1.0"), run_id="r")
        with pytest.raises(ShapeChanged, match="run r was started with other steps"):
            engine.resume("r", pipeline(two | one, name="w", version="1.0"), from_step="two")
        assert [(row.run, row.status) for row in engine.runs()] == [(run.id, RunStatus.COMPLETED)]


def test_a_scope_that_was_undone_is_begun_at_its_first_step(kwf, here, steps):
    """A nameless one has no path that a person would type; what it holds is made again."""
    scoped = (
        "def undo(result, state): pass\nw = pipeline(a | scope(b | d, compensate=undo) | c, name='s', version='1.0')\n"
    )
    (here / "wf.py").write_text(steps + "from knows_core import scope\n" + scoped)
    answer = kwf("run", "wf.py:w", "--run-id", "r", "--json")[1]
    assert answer["next"] == f"remove the cause, then `kwf resume r {PLACE} --from b` makes it again in a new run"
    (here / "ok").touch()
    answer = kwf("resume", "r", "--from", "b", "--json")[1]
    kinds = [(one["kind"], one.get("path")) for one in records(kwf, answer["run"])]
    assert kinds[2:5] == [("RunResumed", None), ("StepDone", "b"), ("StepDone", "d")]
