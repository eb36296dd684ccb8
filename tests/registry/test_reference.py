"""What a person may name: templates in files, and what is said of those that cannot be had."""

from __future__ import annotations

import pytest

from knows_registry.cli import main

LAZY = """
from knows_core import pipeline, step
@step
def ask():
    import neighbour_of_this_test
    return neighbour_of_this_test.ANSWER
w = pipeline([ask], name="lazy", version="1.0")
"""


@pytest.mark.parametrize(
    ("reference", "text", "code", "sentence"),
    [
        ("absent.py:w", None, 3, "there is no such file"),
        ("wf.py:absent", "FLOW", 3, "the file has w"),
        ("wf.py:", "FLOW", 2, "expected FILE.py:object"),
        ("wf.py:w", "def broken(:\n", 3, "SyntaxError"),
        ("wf.py:w", "\n\nraise RuntimeError('no')", 3, "RuntimeError: no (line 3)"),
        ("wf.py:w", "import sys\nsys.exit(5)", 3, "SystemExit: 5 (line 2)"),
        ("wf.py", 'FLOW\nv = pipeline([a], name="other", version="1.0")\n', 2, "templates there: w, v"),
        ("wf.py", "x = 1", 2, "templates there: none"),
        ("absent@^1.0", "FLOW", 3, "no template satisfies absent@^1.0"),
    ],
)
def test_a_template_that_cannot_be_had(kwf, here, flow, reference, text, code, sentence):
    """Exit 3 (2 where the reference itself is wrong), saying what is there."""
    if text is not None:
        (here / "wf.py").write_text(text.replace("FLOW", flow))
    given, answer = kwf("run", reference, "--json")
    assert given == code
    assert sentence in answer["error"]["message"]


@pytest.mark.parametrize("reference", ["wf.py", "wf.py:w", "wf.py:demo"])
def test_a_template_in_a_file_is_named_in_three_ways(kwf, here, reference):
    """By the file where it is the only one, by its variable, by its own name."""
    (here / "ok").touch()
    assert kwf("run", reference, "--json")[1]["result"] == 25


def test_a_step_may_import_a_neighbour_of_its_file_when_it_runs(kwf, here, monkeypatch):
    """The folder of the file stays on the path, as a script's does."""
    (here / "sub").mkdir()
    (here / "sub" / "wf.py").write_text(LAZY)
    (here / "sub" / "neighbour_of_this_test.py").write_text("ANSWER = 42")
    assert kwf("run", "sub/wf.py:w", "--json")[1]["result"] == 42


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("w = 5", "expected a workflow template with execute, validate, get_required_state, found int"),
        ("class w:\n    def execute(self): ...", "found the class w"),
        ("PLAIN\nw = Plain()\nw.version = 'one'", "version 'one'"),
        ("PLAIN\nw = Plain()\nw.validate = lambda: 1 / 0", "validate() or get_required_state() cannot be used: Zero"),
        ("PLAIN\nw = Plain()\nw.get_required_state = lambda: None", "get_required_state() cannot be used: TypeError"),
        ("class Stop(BaseException): ...\nraise Stop('here')", "Stop: here (line 2)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (line 1)"),
        ("class Odd:\n    def __getattr__(self, name): raise SystemExit(3)\nodd = Odd()", "the file has no template"),
    ],
)
def test_the_real_reason_is_told(kwf, here, plain_template, text, reason):
    """Exit 3 for whatever a file does, and advice about the file instead of installed plugins."""
    (here / "wf.py").write_text(text.replace("PLAIN", plain_template))
    code, answer = kwf("run", "wf.py:w", "--json")
    assert (code, answer["status"]) == (3, None)
    assert reason in answer["error"]["message"]
    assert "plugins check" not in answer["next"]


def test_a_line_is_told_once(kwf, here):
    """A syntax error knows where it is."""
    (here / "wf.py").write_text("x = 1\n\ndef broken(:\n")
    message = kwf("run", "wf.py:w", "--json")[1]["error"]["message"]
    assert message.count("line 3") == 1


def test_two_names_for_one_template_are_one(kwf, here, flow):
    """The file may be named without the object."""
    (here / "ok").touch()
    (here / "wf.py").write_text(flow + "again = w\n")
    assert main(["run", "wf.py", "--backend", "memory:"]) == 0
