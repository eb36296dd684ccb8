"""`kwf resume --all`, and what `resume` says of runs that were accepted, stuck, cancelled or out of time."""

from __future__ import annotations

import pytest

from knows_registry.cli import main

# `stop` ends the program until there is a file called go: the run stays interrupted, and nobody owns it.
STOPPING = """
@step
def stop(value):
    if not os.path.exists("go"):
        raise SystemExit
    return value + 1

w = pipeline(a | stop | d, name="stopping", version="1.0")
v = pipeline(a | stop | c, name="failing", version="1.0")
"""
PLACE = "--backend sqlite:///runs.db"


@pytest.fixture
def stopped(kwf, here, steps):
    """Runs that were interrupted, by their ids, of a template in a file of their own."""

    def make(*runs, template="w", file="wf.py"):
        (here / file).write_text(steps + STOPPING)
        for run in runs:
            assert kwf("run", f"{file}:{template}", "--run-id", run, "--quiet")[0] == 130

    return make


def test_every_interrupted_run_is_taken_up_the_oldest_first(kwf, here, stopped):
    """And no other: a failed, a cancelled and a completed run stay as they are; exit 0 when all completed."""
    stopped("z", "y", "x")
    stopped("cancelled", "failed", template="v")
    kwf("cancel", "cancelled")
    (here / "go").touch()
    assert kwf("resume", "failed", "--json")[0] == 1
    code, answer = kwf("resume", "--all", "--json")
    assert (code, list(answer)) == (0, ["runs"])
    assert [(one["run"], one["status"], one["result"]) for one in answer["runs"]] == [
        ("z", "completed", 7), ("y", "completed", 7), ("x", "completed", 7),
    ]  # fmt: skip
    keys = ["run", "template", "version", "status", "result", "state", "error", "next"]
    assert all(list(one) == keys for one in answer["runs"])
    rows = {row["run"]: row["status"] for row in kwf("runs", "--json")[1]["runs"]}
    assert (rows["cancelled"], rows["failed"]) == ("cancelled", "failed")


def test_a_run_that_cannot_be_taken_up_costs_only_itself(kwf, here, stopped, steps, capfd):
    """Its error and next move stand in its own line; the exit code is that of the first that did not complete."""
    stopped("gone", file="gone.py")
    stopped("broken", file="broken.py")
    stopped("changed", file="changed.py")
    stopped("failing", template="v", file="failing.py")
    stopped("sound")
    (here / "gone.py").unlink()
    (here / "broken.py").write_text("def broken(:")
    (here / "changed.py").write_text((steps + STOPPING).replace("a | stop | d", "a | stop | c | d"))
    (here / "go").touch()
    assert main(["resume", "--all", "--backend", "sqlite:///runs.db", "--quiet"]) == 7
    told = dict(line.split(" ", 1) for line in capfd.readouterr().out.splitlines())
    assert list(told) == ["gone", "broken", "changed", "failing", "sound"]
    assert told["gone"].startswith("running: run gone is bound to ")
    assert told["gone"].endswith(
        f"Next: Give that template, or install that version again; then `kwf resume gone {PLACE}`."
    )
    assert told["broken"].startswith("running: ")
    assert "Next: Correct the file and try again." in told["broken"]
    assert "was started with other steps" in told["changed"]
    cause = "step c of failing failed with PermanentError: there is no ok"
    assert told["failing"] == f"failed: {cause}. Next: remove the cause, then `kwf resume failing {PLACE}`"
    assert told["sound"] == "completed (stopping@1.0.0)"
    code, answer = kwf("resume", "--all", "--json")  # the failed one is resumed by name only
    assert code == 7
    assert [(one["run"], one["error"]["code"]) for one in answer["runs"]] == [
        ("gone", "template-version-missing"), ("broken", "template-broken"), ("changed", "shape-changed"),
    ]  # fmt: skip
    assert all(one["next"] and one["status"] == "running" and one["template"] for one in answer["runs"])


def test_a_step_that_ends_the_program_costs_only_its_run(kwf, stopped):
    """SystemExit and KeyboardInterrupt from a step's own code are no signal: the next run has its turn."""
    stopped("one", "two")
    code, answer = kwf("resume", "--all", "--json")
    assert code == 130
    assert [(one["run"], one["status"], one["error"]["code"]) for one in answer["runs"]] == [
        ("one", "running", "interrupted"), ("two", "running", "interrupted"),
    ]  # fmt: skip
    assert answer["runs"][0]["next"] == f"`kwf resume one {PLACE}` goes on with it"


GONE = "raise BackendUnavailable(backend='b', reason='r', hint='h')"


@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        ("import signal, sys\nsignal.raise_signal(signal.SIGTERM)", 143, "interrupted"),
        (f"from knows_core import BackendUnavailable\n{GONE}", 6, "backend-unavailable"),
        ("1 / 0", 3, "template-broken"),
    ],
    ids=["signal", "place gone", "defect of a file"],
)  # fmt: skip
def test_a_signal_or_a_place_that_is_gone_ends_all(kwf, here, stopped, source, code, told, capfd):
    """Those that were not taken up are counted on stderr; anything else ends only its own run."""
    stopped("one", file="one.py")
    stopped("two", "three")
    (here / "one.py").write_text(source)
    (here / "go").touch()
    ended, answer = kwf("resume", "--all", "--json")
    first = answer["runs"][0]["error"]["code"]
    assert (ended, first) == (code, told)
    assert len(answer["runs"]) == (3 if code == 3 else 1)
    if code != 3:
        main(["resume", "--all", "--backend", "sqlite:///runs.db"])
        assert "kwf: 2 more interrupted runs were not taken up" in capfd.readouterr().err


def test_with_nothing_to_do_it_says_so(kwf):
    """Exit 0."""
    assert kwf("resume", "--all", "--json") == (0, {"runs": []})
    told = "No interrupted run at sqlite:///runs.db; `kwf runs --backend sqlite:///runs.db` lists them all.\n"
    assert kwf("resume", "--all") == (0, told)


@pytest.mark.parametrize(("words", "found"), [(["r", "--all"], "both"), ([], "neither")])
def test_a_run_and_all_exclude_each_other(kwf, words, found):
    """And one of them is needed: a usage error, with the whole object."""
    code, answer = kwf("resume", *words, "--json")
    assert (code, answer["error"]["code"], answer["run"]) == (2, "usage", None)
    assert answer["error"]["message"] == f"expected a RUN or --all, found {found}"
    assert answer["next"] == "`kwf resume --help` shows how it is used."


# ------------------------------------------------------------------ one run


def test_changed_code_can_be_accepted(kwf, here, stopped, steps):
    """Where what is recorded is as it was: refused with 7 without the option, recorded and shown with it."""
    stopped("r")
    (here / "wf.py").write_text((steps + STOPPING).replace("a | stop | d", "a | stop | d | step(d.function, name='e')"))
    (here / "go").touch()
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"]) == (7, "shape-changed")
    code, answer = kwf("resume", "r", "--accept-code-change", "--json")
    assert (code, answer["status"], answer["result"]) == (0, "completed", 12)
    assert "accepted: " in kwf("history", "r")[1]


@pytest.mark.fault(11)
def test_a_run_that_makes_no_progress_gets_stuck(kwf, here, stopped, monkeypatch):
    """Exit 7 and status stuck, which --all leaves alone; by name it is tried again."""
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RECOVERIES", "2")
    stopped("r")
    assert [kwf("resume", "r", "--json")[0] for _ in range(2)] == [130, 130]
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["error"]["code"]) == (7, "stuck", "recovery-limit")
    assert answer["next"] == (
        f"Find out what ends the process at its next step; then `kwf resume r {PLACE}` tries again."
    )
    assert kwf("resume", "--all", "--json") == (0, {"runs": []})
    (here / "go").touch()
    assert kwf("resume", "r", "--json")[1]["status"] == "completed"


def test_a_run_that_gets_stuck_among_others_is_told(kwf, stopped, monkeypatch):
    """In --all too: its status is the stored one."""
    monkeypatch.setenv("KNOWS_WORKFLOW_MAX_RECOVERIES", "1")
    stopped("r")
    kwf("resume", "r")
    code, answer = kwf("resume", "--all", "--json")
    assert (code, [one["status"] for one in answer["runs"]]) == (7, ["stuck"])


SLOW = """
import threading

@step(timeout=60)
def slow(value):
    if not os.path.exists("go"):
        threading.Event().wait(60)
    return value

w = pipeline(a | slow | d, name="slow", version="1.0")
"""


@pytest.mark.parametrize("place", [PLACE, "--backend memory:"])
def test_a_run_out_of_time_says_how_to_get_more(here, capfd, monkeypatch, steps, place):
    """workflow_timeout: exit 1, failed, the sentence of the run, and the command that goes on, if any can."""
    monkeypatch.setenv("KNOWS_WORKFLOW_WORKFLOW_TIMEOUT", "1")
    (here / "wf.py").write_text(steps + SLOW)
    assert main(["run", "wf.py:w", "--run-id", "r", "--quiet", *place.split()]) == 1
    told = capfd.readouterr().err.splitlines()
    assert told[0] == "kwf: run r was not done within 1 s of owned time"
    setting = "with a larger workflow_timeout (KNOWS_WORKFLOW_WORKFLOW_TIMEOUT; 0: none)"
    if "memory" in place:
        assert told[1] == f"Next: Run it again {setting}."
        return
    assert told[1] == f"Next: Resume it {setting}: `kwf resume r {place}`."
    (here / "go").touch()
    monkeypatch.setenv("KNOWS_WORKFLOW_WORKFLOW_TIMEOUT", "0")
    assert main(["resume", "r", "--quiet", *place.split()]) == 0
