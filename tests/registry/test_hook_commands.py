"""The command line and hook plugins: loaded for runs, named where they are broken, shown in the order of calls."""

from __future__ import annotations

import sys

import pytest

SAYING = """
import sys
from knows_core import hookimpl
print("{name} is imported", file=sys.stderr)
@hookimpl
def knows_observers():
    return [lambda run, event: print("{name} heard", type(event).__name__, file=sys.stderr)]
"""


@pytest.fixture
def watched(stage):
    """A template, a hook plugin that tells what it hears, and one that is broken."""
    stage.install_template("etch", "1.0.0", distribution="etch-dist", module="etch_module")
    stage.install("ear-dist", plugins={"hooks.ear": "ear"}, modules={"ear": SAYING.format(name="ear")})
    stage.install("bad-dist", plugins={"hooks.bad": "bad"}, modules={"bad": "raise ValueError('no\\x07pump')"})
    return stage


def test_a_run_has_its_hook_plugins_and_names_a_broken_one(watched):
    """Once, on stderr, with the next move; the run completes, and stdout holds the answer alone."""
    done = watched.kwf("run", "etch", "--backend", "memory:", "--quiet")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["hello"])
    assert done.stderr.splitlines() == [
        "ear is imported",
        "kwf: plugin hooks.bad of bad-dist is left out: ValueError: no\\x07pump",
        "Next: Update or uninstall bad-dist; everything else works without it.",
        *(f"ear heard {kind}" for kind in ("StepStarted", "StepDone", "RunEnded")),
    ]
    assert watched.answer("run", "etch", "--backend", "memory:")["result"] == "hello"


def test_resumed_runs_have_them_too(stage, here, kwf, monkeypatch):
    """One that is resumed by its name, and those of `kwf resume --all`, for which they are loaded once."""
    source = """
from knows_core import hookimpl
heard = []
@hookimpl
def knows_observers():
    return [lambda run, event: heard.append((run, type(event).__name__))]
"""
    kwf("run", "wf.py:w", "--run-id", "failed")
    (here / "wf.py").write_text(
        (here / "wf.py").read_text().replace('raise PermanentError("there is no ok")', "exit()")
    )
    kwf("run", "wf.py:w", "--run-id", "interrupted")
    (here / "ok").touch()
    stage.install("ear-dist", plugins={"hooks.ear": "m_ear_resumed"}, modules={"m_ear_resumed": source})
    monkeypatch.syspath_prepend(stage.site)
    assert kwf("resume", "--all")[0] == 0
    heard = sys.modules["m_ear_resumed"].heard
    assert heard[-1] == ("interrupted", "RunEnded")
    assert kwf("resume", "failed")[0] == 0
    assert heard[-1] == ("failed", "RunEnded")


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", "etch"),
        ("check",),
        ("doctor",),
        *((one, "--backend", "memory:") for one in ("runs", "purge")),
    ],
)
def test_commands_that_only_look_import_no_hook_plugin(watched, words, monkeypatch):
    """They say nothing of a broken one either, unless a check has found it."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "any")
    done = watched.kwf(*words)
    assert done.returncode == 0
    assert done.stderr in ("", "etch@1.0.0 has no manifest, so it was imported.\n")


def test_a_broken_hook_plugin_shows_wherever_broken_ones_do(watched):
    """`kwf plugins check` finds it; `kwf list --broken` and `kwf doctor` remember."""
    assert watched.kwf("plugins", "check").returncode == 3
    [fault] = watched.answer("list", "--broken")["broken"]
    assert (fault["distribution"], fault["entry"], fault["reason"]) == (
        "bad-dist",
        "hooks.bad",
        "ValueError: no\x07pump",
    )
    done = watched.kwf("doctor")
    assert done.returncode == 3
    assert "bad-dist: hooks.bad: ValueError: no\\x07pump" in done.stdout


# ------------------------------------------------------------------ who is called when


def test_hooks_tells_who_implements_each_in_the_order_of_calls(watched):
    """Every hook of the manual with the meaning of its order, and the broken plugins below; exit 3."""
    watched.install("a-dist", "2.0.0", plugins={"hooks.late": "late", "hooks.again": "late"})
    (watched.site / "late.py").write_text(SAYING.format(name="late").replace("@hookimpl", "@hookimpl(trylast=True)"))
    done = watched.kwf("plugins", "--hooks")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    at = lines.index("knows_observers: each is asked")
    assert lines[at + 1 : at + 3] == [
        "  1  ear-dist 1.0.0  hooks.ear",
        "  2  a-dist 2.0.0    hooks.again, hooks.late",
    ]
    at = lines.index("knows_error_handlers: first answer wins")
    assert lines[at + 1] == "  nobody"
    assert lines[-3:] == [
        "",
        "bad-dist: hooks.bad: ValueError: no\\x07pump",
        "    Next: Update or uninstall bad-dist; everything else works without it.",
    ]


def test_hooks_for_a_program(watched):
    """One object; without a broken plugin exit 0."""
    answer = watched.answer("plugins", "--hooks")
    [heard] = [one for one in answer["hooks"] if one["hook"] == "knows_observers"]
    told = {"distribution": "ear-dist", "distribution_version": "1.0.0", "entry": "hooks.ear", "also": []}
    assert heard == {"hook": "knows_observers", "order": "each is asked", "plugins": [told]}
    assert [fault["entry"] for fault in answer["broken"]] == ["hooks.bad"]
    (watched.site / "bad.py").write_text(SAYING.format(name="good"))
    done = watched.kwf("plugins", "--hooks", "--json")
    assert done.returncode == 0


def test_plugins_alone_shows_its_help(stage):
    """As every group does, exit 2; --hooks together with a command is a usage error, and so is --json alone."""
    done = stage.kwf("plugins")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: kwf plugins ")
    for words, found in ((("--hooks", "check"), "found both"), (("--json",), "found neither")):
        done = stage.kwf("plugins", *words)
        assert done.returncode == 2
        assert found in done.stderr
