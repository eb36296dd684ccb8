"""A module that hangs or ends the interpreter while it is imported costs itself alone, and never looks like success."""

from __future__ import annotations

import json
import os
import threading

import pytest

from knows_registry import checked
from knows_registry.checked import CheckedRegistry
from knows_registry.cli import main
from knows_registry.guard import Left, staying

HANGS = "import threading; threading.Event().wait()\n"
LEAVES = "import os\nos._exit(0)\n"
LEFT = "it ended the interpreter with exit code 0 while it was imported"


def install(stage, name, code):
    stage.install(f"{name}-dist", templates={f"{name}@1.0.0": f"m_{name}:it"}, modules={f"m_{name}": code})


@pytest.fixture
def leaving(stage):
    """A stage with a template that works and one whose module ends the interpreter."""
    stage.install_template("sound", "1.2.0", distribution="sound-dist", module="m_sound")
    install(stage, "leaving", LEAVES)
    return stage


@pytest.mark.parametrize("command", ["run", "lock", "show", "check"])
def test_a_template_that_leaves_is_an_answer(leaving, command):
    """Exit 3 with the reason, for a program and for a person: never an exit 0 with nothing said."""
    done = leaving.kwf(command, "leaving", "--json")
    assert done.returncode == 3
    assert LEFT in json.loads(done.stdout)["error"]["message"]
    assert LEFT in leaving.kwf(command, "leaving").stderr


def test_a_file_that_leaves_is_an_answer_too(here, capfd):
    """With the line where it does."""
    (here / "wf.py").write_text(LEAVES)
    assert main(["run", "wf.py:w"]) == 3
    assert f"{LEFT} (line 2)" in capfd.readouterr().err


def test_a_hook_plugin_that_leaves_is_left_out(leaving):
    """The run of another template goes on."""
    leaving.install("audit", plugins={"hooks.audit": "m_audit"}, modules={"m_audit": LEAVES})
    done = leaving.kwf("run", "sound", "--backend", "memory:")
    assert done.returncode == 0
    assert f"plugin hooks.audit of audit is left out: {LEFT}" in done.stderr


def test_only_the_code_that_is_imported_is_kept_from_leaving():
    """Not a child that it forked, which ends as ever; and what kept the function can use it afterwards."""
    before = os._exit
    with staying():
        kept = os._exit
        child = os.fork()
        if not child:
            kept(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        with pytest.raises(Left, match="with exit code 3 "), staying():
            os._exit(3)
        assert os._exit is kept
    assert os._exit is before
    child = os.fork()
    if not child:
        kept(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 8


def test_another_thread_is_not_kept():
    """It may be a program's own watchdog; what it asks for reaches the function that was there."""
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", asked.append)
        with staying():
            thread = threading.Thread(target=os._exit, args=(5,))
            thread.start()
            thread.join()
    assert asked == [5]


# ------------------------------------------------------------------ commands that go over everything


def rows(stage):
    done = stage.kwf("check", "--json")
    return done.returncode, {row["template"]: row["problems"] for row in json.loads(done.stdout)["checked"]}


def test_a_check_of_everything_imports_apart_first(leaving):
    """What ends the interpreter, a crash too, is a row that says why; it is remembered as `kwf plugins check` does."""
    install(leaving, "crashing", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    code, found = rows(leaving)
    assert code == 3
    assert found["sound@1.2.0"] == []
    assert LEFT in found["leaving@1.0.0"][0]["what"]
    assert "it was killed by SIGSEGV while it was imported" in found["crashing@1.0.0"][0]["what"]
    assert found["leaving@1.0.0"][0]["remedy"].startswith("Update leaving-dist, or `pip uninstall leaving-dist`")
    listed = {row["name"]: row["status"] for row in leaving.answer("list")["templates"]}
    assert listed["sound"] == "ok"
    assert listed["leaving"] == f"broken: {LEFT}"


def test_what_the_last_check_found_broken_is_not_imported_again(leaving):
    """Also one that hangs; another template that is composed of it says whose fault it is."""
    install(leaving, "hanging", HANGS)
    user = "from knows_core import pipeline, use\nit = pipeline(use('hanging', '^1'), name='user', version='1.0.0')\n"
    install(leaving, "user", user)
    assert leaving.kwf("plugins", "check", "--timeout", "4").returncode == 3
    code, found = rows(leaving)
    assert code == 3
    assert "no answer within 4 s while it was imported" in found["hanging@1.0.0"][0]["what"]
    assert "hanging@1.0.0 of hanging-dist 1.0.0 (m_hanging:it) cannot be loaded" in found["user@1.0.0"][0]["what"]
    assert found["sound@1.2.0"] == []


def test_one_that_hangs_is_ended_at_the_limit(stage, monkeypatch):
    """Nobody has to have called `kwf plugins check` before."""
    install(stage, "hanging", HANGS)
    monkeypatch.setattr(checked, "LIMIT", 1.0)
    monkeypatch.syspath_prepend(stage.site)
    registry = CheckedRegistry(paths=[str(stage.site)])
    for _ in range(2):  # the second time it is known
        with pytest.raises(ImportError, match="no answer within 1 s while it was imported"):
            registry.find("hanging")


def test_what_is_not_permitted_is_refused_and_not_imported_apart(leaving):
    """Importing is a permission, apart too."""
    (leaving.site / "knows.toml").write_text('plugins = "allow"\n')
    done = leaving.kwf("check", "--json")
    assert done.returncode == 8
    assert "leaving" not in done.stderr
    assert not list(leaving.cache.rglob("verdicts.json"))
