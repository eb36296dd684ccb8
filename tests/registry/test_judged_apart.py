"""A template that hangs or crashes while `kwf doctor --runs` imports it costs its own runs, and a limited time."""

from __future__ import annotations

import textwrap

import pytest

from knows_registry.apart import Apart, Outcome
from knows_registry.cli import doctor_apart

HANGS = "import threading; threading.Event().wait()\n"
CRASHES = {
    "leaves": ("import os; os._exit(0)\n", "it ended the interpreter with exit code 0"),
    "is killed": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n", "it was killed by SIGSEGV"),
}
MOVES = """
def turn(old):
    {act}

w = pipeline(a | b | c, name="demo", version="2.0", migrations=[Migration("^1.0", state=turn)])
"""


@pytest.fixture
def brief(monkeypatch):
    """A limit that a test can wait for, and that every sound import keeps on a busy machine."""
    monkeypatch.setattr(doctor_apart, "LIMIT", 4.0)


@pytest.fixture
def runs(kwf, here, steps):
    """Two failed runs of one file, one of another."""
    (here / "other.py").write_text(steps + 'w = pipeline(a | b | c, name="other", version="1.0")\n')
    for file, run in (("wf", "one"), ("wf", "two"), ("other", "three")):
        assert kwf("run", f"{file}.py:w", "--run-id", run)[0] == 1
    return kwf


def told(kwf):
    code, answer = kwf("doctor", "--runs", "--json")
    return code, {one["run"]: one for one in answer["journals"]["open"]}, answer["broken"]


@pytest.mark.usefixtures("brief")
def test_an_import_that_hangs_strands_the_runs_of_its_template(runs, here):
    """Each says so, with what to do; every other run is judged as ever, and a person is told the same."""
    (here / "wf.py").write_text(HANGS)
    code, found, broken = told(runs)
    assert code == 3
    assert {run: one["verdict"] for run, one in found.items()} == {
        "one": "stranded", "two": "stranded", "three": "goes on",
    }  # fmt: skip
    assert found["one"]["error"]["code"] == "template-broken"
    assert found["one"]["error"]["message"] == (
        f"{here}/wf.py:w cannot be loaded: no answer within 4 s while it was imported"
    )
    assert found["one"]["next"] == "Correct the file and try again."
    assert sorted(fault["entry"] for fault in broken) == ["one", "two"]


@pytest.mark.parametrize("way", CRASHES)
def test_an_import_that_ends_the_interpreter_strands_them_too(way, runs, here):
    """However it does."""
    act, why = CRASHES[way]
    (here / "wf.py").write_text(act)
    code, found, _ = told(runs)
    assert (code, found["three"]["verdict"]) == (3, "goes on")
    assert f"cannot be loaded: {why} while it was imported" in found["two"]["error"]["message"]
    text = runs("doctor", "--runs")[1]
    assert "goes on: 1, stranded: 2" in text
    reference = "wf.py" if way == "leaves" else "wf.py:w"  # it is caught at its line, where the process itself goes on
    assert f"runs: one: it is stranded: {here}/{reference} cannot be loaded: {why}" in text


def test_a_migration_that_crashes_costs_its_own_runs(runs, here, steps):
    """It is not the import that is to blame, and not called again for the next run."""
    (here / "wf.py").write_text(
        steps.replace("import PermanentError", "import Migration, PermanentError") + MOVES.format(act="os._exit(4)")
    )
    code, found, _ = told(runs)
    assert (code, found["three"]["verdict"]) == (3, "goes on")
    for run in ("one", "two"):
        assert found[run]["error"]["code"] == "resume-refused"
        why = "it ended the interpreter with exit code 4 while it was judged"
        assert found[run]["error"]["message"].startswith(f"run {run} cannot be resumed: {why}")
        assert not found[run]["accept_code_change"]


def test_a_backend_that_crashes_is_told_of_the_place(stage):
    """Nothing of a template was under way."""
    code = """
        import os
        from knows_core import hookimpl
        @hookimpl
        def knows_state_backends(): return {"paper": lambda url: os._exit(5)}
    """
    stage.install("paper", plugins={"backend.paper": "m_paper"}, modules={"m_paper": code})
    done = stage.kwf("doctor", "--runs", "--backend", "paper:x")
    assert done.returncode == 3
    assert "runs: paper:x: it ended the interpreter with exit code 5 while the journals were read" in done.stdout
    assert "Next: `kwf runs --backend paper:x` shows what it says." in done.stdout


# ------------------------------------------------------------------ work in another interpreter


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Make a function of a module that another interpreter finds, and wait for what it comes to."""
    monkeypatch.syspath_prepend(tmp_path)

    def outcome(body, *words, limit=60.0):
        text = f"import os, sys, threading\ndef work(tell, *words):\n{textwrap.indent(body, '    ')}\n"
        (tmp_path / "foreign_work.py").write_text(text)
        with Apart("foreign_work:work", *words) as apart:
            return apart.outcome(limit)

    return outcome


def test_an_answer_comes_back_whatever_is_printed(work):
    """Also where threads go on; the last word counts."""
    body = "print('noise'); threading.Thread(target=threading.Event().wait).start()\n"
    body += "tell('doing', 'a'); tell('answer', [*words, None])"
    assert work(body, "x", "y") == Outcome(["x", "y", None])


def test_the_limit_counts_for_what_is_foreign_alone(work):
    """Work of our own may take its time; what is not told yet counts as foreign."""
    rests = "threading.Event().wait(1.5)\n"
    assert work(f"tell('doing', None); {rests}tell('answer', 1)", limit=0.5) == Outcome(1)
    failed = work(f"tell('doing', ['imported', 'a'])\n{HANGS}", limit=1)
    assert failed == Outcome(None, "no answer within 1 s", ["imported", "a"])
    assert work(HANGS, limit=0.1) == Outcome(None, "no answer within 0.1 s", None)


def test_who_goes_on_is_not_ended(work):
    """Each thing has the limit for itself."""
    body = "for number in range(4):\n    tell('doing', number)\n    threading.Event().wait(0.4)\ntell('answer', 'done')"
    assert work(body, limit=1.2) == Outcome("done")
