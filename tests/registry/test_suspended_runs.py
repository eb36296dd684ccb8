"""Runs that wait for a person, pause between two attempts or were undone, as commands tell of them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from knows_registry.cli import main

PLACE = "--backend sqlite:///runs.db"
COMMAND = [sys.executable, "-m", "knows_registry.cli"]
FLOWS = """
import signal
from knows_core import Continue, Fallback, Retry, TransientError, approval

def undo(result, state): pass
def undo_unless(result, state):
    if not os.path.exists("ok"):
        raise RuntimeError("the valve is stuck")
    state["undone"] = result

reserve = step(lambda: 1, name="reserve", compensate=undo)
hold = step(lambda x: x + 1, name="hold", compensate=undo_unless)

@step(retry=Retry(max_retries=3, delay=60, jitter=0))
def reach(value: int) -> int:
    if not os.path.exists("ok"):
        raise TransientError("no route")
    return value
@step(retry=Retry(max_retries=1, delay=0))
def never(value): raise TransientError("no route")
tried = []
@step(retry=Retry(max_retries=1, delay=0.4, jitter=0))
def soon(value):
    tried.append(1)
    if len(tried) < 2:
        raise TransientError("no route")
    return value
@step(retry=Retry(exceptions=Exception), compensate=undo)
def end(value): raise KeyboardInterrupt
@step(effect="once")
def start(value: int) -> int:
    with open("acts", "a") as acts:
        acts.write("started\\n")
    if not os.path.exists("ok"):
        os.kill(os.getpid(), signal.SIGKILL)
    return value

waits = pipeline(a | approval("apply", role="engineer") | d, name="waits", version="1.0")
pauses = pipeline(reserve | reach | d, name="pauses", version="1.0")
undone = pipeline(a | reserve | d | c, name="undone", version="1.0")
stuck = pipeline(reserve | hold | c, name="stuck", version="1.0")
ends = pipeline(reserve | end, name="ends", version="1.0")
doubts = pipeline(a | start | d, name="doubts", version="1.0")
short = pipeline(a | soon | approval("apply"), name="short", version="1.0")
mends = pipeline(
    a | step(never.function, name="skipped", on_error=Continue()) | step(never.function, name="other",
    retry=Retry(max_retries=1, delay=0), on_error=Fallback(7)), name="mends", version="1.0",
)
"""


@pytest.fixture
def flows(here, steps):
    """A file of templates that wait, pause, and are undone."""
    (here / "wf.py").write_text(steps + FLOWS)
    return here


# ------------------------------------------------------------------ waiting


def test_a_person_reads_what_a_run_waits_for(kwf, flows):
    """`run` and `resume` tell it alike: what is shown, how to answer, exit 9."""
    for words in (("run", "wf.py:waits", "--run-id", "r"), ("resume", "r")):
        code, told = kwf(*words)
        assert code == 9
        lines = told.splitlines()
        assert lines[:4] == [
            "r is suspended (waits@1.0.0) and waits for a decision.", "apply (approval, role engineer)",
            "  shown:", "    1",
        ]  # fmt: skip
        assert lines[-1] == (
            f"Next: `kwf decide r approve --as NAME:engineer {PLACE}` (or reject), then `kwf resume r {PLACE}`"
        )


def test_a_program_reads_that_nothing_failed(kwf, flows):
    """Status suspended, error null, every key there; `kwf runs` finds it."""
    code, answer = kwf("run", "wf.py:waits", "--run-id", "r", "--json")
    assert (code, answer["status"], answer["error"], answer["result"]) == (9, "suspended", None, None)
    assert answer["next"].startswith(f"`kwf decide r approve --as NAME:engineer {PLACE}`")
    assert len(answer) == 8
    assert [row["run"] for row in kwf("runs", "--status", "suspended", "--json")[1]["runs"]] == ["r"]
    assert "waits: kwf decide tells for what" in kwf("runs")[1]


def test_resume_all_takes_up_what_is_decided(kwf, flows):
    """A run that waits is not interrupted; a decided one goes on; one that comes to a question is told, exit 9."""
    kwf("run", "wf.py:waits", "--run-id", "waiting")
    kwf("run", "wf.py:waits", "--run-id", "decided")
    kwf("decide", "decided", "approve", "--as", "anna:engineer")
    code, answer = kwf("resume", "--all", "--json")
    assert (code, [(one["run"], one["status"]) for one in answer["runs"]]) == (0, [("decided", "completed")])
    assert kwf("resume", "--all", "--json") == (0, {"runs": []})


def test_resume_all_tells_of_new_questions(kwf, flows, steps):
    """Its line names the next command, its object is that of a suspended run."""
    again = steps + FLOWS.replace('role="engineer") | d', 'role="engineer") | approval("twice") | d')
    (flows / "wf.py").write_text(again)
    for run in ("one", "two"):
        kwf("run", "wf.py:waits", "--run-id", run)
        kwf("decide", run, "approve", "--as", "anna:engineer")
        code, told = kwf("resume", "--all", *(["--json"] if run == "one" else []))
        assert code == 9
    assert told == (
        "two suspended: it waits for a decision on twice (approval). "
        f"Next: `kwf decide two approve --as NAME {PLACE}` (or reject), then `kwf resume two {PLACE}`\n"
    )
    assert kwf("doctor", "--runs", "--json")[1]["journals"]["suspended"][0]["run"] == "two"


def test_the_doctor_names_runs_that_wait(kwf, flows):
    """With what they wait for and the next command; they are not broken."""
    kwf("run", "wf.py:waits", "--run-id", "r")
    code, answer = kwf("doctor", "--runs", "--json")
    (found,) = answer["journals"]["suspended"]
    assert (code, answer["broken"], found["run"], found["waiting"][0]["step"]) == (0, [], "r", "apply")
    assert found["next"].startswith(f"`kwf decide r approve --as NAME:engineer {PLACE}`")
    told = kwf("doctor", "--runs")[1]
    assert "1 journal was read: 1 suspended.\n" in told
    assert "r (waits@1.0.0): it waits for a decision on apply (approval, role engineer). Next: `kwf decide r" in told


def test_an_act_in_doubt_waits_for_a_person(kwf, flows):
    """Killed in the middle of it, the act is not made again: exit 9 with what to look at, then done or retry."""
    words = [*COMMAND, "run", "wf.py:doubts", "--run-id", "r", *PLACE.split()]
    done = subprocess.run(words, cwd=flows, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"], answer["error"]["step"]) == (9, "in-doubt", "start")
    assert answer["next"] == (
        f"Look whether it took effect; then `kwf decide r done --as NAME --value JSON {PLACE}` "
        f"or `kwf decide r retry --as NAME {PLACE}`, and `kwf resume r {PLACE}`"
    )
    assert "start (doubt)" in kwf("decide", "r")[1]
    kwf("decide", "r", "done", "--as", "anna", "--value", "5")
    assert kwf("resume", "r", "--json")[1]["result"] == 10
    assert (flows / "acts").read_text() == "started\n"
    assert "StepIntended  start (attempt 1)" in kwf("history", "r")[1]


# ------------------------------------------------------------------ failed and undone


def test_a_compensated_run_is_told_as_such(kwf, flows, capfd):
    """What was undone is named; the next move makes it again in a new run; resuming is refused with 7."""
    assert main(["run", "wf.py:undone", "--run-id", "r", *PLACE.split()]) == 1
    err = capfd.readouterr().err
    assert "step c of r failed with PermanentError: there is no ok. What was done is compensated: reserve\n" in err
    move = f"remove the cause, then `kwf resume r {PLACE} --from reserve` makes it again in a new run"
    assert f"Next: {move}\n" in err
    assert "[~] reserve compensated\n" in err
    assert "reserve~ (compensation, attempt 1)" in (told := kwf("history", "r")[1])
    assert "Compensating  c failed: PermanentError: there is no ok" in told
    assert "failed, compensated" in told
    (flows / "ok").touch()
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"], answer["status"]) == (7, "run-is-over", "failed")
    assert f"`kwf resume r --from STEP {PLACE}`" in answer["next"]
    code, answer = kwf("resume", "r", "--from", "reserve", "--json")
    assert (code, answer["status"], answer["result"]) == (0, "completed", 60)


def test_failed_compensations_are_named_and_tried_again(kwf, flows):
    """Exit 1 with what failed; resuming tries those again, and the run ends compensated."""
    code, answer = kwf("run", "wf.py:stuck", "--run-id", "r", "--json")
    assert (code, answer["status"], answer["error"]["code"]) == (1, "compensation_failed", "compensation-failed")
    assert "1 of 2 compensations failed: hold~ (RuntimeError: the valve is stuck)" in answer["error"]["message"]
    assert answer["next"] == f"See to them, then `kwf resume r {PLACE}` tries those again that failed"
    (flows / "ok").touch()
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["status"], answer["state"]["undone"]) == (1, "failed", 2)
    assert "--from reserve` makes it again" in answer["next"]


def test_what_answered_a_failure_is_a_line(flows, capfd, kwf):
    """Attempts, pauses, what goes on without a result, and what takes its place."""
    assert main(["run", "wf.py:mends", "--run-id", "r", *PLACE.split()]) == 0
    assert capfd.readouterr().err.splitlines() == [
        "[1/3] a done",
        "[!] skipped failed (attempt 1)",
        "[+] skipped failed, and the run goes on without it",
        "[!] other failed (attempt 1), next attempt now",
        "[!] other failed (attempt 2)",
        "[+] other failed, and its fallback counts",
    ]
    told = kwf("history", "r")[1]
    assert "Settled      skipped: continue" in told
    assert "StepRetried  other (attempt 2)" in told


# ------------------------------------------------------------------ interrupted


def paused(flows, *words):
    """A command in a process of its own, whose run pauses before another attempt."""
    process = subprocess.Popen(
        [*COMMAND, *words, *PLACE.split(), "--json"], cwd=flows, text=True, stdout=subprocess.PIPE
    )
    look = [*COMMAND, "runs", "--status", "sleeping", "--json", *PLACE.split()]
    until = time.monotonic() + 60
    while time.monotonic() < until:
        rows = json.loads(subprocess.run(look, cwd=flows, capture_output=True, check=True, timeout=60).stdout)["runs"]
        if rows and rows[0]["owner"] is not None:
            return process
    process.kill()
    raise AssertionError("it does not sleep")


@pytest.mark.fault(9, 76, 77)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_pause_is_interrupted_at_once(kwf, flows, capfd, number, code):
    """The run is left sleeping and free; taken up, it sleeps only what is left, and counts on."""
    for words in (["run", "wf.py:pauses", "--run-id", "r"], ["resume", "r"]):
        process = paused(flows, *words)
        begun = time.monotonic()
        process.send_signal(number)
        answer = json.loads(process.communicate(timeout=60)[0])
        assert time.monotonic() - begun < 10
        assert (process.returncode, answer["status"], answer["error"]["code"]) == (code, "sleeping", "interrupted")
        assert answer["next"] == f"`kwf resume r {PLACE}` goes on with it"
    capfd.readouterr()
    records = kwf("history", "r", "--json")[1]["records"]
    assert [one["kind"] for one in records] == ["RunCreated", "StepDone", "StepFailed", "RunResumed"]
    assert "no route; next attempt at 20" in kwf("history", "r")[1]


def test_a_resumed_pause_is_told(flows, kwf):
    """Nothing is recorded before it is over, so that the view says what the run waits for."""
    process = paused(flows, "run", "wf.py:pauses", "--run-id", "r")
    process.terminate()
    process.communicate(timeout=60)
    resumed = subprocess.Popen([*COMMAND, "resume", "r", *PLACE.split()], cwd=flows, text=True, stderr=subprocess.PIPE)
    assert resumed.stderr
    assert resumed.stderr.readline().startswith("[.] reach waits: next attempt in ")
    resumed.terminate()
    resumed.communicate(timeout=60)
    assert resumed.returncode == 143


def test_the_live_view_tells_of_pauses_and_questions(flows):
    """At a terminal the pause is what is going on; an approved run comes to its end."""
    ours, theirs = pty.openpty()
    words = [*COMMAND, "run", "wf.py:short", "--approve", "--backend", "memory:"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    subprocess.run(words, cwd=flows, stdout=subprocess.DEVNULL, stderr=theirs, env=environment, timeout=60, check=True)
    os.close(theirs)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "soon: next attempt in 1 s" in drawn
    assert "2/2" in drawn


def test_a_decision_waits_for_the_owner(flows, kwf):
    """Nobody decides on a run that another process drives: exit 5; without a choice, 7: it waits for nothing."""
    process = paused(flows, "run", "wf.py:pauses", "--run-id", "r")
    code, answer = kwf("decide", "r", "retry", "--as", "anna", "--json")
    assert (code, answer["error"]["code"]) == (5, "run-busy")
    code, answer = kwf("decide", "r", "--json")
    assert (code, answer["error"]["code"]) == (7, "decision-refused")
    process.terminate()
    process.communicate(timeout=60)


def test_a_step_that_ends_the_program_is_not_undone(kwf, flows):
    """It is neither tried again nor compensated; the run can be resumed."""
    code, answer = kwf("run", "wf.py:ends", "--run-id", "r", "--json")
    assert (code, answer["status"]) == (130, "running")
    assert [one["kind"] for one in kwf("history", "r", "--json")[1]["records"]] == ["RunCreated", "StepDone"]


@pytest.mark.fault(92)
def test_a_closed_pipe_loses_no_question(kwf, flows):
    """With nobody to hear the answer, exit 141; the question stands."""
    process = subprocess.Popen(
        [*COMMAND, "run", "wf.py:waits", "--run-id", "r", "--quiet", *PLACE.split()], cwd=flows, stdout=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert kwf("decide", "r", "--json")[1]["waiting"][0]["step"] == "apply"
