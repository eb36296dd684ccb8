"""The frame of `kwf`: exit codes, the two readers, and commands that are imported on dispatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.registry.conftest import Stage
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

import knows_registry
from knows_registry.cli import COMMANDS
from knows_registry.cli.failure import OWN_CODES

PROBE = """
import sys
import click
from knows_core.errors import KnowsError
from knows_core.errors.backend import RunBusy
from knows_registry.cli import COMMANDS, main
sys.modules["probe_module"] = sys.modules["__main__"]

@click.command()
@click.option("--json", "_", is_flag=True, expose_value=False)
@click.pass_obj
def probe(answers):
    import os
    print("printed by a step")
    os.write(1, b"written by a library")
    os.system("echo echoed by a child")
    {body}

COMMANDS["{name}"] = ("probe_module:probe", "")
sys.exit(main())
"""


def run(stage: Stage, body: str, *arguments: str, name: str = "probe") -> subprocess.CompletedProcess[str]:
    return stage.python(PROBE.format(body=body, name=name), name, *arguments)


# ------------------------------------------------------------------ dispatch


@pytest.mark.parametrize(("name", "command"), COMMANDS.items())
def test_every_command_is_where_the_map_says(name, command):
    """It bears the map's name and explains itself; its summary is one sentence."""
    module, _, attribute = command[0].partition(":")
    found = getattr(import_module(module), attribute)
    assert isinstance(found, click.Command)
    assert found.name == name
    assert found.help
    assert command[1].endswith(".")


def test_help_lists_every_command_and_imports_none(stage):
    """The summaries come from the map."""
    done = stage.python(
        "import sys; from knows_registry.cli import main; code = main();"
        "print(*[m for m in sys.modules if m.startswith('knows_registry.')], file=sys.stderr); sys.exit(code)",
        "--help",
    )
    assert done.returncode == 0
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} {summary}" in " ".join(done.stdout.split())
    assert set(done.stderr.split()) == {
        f"knows_registry.{room}"
        for room in ("cli", "cli.answer", "cli.commands", "cli.failure", "cli.masking", "cli.moves", "guard")
    }


def test_the_package_imports_nothing_by_itself(stage):
    """Its names are loaded when they are asked for, and all of them are there."""
    code = "import sys, knows_registry; print([m for m in sys.modules if m.startswith(('knows_registry.', 'click'))])"
    assert stage.python(code).stdout == "[]\n"
    assert list(knows_registry.__all__) == sorted(knows_registry.__all__)
    for name in knows_registry.__all__:
        assert getattr(knows_registry, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = knows_registry.Nothing


def test_version_is_that_of_the_distribution(stage):
    """`kwf --version` reads it from the metadata."""
    stage.install("knows-registry", "7.8.9")
    done = stage.kwf("--version")
    assert (done.returncode, done.stdout) == (0, "kwf 7.8.9\n")


# ------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        (["lst"], "expected a command, found 'lst'; did you mean list?", "kwf"),
        (["zzz"], "expected a command, found 'zzz'", "kwf"),
        (["list", "--brokn"], "No such option '--brokn'", "kwf list"),
        (["list", "extra"], "unexpected extra argument", "kwf list"),
        (["plugins", "chek"], "No such command 'chek'", "kwf plugins"),
    ],
)
def test_a_usage_error_is_2_with_the_next_command_to_type(stage, arguments, message, command):
    """On stderr for a person; as one object on stdout with --json."""
    done = stage.kwf(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert f"Next: `{command} --help` shows how it is used." in done.stderr
    done = stage.kwf(*arguments, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 2
    assert set(answer) == {"error", "next"}
    assert set(answer["error"]) == {"code", "type", "message", "step"}
    assert answer["error"]["code"] == "usage"


def test_without_a_command_the_help_is_shown(stage):
    """On stderr, since nothing was asked: exit 2."""
    done = stage.kwf()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: kwf")


@pytest.mark.parametrize("name", ["run", "resume"])
def test_run_and_resume_always_answer_with_the_whole_object(stage, name):
    """Also on a usage error: every key is there, null where it is unknown."""
    answer = json.loads(run(stage, "pass", "--nonsense", "--json", name=name).stdout)
    assert list(answer) == ["run", "template", "version", "status", "result", "state", "error", "next"]
    assert [key for key, value in answer.items() if value is None] == [
        "run", "template", "version", "status", "result", "state",
    ]  # fmt: skip
    assert answer["error"]["code"] == "usage"


def test_what_a_command_learned_before_it_failed_is_told(stage):
    """The run that exists by then is named, and the error's own facts."""
    body = "answers.learn(run='r1', template='etch'); raise RunBusy(run='r1', owner='host/7', since='noon', age=5)"
    done = run(stage, body, "--json", name="run")
    answer = json.loads(done.stdout)
    assert done.returncode == 5
    assert (answer["run"], answer["template"], answer["version"]) == ("r1", "etch", None)
    assert answer["error"] == {
        "code": "run-busy",
        "type": "RunBusy",
        "message": "run r1 is owned by host/7 since noon, for 5 s now",
        "step": None,
    }
    assert answer["next"] == "`kwf resume r1 --wait` waits for it; `kwf cancel r1` asks it to stop."


def test_a_person_reads_the_sentence_and_the_next_move(stage):
    """On stderr, with the exit code of the error."""
    done = run(stage, "raise RunBusy(run='r1', owner='host/7', since='noon', age=5)")
    assert done.returncode == 5
    assert done.stderr == (
        "kwf: run r1 is owned by host/7 since noon, for 5 s now\n"
        "Next: `kwf resume r1 --wait` waits for it; `kwf cancel r1` asks it to stop.\n"
    )


def test_an_interrupt_is_130(stage):
    """With the next move that the command has learned."""
    done = run(stage, "answers.learn(run='r1', next_move='`kwf resume r1`'); raise KeyboardInterrupt", name="run")
    assert done.returncode == 130
    assert done.stderr == "kwf: interrupted\nNext: `kwf resume r1`\n"


def test_a_defect_keeps_its_traceback_and_the_promised_form(stage):
    """One object on stdout, the traceback on stderr."""
    done = run(stage, "1 / 0", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "unexpected"
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_the_codes_of_the_command_line_alone_are_in_their_table():
    """What is documented of them is what the commands use."""
    rooms = Path(str(import_module("knows_registry.cli").__file__)).parent.glob("*.py")
    text = "\n".join(room.read_text("utf-8") for room in rooms)
    assert set(re.findall(r'(?:Failure\(|"code"\) or )\s*"([a-z-]+)"', text)) == set(OWN_CODES)


# ------------------------------------------------------------------ stdout


def test_with_json_nothing_but_the_object_reaches_stdout(stage):
    """Prints, writes to the descriptor and child processes go to stderr."""
    done = run(stage, "answers.object({'fine': True}); print('late'); return 3", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (3, {"fine": True})
    for noise in ("printed by a step", "written by a library", "echoed by a child", "late"):
        assert noise in done.stderr


def test_without_json_a_person_gets_the_lines(stage):
    """And not the object."""
    done = run(stage, "answers.object({'fine': True}); answers.text('all is', 'well')")
    assert done.returncode == 0
    assert done.stdout.endswith("all is\nwell\n")
    assert "fine" not in done.stdout


def test_json_behind_two_dashes_is_an_argument(stage):
    """It asks for nothing."""
    done = stage.kwf("list", "--", "--json")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.fault(92)
@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize("templates", [1, 300])
def test_a_closed_pipe_is_quiet(stage, flags, templates):
    """`kwf list | head` leaves no traceback, whether its answer fills the pipe's buffer or not."""
    for number in range(templates):
        stage.install(f"d{number}", templates={f"template_{number}@1.0.0": "m:a"})
    environment = stage.environment()
    reader = [sys.executable, "-c", "pass"]
    code = "import sys; from knows_registry.cli import main; sys.exit(main())"
    with subprocess.Popen(reader, stdin=subprocess.PIPE) as closed:
        assert closed.stdin is not None
        closed.wait()
        done = subprocess.run(
            [sys.executable, "-S", "-P", "-c", code, "list", *flags],
            env=environment, stdout=closed.stdin, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        closed.stdin.close()
    assert (done.returncode, done.stderr) == (141, "")
