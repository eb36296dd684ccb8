"""`kwf check` of flows: every misfit at once, what is worth a note, and how strictly it is looked at."""

from __future__ import annotations

import pytest

FLOW = """
from knows_core import parallel, pipeline, step

@step
def give() -> int | None: return 1
@step
def odd(x: int): return x
@step
def last(x: int) -> str: return ""
@step
def wrong(x: list[int]) -> int: return 1
@step(writes=["lot"])
def note(x: int) -> int: return x

w = pipeline(give | odd | last | wrong, name="w", version="1.0")
v = pipeline(note | note.partial(x=1), name="v", version="1.0")
keys = pipeline([note], name="keys", version="1.0")
lax = pipeline(last | wrong, name="lax", version="1.0", types="off")
"""


@pytest.fixture
def check(kwf, here):
    """Call `kwf check` on a template of the file: the exit code, and its row."""
    (here / "wf.py").write_text(FLOW)

    def call(name, *words):
        code, answer = kwf("check", f"wf.py:{name}", "--json", *words)
        return code, answer["checked"][0]

    return call


def test_every_misfit_is_told_at_once(check, kwf):
    """Exit 4 with both ends of each; what is checked at run time is a note."""
    code, row = check("w")
    assert (code, [one["where"] for one in row["problems"]]) == (4, ["odd", "wrong"])
    assert "w@1.0.0 last (str) does not fit w@1.0.0 wrong (list[int])" in row["problems"][1]["what"]
    assert [one.partition(" (anything")[0] for one in row["notes"]] == ["w@1.0.0 odd"]
    text = kwf("check", "wf.py:w")[1]
    assert "  note: w@1.0.0 odd (anything) -> w@1.0.0 last (int): checked at run time (" in text


@pytest.mark.parametrize(
    ("mode", "code", "problems", "notes"),
    [("strict", 4, 2, 1), ("lenient", 4, 1, 2), ("warn", 0, 0, 3), ("off", 0, 0, 0)],
)
def test_how_strictly_is_an_option(check, mode, code, problems, notes):
    """What a mode lets pass becomes a note; when nothing is checked there is nothing to say."""
    given, row = check("w", "--types", mode)
    assert (given, len(row["problems"]), len(row["notes"])) == (code, problems, notes)


def test_the_option_goes_over_what_the_template_says(check):
    """A template that checks nothing is checked when somebody asks for it."""
    assert check("lax") == (0, {"template": "lax@1.0.0", "required_state": [], "problems": [], "notes": []})
    assert check("lax", "--types", "strict")[0] == 4


def test_keys_that_nobody_reads_are_noted(check):
    """They keep nothing from running."""
    assert check("keys") == (
        0,
        {
            "template": "keys@1.0.0",
            "required_state": [],
            "problems": [],
            "notes": ["note writes 'lot', which nobody reads"],
        },
    )


def test_an_unknown_mode_is_a_matter_of_usage(kwf, here):
    """Exit 2, naming the modes."""
    code, answer = kwf("check", "wf.py:w", "--types", "nice", "--json")
    assert (code, answer["error"]["code"]) == (2, "usage")
    assert "lenient" in answer["error"]["message"]
