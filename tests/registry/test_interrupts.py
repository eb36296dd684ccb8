"""Whatever ends a command from outside or inside leaves its run released, and says how to go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from knows_core.journals.records import StepDone, StepStarted
from knows_core.state import NO_CHANGES
from knows_registry.cli import main
from knows_registry.cli.failure import failure_of
from knows_registry.cli.watch import Watch
from knows_registry.guard import Interrupted, asked_for, listening

WAITING = """
import sys, threading
from knows_core import pipeline, step

@step
def first(): return 1

@step
def wait(value):
    try:
        print("waiting", file=sys.stderr, flush=True)
        threading.Event().wait(60)
    except BaseException:
        DEAF
        raise

w = pipeline(first | wait, name="waiting", version="1.0")
"""
DEAF = "print('deaf', file=sys.stderr, flush=True); threading.Event().wait(60)"
COMMAND = [sys.executable, "-m", "knows_registry.cli"]
PLACE = ["--backend", "sqlite:///runs.db", "--json"]


def start(here, *words, deaf="pass"):
    """A command in a process of its own, which has come to the step that waits."""
    (here / "wf.py").write_text(WAITING.replace("DEAF", deaf))
    process = subprocess.Popen(
        [*COMMAND, *words, *PLACE], cwd=here, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr
    assert process.stderr.readline() == "waiting\n"
    return process


@pytest.mark.fault(76, 77)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_releases_the_run_and_says_how_to_go_on(here, number, code):
    """`run` and then `resume` of it end with the whole object, status running, and leave the run free."""
    for words in (["run", "wf.py:w", "--run-id", "r"], ["resume", "r"]):
        process = start(here, *words)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        answer = json.loads(out)
        assert process.returncode == code
        assert (answer["run"], answer["status"], answer["error"]["code"]) == ("r", "running", "interrupted")
        assert answer["next"] == "`kwf resume r --backend sqlite:///runs.db` goes on with it"
        assert f"kwf: interrupted by {number.name}" in err
    rows = subprocess.run([*COMMAND, "runs", *PLACE], cwd=here, capture_output=True, text=True, check=True).stdout
    assert [row["owner"] for row in json.loads(rows)["runs"]] == [None]


@pytest.mark.fault(78)
def test_a_second_signal_leaves_at_once(here):
    """A step that does not listen to the first one cannot keep the process."""
    process = start(here, "run", "wf.py:w", deaf=DEAF)
    process.terminate()
    assert process.stderr
    assert process.stderr.readline() == "deaf\n"
    process.terminate()
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 143


@pytest.mark.fault(76)
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise SystemExit(0)", "interrupted by SystemExit: 0"),
        ("raise SystemExit", "interrupted by SystemExit"),
        ("raise GeneratorExit", "interrupted by GeneratorExit"),
        ("class Stop(BaseException): ...\n    raise Stop('now')", "interrupted by Stop: now"),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
def test_a_step_that_ends_the_program_interrupts_its_run(kwf, here, steps, body, sentence):
    """Exit 130, never 0: the run is not done; the step is named, nothing recorded is lost, and it can be resumed."""
    end = f"@step\ndef end(value):\n    {body}\nw = pipeline(a | end, name='e', version='1.0')\n"
    (here / "wf.py").write_text(steps + end)
    for words in (("run", "wf.py:w", "--run-id", "r"), ("resume", "r")):
        code, answer = kwf(*words, "--json")
        assert (code, answer["run"], answer["status"]) == (130, "r", "running")
        error = answer["error"]
        assert (error["code"], error["message"], error["step"]) == ("interrupted", sentence, "end")
        assert answer["next"] == "`kwf resume r --backend sqlite:///runs.db` goes on with it"
    (here / "wf.py").write_text(steps + end.replace(body, "return value"))
    assert kwf("resume", "r", "--json")[1]["result"] == 1


def test_a_person_is_told_which_step_ended_the_program(here, steps, capfd):
    """By `kwf run` and both ways to resume, and then how to go on."""
    end = "@step\ndef end(value): raise SystemExit(3)\nw = pipeline(a | end, name='e', version='1.0')\n"
    (here / "wf.py").write_text(steps + end)
    place = ["--backend", "sqlite:///runs.db"]
    for words in (["run", "wf.py:w", "--run-id", "r"], ["resume", "r"], ["resume", "--all"]):
        assert main([*words, "--quiet", *place]) == 130
        told = "".join(capfd.readouterr())
        assert "step end ended the program with SystemExit: 3; the run is interrupted" in told
        assert "Next: `kwf resume r --backend sqlite:///runs.db` goes on with it" in told


def watched(events, error):
    """What comes out of the watching of a run in which these events are followed by an error."""
    watch = Watch(quiet=True)
    [see] = watch.knows_observers()
    try:
        with watch.shown([]):
            for event in events:
                see("r", event)
            raise error
    except BaseException as found:
        return found


def test_of_several_steps_under_way_all_are_named():
    """Nobody can tell which of them it was; those that are done are not among them."""
    started = [StepStarted(path, 1) for path in ("a", "b", "c")]
    failure = failure_of(watched([*started, StepDone("a", 1, None, NO_CHANGES)], SystemExit()))
    assert failure.step is None
    assert failure.sentence == "one of the steps b, c ended the program with SystemExit; the run is interrupted"


@pytest.mark.parametrize("error", [Interrupted(signal.SIGTERM), ValueError()])
def test_what_no_step_did_passes_a_watch_as_it_is(error):
    """A real interrupt, an error of the engine's, and whatever comes when no step is under way."""
    assert watched([StepStarted("a", 1)], error) is error
    with listening():
        assert isinstance(watched([], SystemExit()), SystemExit)


def test_only_a_real_interrupt_is_a_persons():
    """Under `listening` what code raises is its own fault; under Python's own handler nobody can tell."""
    assert asked_for(KeyboardInterrupt())
    with listening():
        assert not asked_for(KeyboardInterrupt())
        assert asked_for(Interrupted(signal.SIGTERM))
    assert not asked_for(SystemExit())


def test_handlers_of_others_stay():
    """An ignored signal stays ignored, and afterwards everything is as it was."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with listening():
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(Interrupted):
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
