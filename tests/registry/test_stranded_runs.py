"""Runs of installed templates that a deploy would strand: `kwf doctor --runs` says why, and what to install."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import knows_sqlite
from knows_core import Version
from knows_core.version import VersionRange
from knows_registry.discover import Entry, Offer
from knows_registry.locking.lock import Lock, LockedTemplate, write
from knows_registry.provenance import bringing
from knows_registry.resolving.resolve import Need, Slot

PART = """
from knows_core import pipeline, step
@step
def look(value) -> str: return "seen"
part = pipeline(look, name="part", version="{version}")
"""
WHOLE = """
import os
from knows_core import PermanentError, pipeline, step, use
@step
def begin() -> str: return "begun"
@step
def end(value: str) -> str:
    if not os.path.exists("ok"): raise PermanentError("there is no ok")
    return value
whole = pipeline(begin | use("part", "^1.0") | end, name="whole", version="1.0")
other = pipeline(begin | end, name="other", version="1.0")
"""
PLACE = ("--backend", "sqlite:///runs.db")


@pytest.fixture
def site(stage):
    """A run of a composition and one of a lone template, both failed; each can be resumed."""
    stage.install(
        "part-dist", "1.4.0", templates={"part@1.2.0": "m_part:part"}, modules={"m_part": PART.format(version="1.2.0")}
    )
    stage.install("whole-dist", "2.0.0", templates={"whole@1.0.0": "m_whole:whole"}, modules={"m_whole": WHOLE})
    stage.install("other-dist", "2.0.0", templates={"other@1.0.0": "m_whole:other"})
    stage.install("store", plugins={"backend.sqlite": "knows_sqlite:plugin"})
    (stage.site / "knows_sqlite").symlink_to(Path(knows_sqlite.__file__).parent)
    for name in ("whole", "other"):
        done = stage.kwf("run", name, "--run-id", name, *PLACE)
        assert done.returncode == 1, done.stderr
    return stage


def uninstall(site, distribution, version, *modules):
    shutil.rmtree(site.site / f"{distribution.replace('-', '_')}-{version}.dist-info")
    for module in modules:
        (site.site / f"{module}.py").unlink()


def told(site):
    """The exit code, what `doctor` says of each run, and what is broken."""
    done = site.kwf("doctor", "--runs", *PLACE)
    answer = site.answer("doctor", "--runs", *PLACE)
    return done.returncode, {one["run"]: one for one in answer["journals"]["open"]}, answer["broken"]


def test_runs_whose_versions_are_installed_go_on(site):
    """And nothing is broken."""
    code, runs, broken = told(site)
    assert (code, broken) == (0, [])
    assert {run: one["verdict"] for run, one in runs.items()} == {"whole": "goes on", "other": "goes on"}


def test_a_version_that_is_gone_costs_its_own_runs_and_the_lock_tells_what_to_type(site, monkeypatch):
    """Distribution and release are in knows.lock; `kwf resume` is refused in the same words."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "any")  # the lock names only what is gone
    uninstall(site, "whole-dist", "2.0.0")
    locked("whole", "1.0.0", "whole-dist", "2.0.0", file=site.site / "knows.lock")
    code, runs, broken = told(site)
    assert (code, runs["other"]["verdict"], runs["whole"]["verdict"]) == (3, "goes on", "stranded")
    assert runs["whole"]["error"] == site.answer("resume", "whole", *PLACE)["error"]
    assert runs["whole"]["error"]["code"] == "template-version-missing"
    [fault] = broken
    assert fault["entry"] == "whole"
    assert fault["next"] == "`pip install 'whole-dist==2.0.0'` brings whole@1.0.0, as knows.lock has it."


def test_a_part_that_is_gone_is_named_with_its_distribution(site):
    """The part of the composition is at the version that the run recorded, whatever newer one there is."""
    uninstall(site, "part-dist", "1.4.0")
    site.install(
        "part-dist", "1.5.0", templates={"part@1.3.0": "m_part:part"}, modules={"m_part": PART.format(version="1.3.0")}
    )
    _, runs, broken = told(site)
    assert (runs["whole"]["verdict"], runs["other"]["verdict"]) == ("stranded", "goes on")
    assert "no template satisfies part@1.2.0: there are 1.3.0" in runs["whole"]["error"]["message"]
    assert broken[0]["next"] == (
        "part-dist 1.5.0, which is installed, brings part@1.3.0; `pip install 'part-dist==VERSION'`, "
        "with the release that brings part@1.2.0."
    )
    assert runs["whole"]["error"] == site.answer("resume", "whole", *PLACE)["error"]


@pytest.mark.parametrize("code", ["raise ValueError('the pump is missing')", "import sys; sys.exit(0)", "x ="])
def test_a_plugin_that_cannot_be_imported_strands_its_own_runs(site, code):
    """Whatever it does at its import, the verdicts on other runs are given, and stdout holds one object."""
    site.install(
        "apart-dist",
        templates={"apart@1.0.0": "m_apart:apart"},
        modules={"m_apart": PART.format(version="1.0.0").replace("part", "apart")},
    )
    site.kwf("run", "apart", "--run-id", "apart", *PLACE)
    (site.site / "m_part.py").write_text(code)
    exit_code, runs, broken = told(site)
    assert exit_code == 3
    assert {run: one["verdict"] for run, one in runs.items()} == {"whole": "stranded", "other": "goes on"}
    assert runs["whole"]["error"]["code"] == "template-broken"
    assert runs["whole"]["error"] == site.answer("resume", "whole", *PLACE)["error"]
    assert [fault["entry"] for fault in broken] == ["whole"]


def test_a_part_that_ends_the_interpreter_strands_its_users_under_its_own_name(site):
    """The doctor itself comes through, and the runs of others go on."""
    (site.site / "m_part.py").write_text("import os; os._exit(0)")
    exit_code, runs, [fault] = told(site)
    assert (exit_code, runs["whole"]["verdict"], runs["other"]["verdict"]) == (3, "stranded", "goes on")
    assert "(m_part:part) cannot be loaded: it ended the interpreter with exit code 0 while it was" in fault["reason"]
    assert fault["next"] == "`kwf plugins check` shows every broken plugin."


def test_a_changed_part_is_the_first_difference(site):
    """The same version with other steps: the run is stranded, or its change may be accepted."""
    (site.site / "m_part.py").write_text(
        PART.format(version="1.2.0").replace("look, name", "look | step(str, name='more'), name")
    )
    _, runs, _ = told(site)
    assert (runs["whole"]["error"]["code"], runs["whole"]["accept_code_change"]) == ("shape-changed", False)
    assert "part/more" in runs["whole"]["error"]["message"]


# ------------------------------------------------------------------ who brings a version


def locked(name, version, distribution, release, *, file=None):
    row = LockedTemplate(
        Slot(name),
        Version(version),
        distribution,
        release,
        f"{name}:{name}",
        "0" * 64,
        "1" * 64,
        "",
        True,
        (("request", "*"),),
    )
    lock = Lock((Need(Slot(name), VersionRange()),), (row,), ())
    if file is not None:
        write(lock, file)
    return lock


def offered(name, version, distribution, release):
    return Offer(name, Version(version), Entry("g", f"{name}@{version}", "m", "a", distribution, release, "f"))


def test_who_brought_a_version_is_told_by_the_lock_before_any_neighbour():
    """And nothing where neither knows, where it was registered at run time, or where it is there."""
    neighbour = [offered("a", "2.0.0", "a-dist", "5.0")]
    assert bringing("a", "1.0.0", locked("a", "1.0.0", "old-dist", "4.1"), neighbour).startswith(
        "`pip install 'old-dist==4.1'`"
    )
    assert bringing("a", "1.1.0", locked("a", "1.0.0", "old-dist", "4.1"), neighbour).startswith("a-dist 5.0, which is")
    assert bringing("a", "1.0.0", locked("a", "1.0.0", "", ""), []) == ""
    assert bringing("a", "2.0.0", locked("a", "2.0.0", "a-dist", "5.0"), neighbour) == ""
    assert bringing("a", "1.0.0", None, [Offer("a", Version("2.0.0")), *[offered("b", "1.0.0", "b-dist", "1")]]) == ""
