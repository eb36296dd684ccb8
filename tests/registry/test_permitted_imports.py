"""Everything that imports a plugin asks the permission before: registries, engines, and every command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import knows_sqlite
from knows_core import WorkflowSettings, WorkflowState, pipeline, step
from knows_registry import Permission, PluginNotPermitted, Registry
from tests.registry.test_permission import allowing, entry_of

HOOK = """
from knows_core import hookimpl
@hookimpl
def knows_observers():
    return []
"""
FAILING = """
from knows_core import pipeline, step
@step
def fail(): raise ValueError("no")
greeting = pipeline(fail, name="etch", version="1.2.0")
"""
TELLING = "open('imported', 'a').close()\n"  # in the folder of whoever imports it


@pytest.fixture
def plugged(stage):
    """A template, a hook plugin and a backend, each of a distribution of its own that tells when it is imported."""
    stage.install_template("etch", "1.2.0", distribution="etch-dist", module="m_etch", recorded=True)
    stage.install("hook-dist", plugins={"hooks.audit": "m_hook"}, modules={"m_hook": TELLING + HOOK}, recorded=True)
    stage.install("clay-dist", plugins={"backend.clay": "m_clay"}, modules={"m_clay": TELLING}, recorded=True)
    stage.install("knows-sqlite", plugins={"backend.sqlite": "knows_sqlite:plugin"})
    (stage.site / "knows_sqlite").symlink_to(Path(str(knows_sqlite.__file__)).parent)
    return stage


@pytest.fixture
def forbidding(plugged, monkeypatch):
    """A registry of this process under a list that permits nothing."""
    monkeypatch.syspath_prepend(plugged.site)
    return Registry(paths=[str(plugged.site)], permission=Permission("allow", allowed={}))


# ------------------------------------------------------------------ in Python


def test_a_template_that_is_asked_for_is_refused(forbidding):
    """And its module is not imported."""
    with pytest.raises(PluginNotPermitted, match=r"etch@1\.2\.0 of etch-dist"):
        forbidding.find("etch")
    assert "m_etch" not in sys.modules


def test_a_backend_that_is_asked_for_is_refused(forbidding):
    """A run without its journal would be another run."""
    with pytest.raises(PluginNotPermitted, match=r"backend\.clay of clay-dist"):
        forbidding.backend("clay://x")
    assert "m_clay" not in sys.modules


def test_a_hook_plugin_is_left_out_and_named_once(forbidding, caplog):
    """The run goes on without it; what is registered in the program needs no permission."""
    forbidding.register(pipeline([step(lambda: 1, name="one")], name="one", version="1.0"))
    for _ in range(2):
        assert forbidding.engine(WorkflowSettings()).run("one").result == 1
    [record] = caplog.records
    assert record.getMessage() == (
        "plugin hooks.audit of hook-dist is left out: it is not permitted: "
        "the list of permitted distributions does not name it"
    )
    assert "m_hook" not in sys.modules


def test_what_is_permitted_works(plugged, monkeypatch):
    """With every file as it was."""
    monkeypatch.syspath_prepend(plugged.site)
    allowed = allowing(entry_of(plugged, "etch@1.2.0"))
    registry = Registry(paths=[str(plugged.site)], permission=Permission("allow", allowed=allowed))
    assert registry.find("etch").execute(WorkflowState()) == "hello"


def test_the_settings_of_an_engine_say_what_may_be_imported(plugged, monkeypatch, tmp_path):
    """Those it was given, unless the registry had a permission before."""
    monkeypatch.syspath_prepend(plugged.site)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    registry = Registry(paths=[str(plugged.site)])
    registry.engine(WorkflowSettings(plugins="lock"))
    assert registry.permission.mode == "lock"
    registry.engine(WorkflowSettings(plugins="any"))
    assert registry.permission.mode == "lock"


# ------------------------------------------------------------------ the command line


def test_a_run_of_what_is_not_permitted_ends_with_8(plugged, monkeypatch):
    """The whole object, and the command that permits it; the hook plugin is left out aloud."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
    done = plugged.kwf("run", "etch", "--backend", "memory:", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["error"]["code"]) == (8, "plugin-not-permitted")
    assert answer["next"] == "`kwf plugins allow etch-dist` permits it as it is now."
    assert "plugin hooks.audit of hook-dist is left out: it is not permitted" in done.stderr
    assert plugged.kwf("plugins", "allow", "etch-dist").returncode == 0
    assert plugged.kwf("run", "etch", "--backend", "sqlite:///runs.db").returncode == 0
    (plugged.site / "m_etch.py").write_text(TELLING)
    done = plugged.kwf("run", "etch", "--backend", "memory:", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (8, "artifact-changed")
    assert not (plugged.site / "imported").exists()


@pytest.mark.parametrize("words", [("show", "etch", "--tree"), ("check", "etch")])
def test_looking_at_what_has_no_manifest_needs_permission_too(plugged, monkeypatch, words):
    """It would be imported for the answer."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "lock")
    done = plugged.kwf(*words)
    assert done.returncode == 8
    assert "there is no knows.lock" in done.stderr


def test_a_check_imports_only_what_is_permitted(plugged, monkeypatch):
    """What is not has a row that says so; it is no fault, and has no verdict that another day would show."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
    plugged.kwf("plugins", "allow", "etch-dist")
    done = plugged.kwf("plugins", "check", "--json")
    rows = {row["entry"]: row for row in json.loads(done.stdout)["checked"]}
    assert done.returncode == 0
    assert {entry: row["permitted"] for entry, row in rows.items()} == {
        "etch@1.2.0": True, "backend.sqlite": True, "hooks.audit": False, "backend.clay": False,
    }  # fmt: skip
    assert rows["hooks.audit"]["reason"].startswith("it is not permitted: the list of")
    assert "clay-dist 1.0.0     not imported: it is not permitted" in plugged.kwf("plugins", "check").stdout
    assert not (plugged.site / "imported").exists()
    assert plugged.answer("doctor")["verdicts"]["unchecked"] == 2


def test_the_hooks_that_are_not_permitted_are_apart_from_broken_ones(plugged, monkeypatch):
    """A policy is no defect: exit code 0."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
    done = plugged.kwf("plugins", "--hooks", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["broken"]) == (0, [])
    assert {row["entry"] for row in answer["not_permitted"]} == {"hooks.audit", "backend.clay"}
    assert not (plugged.site / "imported").exists()


def test_a_person_is_told_once_that_nothing_was_compared(plugged, monkeypatch):
    """On stderr, in one line; not with --quiet or --json, nor where the setting says `any`."""
    notice = "is imported without a check of its files: no knows.lock is in force"
    run = ("run", "etch", "--backend", "memory:")
    (plugged.site / "m_hook.py").write_text(HOOK)
    done = plugged.kwf(*run)
    assert (done.returncode, done.stderr.count(notice), done.stdout.count(notice)) == (0, 1, 0)
    for words in ((*run, "--quiet"), (*run, "--json"), ("list",), ("plugins", "check")):
        assert notice not in plugged.kwf(*words).stderr
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "any")
    assert notice not in plugged.kwf(*run).stderr


@pytest.mark.parametrize("value", ["lok", "", "Lock"])
def test_a_misspelt_setting_permits_nothing(plugged, monkeypatch, value):
    """It is refused like every other: exit code 2."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", value)
    done = plugged.kwf("run", "etch", "--backend", "memory:")
    assert done.returncode == 2
    assert "setting plugins (KNOWS_WORKFLOW_PLUGINS" in done.stderr


def test_a_run_whose_template_is_not_permitted_any_more_is_stranded(plugged, monkeypatch):
    """Before a deploy `kwf doctor --runs` says so in the words of `kwf resume`."""
    (plugged.site / "m_hook.py").write_text(HOOK)
    (plugged.site / "m_etch.py").write_text(FAILING)
    place = ("--backend", "sqlite:///runs.db")
    assert plugged.kwf("run", "etch", "--run-id", "r", *place).returncode == 1
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
    done = plugged.kwf("doctor", "--runs", *place, "--json")
    [run] = json.loads(done.stdout)["journals"]["open"]
    resumed = plugged.kwf("resume", "r", *place, "--json")
    assert (done.returncode, run["verdict"], resumed.returncode) == (3, "stranded", 8)
    assert run["error"]["code"] == json.loads(resumed.stdout)["error"]["code"] == "plugin-not-permitted"
