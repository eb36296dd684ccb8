"""Completion in a real bash: what it takes apart is put together, and what it replaces is all that it is given."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys

import pytest

from knows_registry.cli.shells import put_together

BASH = shutil.which("bash")
# What a bash 5.2 at a prompt was seen to hand over: these variables, and as $2 what it is going to replace. `compopt`
# works at a prompt only.
SCRIPT = """
eval "$(_KWF_COMPLETE=bash_source kwf)"
compopt() { echo "compopt $1 $2"; }
COMP_LINE=$1 COMP_POINT=$2 replaced=$3
shift 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_kwf_completion kwf "$replaced"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def bash(stage):
    """Evaluate the script of `kwf` and press the tabulator behind the parts of a line."""
    stage.install(
        "d",
        templates={"etch@1.2.0": "m:a", "etch@1.10.0": "m:a", "wash@2.0.0": "m:a"},
        modules={"m": "raise ValueError"},
    )
    (stage.site / "flows.py").write_text("from knows_core import pipeline\nlot = pipeline(a)\nlots = pipeline(b)\n")
    tools = stage.site / "tools"
    tools.mkdir()
    command = "import sys; from knows_registry.cli import main; sys.exit(main())"
    kwf = tools / "kwf"
    kwf.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S -P -c {shlex.quote(command)} "$@"\n')
    kwf.chmod(0o755)

    def press(line, *parts, replaced, after=""):
        environment = stage.environment()
        done = subprocess.run(
            [str(BASH), "--norc", "-c", SCRIPT, "bash", line + after, str(len(line)), replaced, *parts],
            env=environment | {"PATH": f"{tools}:{environment['PATH']}"},
            cwd=stage.site,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        return done.stdout.split("\n")[:-1]

    return press


def test_a_word_is_replaced_as_a_whole_where_bash_leaves_it_whole(bash):
    """Commands, names, options."""
    assert bash("kwf res", "kwf", "res", replaced="res") == ["resume"]
    assert bash("kwf run et", "kwf", "run", "et", replaced="et") == ["etch"]
    assert bash("kwf check --ty", "kwf", "check", "--ty", replaced="--ty") == ["--types"]


def test_versions_follow_an_at_sign(bash):
    """The newest first. The sign itself is replaced too; in quotes, or where bash was told so, the whole word is."""
    assert bash("kwf run etch@", "kwf", "run", "etch", "@", replaced="@") == ["@1.10.0", "@1.2.0"]
    assert bash("kwf run etch@1.1", "kwf", "run", "etch", "@", "1.1", replaced="@1.1") == ["@1.10.0"]
    assert bash("kwf run etch@^1.2", "kwf", "run", "etch", "@", "^1.2", replaced="@^1.2") == ["@^1.2.0"]
    assert bash('kwf run "etch@1.1', "kwf", "run", '"etch@1.1', replaced="etch@1.1") == ["etch@1.10.0"]
    assert bash("kwf run etch@1.1", "kwf", "run", "etch@1.1", replaced="etch@1.1") == ["etch@1.10.0"]
    assert bash("kwf check wash etch@", "kwf", "check", "wash", "etch", "@", replaced="@") == ["@1.10.0", "@1.2.0"]


def test_templates_of_a_file_follow_a_colon(bash):
    """Behind it only their names are replaced."""
    assert bash("kwf run flows.py:", "kwf", "run", "flows.py", ":", replaced="") == ["lot", "lots"]
    assert bash("kwf run flows.py:lots", "kwf", "run", "flows.py", ":", "lots", replaced="lots") == ["lots"]
    assert bash("kwf run 'flows.py:lots", "kwf", "run", "'flows.py:lots", replaced="flows.py:lots") == ["flows.py:lots"]


def test_what_stands_behind_the_cursor_does_not_count(bash):
    """A word is completed up to the cursor."""
    assert bash("kwf run wa", "kwf", "run", "wash", replaced="wa", after="sh") == ["wash"]


def test_files_are_left_to_bash(bash):
    """It is told to complete them itself, behind an equals sign too."""
    told = ["compopt -o default", ""]
    assert bash("kwf run etch --state da", "kwf", "run", "etch", "--state", "da", replaced="da") == told
    assert bash("kwf run etch --state=da", "kwf", "run", "etch", "--state", "=", "da", replaced="da") == told
    assert bash("kwf runs --status=f", "kwf", "runs", "--status", "=", "f", replaced="f") == ["failed"]


def test_nothing_is_no_word(bash):
    """An unknown command, a place without runs: an empty answer, and nothing on stderr."""
    assert bash("kwf nonsense x", "kwf", "nonsense", "x", replaced="x") == [""]
    assert bash("kwf resume ", "kwf", "resume", "", replaced="") == [""]


@pytest.mark.parametrize(
    ("parts", "line", "words"),
    [
        (["kwf"], "kwf ", ["kwf", ""]),
        (["kwf", "run", "a", "@"], "kwf run a@1", ["kwf", "run", "a@1"]),
        (["kwf", "run", "a"], "kwf run a@", ["kwf", "run", "a@"]),
        (["kwf", "run", "a", "@"], "kwf run a@", ["kwf", "run", "a@"]),
        (["kwf", "run", "a", "@", "1"], "kwf run a@1 ", ["kwf", "run", "a@1", ""]),
        (["kwf", "x", "--a", "=", "b", ":"], "kwf x --a=b:c", ["kwf", "x", "--a=b:c"]),
        (["kwf", "x", "a", ":", "b"], "kwf  x  a:b  c", ["kwf", "x", "a:b", "c"]),
        (["kwf", "run"], "kwf run a", ["kwf", "run", "a"]),
        (["kwf", "r"], "kwf r r", ["kwf", "r", "r"]),
        ([], "kw", ["kw"]),
    ],
)
def test_the_parts_of_a_line_are_put_together(parts, line, words):
    """By where they stand in the line up to the cursor."""
    assert put_together(parts, line) == words


def test_parts_that_are_not_of_the_line_are_refused():
    """Then nothing is completed."""
    with pytest.raises(ValueError, match="not found"):
        put_together(["kwf", "other"], "kwf run x")
