"""`kwf decide`: what a run waits for, and a person's decision on it, on runs of templates in files."""

from __future__ import annotations

import getpass

import pytest

from knows_registry.cli import main

PLACE = "--backend sqlite:///runs.db"
ASKING = """
from knows_core import Suspend, approval, parallel

@dataclass
class Plan:
    valve: str
    turns: int

@step
def plan() -> Plan: return Plan("v7\\x1b[31m\\u202e", 3)
@step
def turn(plan: Plan) -> str: return f"{plan.valve[:2]} turned {plan.turns}"
@step
def tell(value) -> str: return str(value)
@step(on_error=Suspend("look at the valve"))
def act(value: int) -> int: raise PermanentError("it is stuck")

apply = approval("apply", role="engineer", expires=3600, into="decided")
w = pipeline(plan | apply | turn, name="valves", version="1.0")
late = pipeline(a | approval("apply", expires=0.5) | d, name="late", version="1.0")
limit = pipeline(a | approval("limit", payload=int) | d, name="limit", version="1.0")
both = pipeline(a | parallel(approval("left"), approval("right")) | tell, name="both", version="1.0")
failing = pipeline(a | act | d, name="failing", version="1.0")
"""


@pytest.fixture
def asked(kwf, here, steps):
    """Begin a run, called r, of one of the templates that ask."""
    (here / "wf.py").write_text(steps + ASKING)

    def begin(name="w"):
        code, answer = kwf("run", f"wf.py:{name}", "--run-id", "r", "--json")
        assert (code, answer["status"]) == (9, "suspended")
        return answer

    return begin


def kinds(kwf):
    return [one["kind"] for one in kwf("history", "r", "--json")[1]["records"]]


def test_what_is_asked_is_shown_with_the_commands_that_answer(kwf, asked):
    """Path, kind, role, expiry, what was shown as JSON; exit 9; nothing that is shown can steer a terminal."""
    asked()
    code, answer = kwf("decide", "r", "--json")
    assert (code, list(answer)) == (9, ["run", "status", "decided", "waiting", "next"])
    assert (answer["status"], answer["decided"]) == ("suspended", None)
    (question,) = answer["waiting"]
    assert question["shown"] == {"valve": "v7\x1b[31m\u202e", "turns": 3}
    commands = [f"kwf decide r {choice} --as NAME:engineer {PLACE}" for choice in ("approve", "reject")]
    assert (question["step"], question["kind"], question["role"]) == ("apply", "approval", "engineer")
    assert question["answers"] == commands
    assert answer["next"] == f"`{commands[0]}` (or reject), then `kwf resume r {PLACE}`"
    code, told = kwf("decide", "r")
    assert code == 9
    assert "apply (approval, role engineer, until 20" in told
    assert '"turns": 3' in told
    assert all(line.isprintable() for line in told.splitlines())
    assert all(command in told for command in commands)


def test_an_approved_run_goes_on(kwf, here, asked):
    """Exit 0 and the next command; the decision is recorded, and told again to whoever repeats it."""
    asked()
    words = ["decide", "r", "approve", "--as", "anna:engineer", "--note", "seen"]
    code, answer = kwf(*words, "--json")
    assert (code, answer["status"], answer["waiting"]) == (0, "pending", [])
    made = {"step": "apply", "choice": "approve", "by": "anna", "role": "engineer", "note": "seen"}
    assert answer["decided"] == made
    assert answer["next"] == f"`kwf resume r {PLACE}` goes on with it"
    code, told = kwf(*words)
    assert (code, told.splitlines()[0]) == (0, "r: apply is approved, by anna (engineer).")
    assert kinds(kwf).count("Answered") == 1
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["result"]) == (0, "v7 turned 3")
    assert (answer["state"]["decided"]["by"], answer["state"]["decided"]["note"]) == ("anna", "seen")
    assert "apply: approve by anna (engineer): seen" in kwf("history", "r")[1]


def test_a_rejected_run_fails_and_asks_again(kwf, asked):
    """Exit 1 naming who and why; resuming puts the question anew."""
    asked()
    kwf("decide", "r", "reject", "--as", "anna:engineer", "--note", "too hot")
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"], answer["error"]["step"]) == (1, "rejected", "apply")
    assert answer["error"]["message"] == "apply was rejected by anna: too hot"
    assert answer["next"] == f"`kwf resume r {PLACE}` asks again"
    assert kwf("resume", "r", "--json")[0] == 9
    assert kinds(kwf).count("Asked") == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["r", "approve", "--as", "anna"], (8, "role-missing")),
        (["r", "approve", "--as", "anna:operator"], (8, "role-missing")),
        (["r", "retry", "--as", "anna:engineer"], (2, "config")),
        (["r", "approve", "--as", ":engineer"], (2, "config")),
        (["r", "approve", "--as", "anna:engineer", "--value", "{"], (2, "config")),
        (["r", "approve", "--as", "anna:engineer", "--value", "5"], (2, "config")),
        (["r", "approve", "--as", "anna:engineer", "--step", "plan"], (2, "config")),
        (["r", "approve"], (2, "usage")),
        (["r", "maybe", "--as", "anna"], (2, "usage")),
        (["r", "--note", "approve"], (2, "usage")),
        (["nobody", "approve", "--as", "anna"], (2, "unknown-run")),
        (["nobody"], (2, "unknown-run")),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_a_wrong_answer_is_refused(kwf, asked, words, expected):
    """Each with its exit code, and the question stays open."""
    asked()
    code, answer = kwf("decide", *words, "--json")
    assert (code, answer["error"]["code"]) == expected
    assert answer["next"]
    assert kwf("decide", "r", "--json")[0] == 9


def test_an_open_question_is_answered_once(kwf, asked):
    """Another decision is refused with 7, and so is one on a run that waits for nothing."""
    asked()
    kwf("decide", "r", "approve", "--as", "anna:engineer")
    code, answer = kwf("decide", "r", "reject", "--as", "bert:engineer", "--json")
    assert (code, answer["error"]["code"]) == (7, "decision-refused")
    assert "apply was decided already: approve by anna" in answer["error"]["message"]
    code, answer = kwf("decide", "r", "--json")
    assert (code, answer["next"]) == (7, f"`kwf resume r {PLACE}` goes on with it")
    kwf("resume", "r")
    for words in (["r"], ["r", "approve", "--as", "anna:engineer"]):
        code, answer = kwf("decide", *words, "--json")
        assert (code, answer["error"]["code"]) == (7, "decision-refused")
        assert f"`kwf history r {PLACE}`" in answer["next"]


def test_what_comes_too_late_is_refused(kwf, asked):
    """Exit 7; the run is taken up by name, fails where nobody decided, and asks again when it is resumed."""
    asked("late")
    while kwf("decide", "r", "--json")[0] == 9:
        pass
    assert kwf("doctor", "--runs", "--json")[1]["journals"]["suspended"][0]["next"] == (
        f"`kwf resume r {PLACE}` goes on with it: the time to decide is over"
    )
    code, answer = kwf("decide", "r", "approve", "--as", "anna", "--json")
    assert (code, answer["error"]["message"]) == (7, "run r: the time to decide on apply is over")
    code, answer = kwf("decide", "r", "--json")
    assert (code, answer["next"]) == (7, f"`kwf resume r {PLACE}` goes on with it")
    code, answer = kwf("resume", "r", "--json")
    assert (code, answer["error"]["code"]) == (1, "approval-expired")
    assert answer["next"] == f"`kwf resume r {PLACE}` asks again"
    assert kwf("resume", "r", "--json")[0] == 9


def test_a_value_given_along_has_its_type(kwf, here, asked):
    """From JSON or a file; one that does not fit, or is missing, is refused with 4."""
    assert "--as NAME --value JSON" in asked("limit")["next"]
    assert kwf("decide", "r", "--json")[1]["waiting"][0]["payload"] == "int"
    answered = ["decide", "r", "approve", "--as", "anna", "--json"]
    assert kwf(*answered)[1]["error"]["code"] == "missing-input"
    code, answer = kwf(*answered, "--value", '"much"')
    assert (code, answer["error"]["code"]) == (4, "state-mismatch")
    (here / "limit.json").write_text("37")
    assert kwf(*answered, "--value", "@limit.json")[0] == 0
    assert kwf("resume", "r", "--json")[1]["result"] == 42


def test_only_a_value_needs_the_template(kwf, here, asked):
    """A decision is recorded although the file is gone; with a value, which must be typed, it is refused with 7."""
    asked("limit")
    (here / "wf.py").rename(here / "away.py")
    assert kwf("decide", "r", "--json")[0] == 9
    code, answer = kwf("decide", "r", "approve", "--as", "anna", "--value", "5", "--json")
    assert (code, answer["error"]["code"]) == (7, "template-version-missing")
    assert kwf("decide", "r", "reject", "--as", "anna")[0] == 0


def test_several_questions_are_told_apart_by_their_steps(kwf, asked):
    """Without --step the answer is refused; with it, the others stay open."""
    assert "kwf decide r approve --as NAME --step left" in asked("both")["next"]
    code, answer = kwf("decide", "r", "approve", "--as", "anna", "--json")
    assert (code, answer["error"]["code"]) == (2, "config")
    assert [one["step"] for one in kwf("decide", "r", "--json")[1]["waiting"]] == ["left", "right"]
    assert [one["step"] for one in kwf("decide", "r", "--step", "right", "--json")[1]["waiting"]] == ["right"]
    code, answer = kwf("decide", "r", "approve", "--as", "anna", "--step", "right", "--json")
    assert (code, answer["status"], answer["decided"]["step"]) == (0, "suspended", "right")
    assert answer["next"] == f"`kwf decide r approve --as NAME {PLACE}` (or reject), then `kwf resume r {PLACE}`"
    assert kwf("resume", "r", "--json")[0] == 9
    kwf("decide", "r", "approve", "--as", "anna")
    assert kwf("resume", "r", "--json")[1]["result"] == "(1, 1)"


def test_a_failure_is_decided_on(kwf, asked):
    """What failed and why it waits is told; done gives the result that is missing, retry tries again."""
    answer = asked("failing")
    assert answer["error"] == {
        "code": "permanent", "type": "PermanentError", "message": "it is stuck", "step": "act",
    }  # fmt: skip
    assert answer["next"].startswith(f"`kwf decide r retry --as NAME {PLACE}` (or done or reject)")
    (question,) = kwf("decide", "r", "--json")[1]["waiting"]
    assert (question["kind"], question["reason"], question["shown"]) == ("failure", "look at the valve", None)
    assert kwf("decide", "r", "retry", "--as", "anna")[0] == 0
    assert kwf("resume", "r", "--json")[0] == 9
    assert kwf("decide", "r", "done", "--as", "anna", "--value", "7")[0] == 0
    assert kwf("resume", "r", "--json")[1]["result"] == 12


# ------------------------------------------------------------------ run --approve


@pytest.mark.parametrize("place", ["sqlite:///runs.db", "memory:"])
def test_whoever_runs_may_approve_what_comes_up(kwf, here, steps, place, capfd):
    """The role that is asked for, the user's name and the note are kept; it needs no record that lasts."""
    (here / "wf.py").write_text(steps + ASKING)
    assert main(["run", "wf.py:w", "--approve", "--backend", place]) == 0
    out, err = capfd.readouterr()
    assert "v7 turned 3" in out
    assert "[?] apply waits for a decision (approval, role engineer)\n[+] apply approved\n[2/2] turn done" in err
    assert main(["run", "wf.py:both", "--approve", "--backend", place]) == 0


def test_the_approval_of_whoever_runs_is_recorded(kwf, here, steps):
    """It is told apart from others by its note."""
    (here / "wf.py").write_text(steps + ASKING)
    decided = kwf("run", "wf.py:w", "--approve", "--json")[1]["state"]["decided"]
    assert (decided["by"], decided["role"], decided["note"]) == (getpass.getuser(), "engineer", "--approve")


def test_only_plain_approvals_are_approved(kwf, here, steps):
    """A value that must be given along and a failure still wait for somebody."""
    (here / "wf.py").write_text(steps + ASKING)
    for name in ("limit", "failing"):
        assert kwf("run", f"wf.py:{name}", "--approve", "--json")[0] == 9


@pytest.mark.parametrize("approve", [[], ["--approve"]])
def test_a_run_without_a_record_cannot_wait(kwf, here, steps, monkeypatch, approve):
    """Exit 9, saying that it is over and how to run it so that it can go on."""
    (here / "wf.py").write_text(steps + ASKING)
    monkeypatch.setenv("KNOWS_WORKFLOW_STATE_PERSISTENCE", "false")
    code, answer = kwf("run", "wf.py:w", *approve, "--json")
    assert (code, answer["status"], answer["error"]["code"]) == (9, "failed", "awaiting-decision")
    assert answer["error"]["step"] == "apply"
    assert answer["error"]["message"] == "apply waits for a decision, and this run is not recorded"
    assert "KNOWS_WORKFLOW_STATE_PERSISTENCE=true" in answer["next"]


def test_a_run_in_memory_does_not_outlive_its_command(here, steps, capfd):
    """Exit 9, and the next move is another place, or --approve."""
    (here / "wf.py").write_text(steps + ASKING)
    assert main(["run", "wf.py:w", "--backend", "memory:"]) == 9
    assert "Next: Run it again with --approve, or with --backend sqlite:///FILE" in capfd.readouterr().err
