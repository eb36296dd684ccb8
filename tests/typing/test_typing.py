"""What an editor shows: three type checkers flag every seam that does not fit, and none that does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
FILES = [str(HERE / name) for name in ("good.py", "bad.py", "steps.py")]
COMMANDS = {
    # A cache of its own: that of `make check` is made with other options, and each would throw the other's away.
    "mypy": ["--config-file", str(HERE / "mypy.ini"), "--cache-dir", str(ROOT / ".mypy_cache" / "typing"), *FILES],
    "pyright": ["-p", str(HERE / "pyrightconfig.json"), "--outputjson"],
    "ty": ["check", "--output-format", "concise", "--python", str(BIN.parent), "--python-version", "3.11", *FILES],
}
# These follow from a seam that was refused, or would hide that it was not.
FOLLOWING = ("reportUnknown", "reportUnused")


@pytest.fixture(scope="module")
def answers():
    """What the checkers printed; they run side by side."""
    running = {
        name: subprocess.Popen(
            [str(BIN / name), *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name, arguments in COMMANDS.items()
    }
    return {name: process.communicate(timeout=300) for name, process in running.items()}


def diagnostics(name, printed):
    """File name, line and text of all that a checker says."""
    if name == "pyright":
        for one in json.loads(printed)["generalDiagnostics"]:
            place = Path(one["file"]).name
            if place != "bad.py" or not one.get("rule", "").startswith(FOLLOWING):
                yield place, one["range"]["start"]["line"] + 1, one["message"]
        return
    for line in printed.splitlines():
        found = re.match(r"(.+?\.py):(\d+):(?:\d+:)? (?!note)(.*)", line)
        if found:
            yield Path(found[1]).name, int(found[2]), found[3]


def lines_of(name, answers, file):
    printed, complaint = answers[name]
    found = [one for one in diagnostics(name, printed) if one[0] == file]
    assert printed, complaint
    return {line: text for _, line, text in found}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_good_seam_is_flagged(name, answers):
    """Nothing is said about seams that fit, nor about the steps themselves."""
    assert lines_of(name, answers, "good.py") == {}
    assert lines_of(name, answers, "steps.py") == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_bad_seam_is_flagged(name, answers):
    """Exactly the marked lines are flagged."""
    lines = (HERE / "bad.py").read_text("utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# bad")}
    flagged = lines_of(name, answers, "bad.py")
    missed = [lines[number - 1] for number in sorted(marked - set(flagged))]
    wrongly = [(lines[number - 1], flagged[number]) for number in sorted(set(flagged) - marked)]
    assert (missed, wrongly) == ([], [])
    assert len(marked) >= 25
