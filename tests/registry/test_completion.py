"""What a shell may complete: commands, options, templates, versions, files, runs; by click's protocol, in processes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import knows_sqlite
from knows_registry.locking.lock import Lock, write

KWF = [sys.executable, "-S", "-P", "-c", "import sys; from knows_registry.cli import main; sys.exit(main())"]
PLACE = "--backend sqlite:///runs.db"
FLOWS = """
import knows_core
from knows_core import PipelineWorkflow, pipeline, step

open("executed", "w").close()

@step
def a(): return 1

one = pipeline(a, name="one", version="1.0")
two: object = knows_core.pipeline(a, name="two", version="1.0")
three = PipelineWorkflow([a])
number = int("3")

class Plain:
    def execute(self, state): return 1

four = Plain()
five = six = knows_core.compose([one], name="five", version="1.0")
(seven, eight) = 7, 8
"""


class Shell:
    """A command line that ends at the cursor, as a shell hands it over."""

    def __init__(self, stage, name):
        self.stage, self.name = stage, name

    def variables(self, line):
        words = line.split(" ")
        if self.name == "fish":
            return {"COMP_WORDS": line, "COMP_CWORD": words[-1]}
        if self.name == "zsh":
            return {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return {
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "COMP_LINE": line,
            "COMP_REPLACED": words[-1],
        }

    def ask(self, line, **more):
        done = subprocess.run(
            KWF,
            env=self.stage.environment() | self.variables(line) | {"_KWF_COMPLETE": f"{self.name}_complete"} | more,
            cwd=self.stage.site,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def __call__(self, line, **more):
        """The words that may stand there."""
        lines = self.ask(line, **more).splitlines()
        if self.name == "zsh":
            return [value.replace("\\:", ":") for value in lines[1::3]]
        return [one.partition(",")[2].partition("\t")[0] for one in lines]


@pytest.fixture
def shop(stage):
    """Templates, plugins and a file; `bad` cannot be imported, and nothing here may be."""
    stage.install("store", plugins={"backend.sqlite": "knows_sqlite:plugin"})
    (stage.site / "knows_sqlite").symlink_to(Path(knows_sqlite.__file__).parent)
    trap = "open('executed', 'w').close()\nprint('imported')\nraise SystemExit(3)"
    names = {
        f"{name}@{version}": "bad:it" for name, version in [("etch", "1.2.0"), ("etch", "1.10.0"), ("etching", "2.0.0")]
    }
    stage.install("etch-dist", "3.1", templates=names, plugins={"hooks.bad": "bad"}, modules={"bad": trap})
    (stage.site / "flows.py").write_text(FLOWS)
    yield stage
    assert not (stage.site / "executed").exists()


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, shop):
    return Shell(shop, request.param)


@pytest.fixture
def zsh(shop):
    """One of them, for what does not depend on the shell."""
    return Shell(shop, "zsh")


@pytest.fixture
def runs(shop):
    """Runs of every sort, the newest last: `done`, `broke`, `waits`, `gone`."""
    (shop.site / "made.py").write_text(
        "from knows_core import PermanentError, approval, pipeline, step\n"
        "@step\ndef a(): return 1\n@step\ndef no(): raise PermanentError('no')\n"
        'done = pipeline([a], name="done", version="1.0")\n'
        'broke = pipeline([no], name="broke", version="1.0")\n'
        'waits = pipeline(a | approval("ok"), name="waits", version="1.0")\n'
    )
    for name in ("done", "broke", "waits"):
        shop.kwf("run", f"made.py:{name}", "--run-id", f"r-{name}", *PLACE.split())
    shop.kwf("run", "made.py:broke", "--run-id", "r-gone", *PLACE.split())
    shop.kwf("cancel", "r-gone", *PLACE.split())
    (shop.site / "executed").unlink()  # hooks are loaded for runs
    return shop


def test_commands_and_options_are_completed(shell):
    """The commands that begin so, each with its summary, and none of them imported; options behind a dash."""
    assert shell("kwf res") == ["resume"]
    assert ("Go on with recorded runs" in shell.ask("kwf res")) is (shell.name != "bash")
    assert {"run", "runs"} <= set(shell("kwf ru"))
    assert shell("kwf resume --accept") == ["--accept-code-change"]
    assert shell("kwf --ver") == ["--version"]
    assert shell("kwf plugins allow etch") == ["etch-dist"]


def test_templates_and_their_versions_are_completed(shell):
    """Names with files of the folder, after `@` the versions, the newest first, also behind a caret."""
    assert shell("kwf run ") == ["etch", "etching", "bad.py", "flows.py"]
    assert shell("kwf check etch etc") == ["etch", "etching"]
    assert shell("kwf show etch@") == ["etch@1.10.0", "etch@1.2.0"]
    assert shell("kwf diff etch@1.2.0 etch@1.1") == ["etch@1.10.0"]
    assert shell("kwf lock etch@1.2.0 etchi") == ["etching"]
    assert shell("kwf lock --upgrade etchi") == shell("kwf why etchi") == ["etching"]
    assert shell("kwf run etch@1.2") == ["etch@1.2.0"]
    assert shell("kwf run etch@^1.1") == ["etch@^1.10.0"]
    assert shell("kwf run nobody@") == []
    assert shell("kwf run nobody") == ["nobody"]  # as the beginning of a file, which the shell looks for
    assert "plain" not in shell.ask("kwf run nobody")


def test_files_are_found_by_the_shell_and_templates_in_them_by_their_text(shell):
    """Whatever calls what makes a template; the file is not run."""
    assert "file" in shell.ask("kwf run sub/fl")
    assert "file" in shell.ask("kwf run etch --state ")
    assert shell("kwf run fl") == ["flows.py"]
    assert shell("kwf run flows.py:") == [f"flows.py:{name}" for name in ("one", "two", "three", "four", "five", "six")]
    assert shell("kwf run ./flows.py:f") == ["./flows.py:four", "./flows.py:five"]
    (shell.stage.site / "broken.py").write_text("def def")
    for line in ("kwf run broken.py:", "kwf run gone.py:", "kwf run knows_sqlite.py:x"):
        assert shell(line) == []


def test_runs_are_completed_where_the_command_can_act_on_them(zsh, runs):
    """The newest first."""
    every = ["r-gone", "r-waits", "r-broke", "r-done"]
    assert zsh(f"kwf history {PLACE} ") == every
    assert zsh(f"kwf history {PLACE} r-w") == ["r-waits"]
    assert zsh(f"kwf resume {PLACE} ") == ["r-gone", "r-waits", "r-broke"]
    assert zsh(f"kwf resume --from a {PLACE} ") == every
    assert zsh(f"kwf decide {PLACE} ") == ["r-waits"]
    assert zsh(f"kwf cancel {PLACE} ") == ["r-waits", "r-broke"]
    assert zsh(f"kwf decide {PLACE} r-waits ") == ["approve", "reject", "done", "retry"]
    assert zsh("kwf runs --status f") == ["failed"]


def test_runs_are_shown_with_their_status(shell, runs):
    """Beside the id, in shells that show such a thing; the place may come from the settings."""
    at = {"KNOWS_WORKFLOW_STATE_BACKEND": "sqlite:///runs.db"}
    assert shell("kwf resume r-b", **at) == ["r-broke"]
    told = re.search(r"failed broke@1.0.0 \d+ s ago", shell.ask("kwf resume r-b", **at))
    assert bool(told) is (shell.name != "bash")


@pytest.mark.parametrize(
    "line",
    [
        "kwf history ",
        "kwf history --backend sqlite:///nowhere/runs.db ",
        "kwf history --backend sqlite:///flows.py ",
        "kwf history --backend flows.py ",
        "kwf history --backend other:///x ",
        "kwf nonsense ",
        "kwf run etch more and more ",
        "kwf run 'unfinished",
        "",
        "kwf",
    ],
)
def test_what_cannot_be_completed_is_answered_with_nothing(zsh, line):
    """No place yet, one that is damaged or of no known kind, a command that does not exist: no word, exit code 0."""
    answer = zsh.ask(line)
    assert "Error" not in answer
    assert "r-" not in answer
    assert not list(zsh.stage.site.rglob("runs.db*"))


def test_settings_that_cannot_be_read_and_a_backend_that_is_not_permitted_give_nothing(zsh, runs):
    """The command itself says why."""
    assert zsh(f"kwf history {PLACE} ", KNOWS_WORKFLOW_MAX_RETRIES="many") == []
    write(Lock((), (), ()), runs.site / "knows.lock")
    assert zsh(f"kwf history {PLACE} ") == []


@pytest.mark.parametrize(
    "code",
    [
        "print('noise'); raise ValueError",
        "import os; print('noise', flush=True); os.system('echo noise')",
        "import time; time.sleep(60)",
    ],
)
def test_a_backend_that_misbehaves_gives_nothing(zsh, code):
    """One that fails or prints at its import, and one that hangs: the shell gets its prompt back."""
    zsh.stage.install("odd-dist", plugins={"backend.odd": "m_odd"}, modules={"m_odd": code})
    assert zsh.ask("kwf history --backend odd://x ") == ""


def test_a_script_for_every_shell(shell):
    """It asks with the variable that answers, for the command `kwf`."""
    done = subprocess.run(
        KWF,
        env=shell.stage.environment() | {"_KWF_COMPLETE": f"{shell.name}_source"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"_KWF_COMPLETE={shell.name}_complete" in done.stdout
    registers = {
        "bash": "complete -o nosort -F _kwf_completion kwf",
        "zsh": "compdef _kwf_completion kwf",
        "fish": "complete --no-files --command kwf",
    }
    assert registers[shell.name] in done.stdout
    beyond_click = {
        "bash": 'COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_REPLACED="$2"',
        "fish": 'string split -m 1 ","',
        "zsh": "",
    }
    assert beyond_click[shell.name] in done.stdout


@pytest.mark.parametrize("instruction", ["bash", "bash_", "bash_no", "tcsh_source", "_"])
def test_an_unknown_instruction_is_no_answer(stage, instruction, monkeypatch):
    """Exit code 1, without a word."""
    monkeypatch.setenv("_KWF_COMPLETE", instruction)
    done = stage.kwf("list")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_completing_names_imports_neither_commands_nor_settings(shop):
    """Names of commands cost no command, names of templates no settings, journals or plugins."""
    code = "import sys; from knows_registry.cli import main; main(); print(*sys.modules, file=open('modules', 'w'))"
    for line, without in {
        "kwf r": {"knows_registry.cli.run", "knows_registry.registry", "pydantic", "pluggy"},
        "kwf show etch@": {"pydantic", "knows_core.settings", "knows_core.journal", "asyncio"},
    }.items():
        variables = Shell(shop, "zsh").variables(line) | {"_KWF_COMPLETE": "zsh_complete"}
        subprocess.run([*KWF[:4], code], env=shop.environment() | variables, cwd=shop.site, check=True, timeout=60)
        assert not without & set((shop.site / "modules").read_text().split())
