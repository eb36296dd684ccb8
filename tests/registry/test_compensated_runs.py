"""Runs that failed and were compensated: told from plain failures, and nothing that anybody resumes."""

from __future__ import annotations

import pytest

FLOW = """
def undo(result, state, context):
    pass

w = pipeline(a | step(b, compensate=undo) | c, name="undone", version="1.0")
v = pipeline(a | b | c, name="plain", version="1.0")
"""


@pytest.fixture
def failed(kwf, here, steps):
    """A failed run of each kind: `undone` was compensated, `plain` was not."""
    (here / "wf.py").write_text(steps + FLOW)
    assert [kwf("run", f"wf.py:{one}", "--run-id", run)[0] for one, run in (("w", "undone"), ("v", "plain"))] == [1, 1]
    return kwf


def test_runs_tells_a_compensated_failure(failed):
    """A person reads it behind the status, a program in a key of its own."""
    told = {line.split()[0]: line for line in failed("runs", "--status", "failed")[1].splitlines()}
    assert " failed (compensated) " in told["undone"]
    assert "compensated" not in told["plain"]
    rows = failed("runs", "--json")[1]["runs"]
    assert [(row["run"], row["status"], row["compensated"]) for row in rows] == [
        ("plain", "failed", False), ("undone", "failed", True),
    ]  # fmt: skip
    told = failed("purge", "--older-than", "0", "--status", "failed", "--dry-run")[1]
    assert "undone@1.0.0  failed (compensated)" in told


def test_nobody_resumes_a_compensated_run(failed, here):
    """`resume --all` and `doctor --runs` leave it alone; by name it is refused, exit 7, when its cause is gone too."""
    (here / "ok").touch()
    assert failed("resume", "--all", "--json") == (0, {"runs": []})
    journals = failed("doctor", "--runs", "--json")[1]["journals"]
    assert (journals["read"], journals["stuck"], journals["interrupted"]) == (2, [], [])
    code, answer = failed("resume", "undone", "--json")
    assert (code, answer["error"]["code"]) == (7, "run-is-over")
    assert failed("resume", "plain", "--json")[1]["status"] == "completed"
    assert {row["run"]: row["status"] for row in failed("runs", "--json")[1]["runs"]} == {
        "undone": "failed", "plain": "completed",
    }  # fmt: skip
