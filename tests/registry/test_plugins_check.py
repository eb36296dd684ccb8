"""`kwf plugins check` imports everything, apart and timed, and its verdicts are remembered for what was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.registry.conftest import Stage
import fcntl
import json
import os
import shutil
from dataclasses import replace

import pytest

SOUND = {
    "noisy": """
        import os, sys
        print("on stdout")
        print("on stderr", file=sys.stderr)
        os.write(1, b"on the descriptor")
    """,
    "threaded": """
        import threading
        threading.Thread(target=threading.Event().wait).start()
    """,
    "asking": """
        try:
            input()
        except EOFError:
            pass
    """,
}
DEADLY = {
    "raising": ("raise ValueError('the pump is missing')", "ValueError: the pump is missing"),
    "exiting": ("import sys; sys.exit(4)", "SystemExit: 4"),
    "interrupting": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "odd": ("class Stop(BaseException): ...\nraise Stop('here')", "Stop: here"),
    "leaving": ("import os; os._exit(0)", "it ended the interpreter with exit code 0 while it was imported"),
    "failing": ("import os; os._exit(7)", "it ended the interpreter with exit code 7 while it was imported"),
    "crashing": (
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "it was killed by SIGSEGV while it was imported",
    ),
    "empty": ("", "AttributeError: module 'empty_module' has no attribute 'greeting'"),
    "class": ("class greeting: pass", "expected a workflow template with execute, validate, get_required_state"),
}
HANGING = """
    import os, subprocess, sys, threading
    here = os.path.dirname(__file__)
    child = "import fcntl, sys, threading; lock = open(sys.argv[1] + '/lock', 'w'); fcntl.flock(lock, fcntl.LOCK_EX);"
    child += "threading.Event().wait(30); open(sys.argv[1] + '/survived', 'w')"
    subprocess.Popen([sys.executable, "-c", child, here])
    threading.Event().wait()
"""
BACKEND = """
    from knows_core import hookimpl

    @hookimpl
    def {hook}():
        return {{"paper": str}}
"""


def verdicts(stage: Stage, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = stage.kwf("plugins", "check", "--json", *arguments)
    answer = json.loads(done.stdout)
    return done.returncode, {row["distribution"]: row["reason"] for row in answer["checked"]}


def install(stage: Stage, name: str, code: str) -> None:
    stage.install(
        f"{name}-dist", templates={f"{name}@1.0.0": f"{name}_module:greeting"}, modules={f"{name}_module": code}
    )


def test_plugins_that_print_ask_or_leave_threads_are_sound(stage):
    """What a plugin does beside being importable disturbs neither the check nor its answer."""
    for name, code in SOUND.items():
        stage.install_template(name, "1.0.0", distribution=f"{name}-dist", module=f"{name}_module")
        module = stage.site / f"{name}_module.py"
        indented = "\n".join(line.removeprefix("        ") for line in code.splitlines())
        module.write_text(indented + "\n" + module.read_text())
    assert verdicts(stage) == (0, {"asking-dist": None, "noisy-dist": None, "threaded-dist": None})


def test_every_way_to_die_on_import_is_a_row_that_says_why(stage):
    """Raising, exiting, os._exit, a crash, a missing attribute, something that is no template: exit 3."""
    for name, (code, _) in DEADLY.items():
        install(stage, name, code)
    exit_code, found = verdicts(stage)
    assert exit_code == 3
    for name, (_, reason) in DEADLY.items():
        assert found[f"{name}-dist"].startswith(reason)


def test_an_import_that_hangs_is_ended(stage):
    """After --timeout seconds its row says so, and what it started is ended with it."""
    install(stage, "hanging", HANGING)
    assert verdicts(stage, "--timeout", "1") == (3, {"hanging-dist": "no answer within 1 s while it was imported"})
    with (stage.site / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # granted as soon as the child of the plugin is gone
    assert not (stage.site / "survived").exists()


def test_a_plugin_is_registered_as_a_run_would(stage):
    """A misspelt hook is found by the check; a sound backend passes."""
    for name, hook in {"good": "knows_state_backends", "misspelt": "knows_state_backend"}.items():
        module = f"{name}_module"
        stage.install(f"{name}-dist", plugins={"backend.paper": module}, modules={module: BACKEND.format(hook=hook)})
    code, found = verdicts(stage)
    assert code == 3  # also because both claim backend.paper
    assert found["good-dist"] is None
    assert "unknown hook 'knows_state_backend'" in found["misspelt-dist"]


def test_a_person_sees_what_is_sound_and_then_what_is_broken(broken_stage):
    """Metadata faults are part of the answer."""
    done = broken_stage.kwf("plugins", "check")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[0] == "sound@1.2.0  sound-dist 1.0.0  ok"
    assert "raising-dist: raising@1.0.0: ValueError: the pump is missing" in lines
    assert "exiting-dist: exiting@1.0.0: SystemExit: 4" in lines
    assert sum(line.startswith("    Next: ") for line in lines) == 5


def test_an_installation_without_plugins_is_sound(stage):
    """Nothing is no fault."""
    done = stage.kwf("plugins", "check")
    assert (done.returncode, done.stdout) == (0, "Nothing that can be used is installed.\n")


@pytest.mark.parametrize("timeout", ["0", "-1", "soon"])
def test_a_limit_that_is_none_is_a_usage_error(stage, timeout):
    """Exit 2 before anything is imported."""
    assert stage.kwf("plugins", "check", "--timeout", timeout).returncode == 2


# ------------------------------------------------------------------ remembering


def statuses(stage: Stage) -> dict[str, str]:
    return {row["name"]: row["status"] for row in stage.answer("list")["templates"]}


def test_a_verdict_of_another_installation_is_not_used(stage):
    """An upgrade, another entry or a rewritten metadata folder makes the entry unchecked again."""
    stage.install_template("a", "1.0.0", distribution="the-dist", module="the_module")
    assert verdicts(stage) == (0, {"the-dist": None})
    assert statuses(stage) == {"a": "ok"}
    folder = stage.site / "the_dist-1.0.0.dist-info"
    before = folder.stat().st_mtime_ns
    os.utime(folder, ns=(before, before + 1))
    assert statuses(stage) == {"a": "unchecked"}
    os.utime(folder, ns=(before, before))
    assert statuses(stage) == {"a": "ok"}
    entry_points = folder / "entry_points.txt"
    entry_points.write_text(entry_points.read_text().replace(":greeting", ":other"))
    os.utime(folder, ns=(before, before))
    assert statuses(stage) == {"a": "unchecked"}
    entry_points.write_text(entry_points.read_text().replace(":other", ":greeting"))
    upgraded = folder.rename(stage.site / "the_dist-1.0.1.dist-info")
    os.utime(upgraded, ns=(before, before))
    assert statuses(stage) == {"a": "unchecked"}


def test_a_second_check_replaces_the_first(stage):
    """The last verdict counts."""
    stage.install_template("a", "1.0.0", distribution="the-dist", module="the_module")
    module = stage.site / "the_module.py"
    sound = module.read_text()
    module.write_text("1 / 0")
    assert verdicts(stage)[0] == 3
    assert statuses(stage)["a"].startswith("broken: ZeroDivisionError")
    module.write_text(sound)
    assert verdicts(stage)[0] == 0
    assert statuses(stage) == {"a": "ok"}


def test_verdicts_of_other_environments_are_kept_and_gone_ones_dropped(stage, tmp_path):
    """One user has one file and many environments."""
    other = replace(stage, site=tmp_path / "other")
    folders = [
        each.install_template("a", "1.0.0", distribution="the-dist", module="the_module") for each in (stage, other)
    ]
    verdicts(stage)
    verdicts(other)
    assert remembered_folders(stage) == set(map(str, folders))
    shutil.rmtree(folders[0])
    verdicts(other)
    assert remembered_folders(stage) == {str(folders[1])}


def remembered_folders(stage: Stage) -> set[str]:
    (file,) = stage.cache.rglob("verdicts.json")
    return {row[5] for row in json.loads(file.read_text())["verdicts"]}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "verdicts": [[1]]}', "[" * 100_000, "\\udc80"]
)
def test_a_damaged_memory_holds_no_verdicts(stage, content):
    """Listing works, and the next check writes a good one."""
    stage.install_template("a", "1.0.0", distribution="the-dist", module="the_module")
    verdicts(stage)
    (file,) = stage.cache.rglob("verdicts.json")
    file.write_text(content)
    assert statuses(stage) == {"a": "unchecked"}
    verdicts(stage)
    assert statuses(stage) == {"a": "ok"}


def test_a_cache_that_cannot_be_written_costs_only_the_memory(stage):
    """The check still answers."""
    stage.install_template("a", "1.0.0", distribution="the-dist", module="the_module")
    stage.cache.write_text("not a folder")
    done = stage.kwf("plugins", "check")
    assert done.returncode == 0
    assert "not remembered" in done.stderr
