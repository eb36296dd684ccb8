"""What a locked composition runs is what was locked, whatever is installed since."""

from __future__ import annotations

import shutil

import pytest

HOOK = """
from knows_core import hookimpl
@hookimpl
def knows_observers():
    return []
"""


def site_of(factory, *uses):
    """A template in a file that uses pumps."""
    flow = " | ".join(uses)
    text = f"from knows_core import pipeline, use\nsite = pipeline({flow}, name='site', version='1.0')\n"
    (factory.site / "site.py").write_text(text)


@pytest.fixture
def locked(factory):
    """A plant that uses pump 1.2.0, locked."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    assert factory.kwf("lock", "plant@^1").returncode == 0
    return factory


@pytest.mark.parametrize("words", [[], ["--locked"]])
def test_a_newer_plugin_does_not_change_what_a_locked_composition_runs(locked, words):
    """With --locked or without it, pump 1.2.0 runs; without the lock it would be the newer one."""
    locked.pump("1.3.0", "knows-more-pumps")
    code, answer = locked.run("plant", *words)
    assert (code, answer["result"]) == (0, "pump 1.2.0")
    (locked.site / "knows.lock").unlink()
    assert locked.run("plant")[1]["result"] == "pump 1.3.0"


@pytest.mark.parametrize("words", [["run", "plant"], ["run", "plant", "--locked"], ["lock", "--check"]])
def test_an_uninstalled_pin_is_named_with_the_line_that_brings_it_back(locked, words):
    """Exit code 3 and `pip install DISTRIBUTION==VERSION`, although another version would do."""
    locked.pump("1.3.0", "knows-more-pumps")
    shutil.rmtree(locked.site / "knows_pumps-1.2.0.dist-info")
    done = locked.kwf(*words)
    assert done.returncode == 3
    assert "knows.lock pins pump@1.2.0" in done.stderr
    assert "Next: `pip install knows-pumps==1.2.0`" in done.stderr


def test_an_upgrade_in_place_is_refused_as_an_uninstalled_pin(locked):
    """pip replaces the old version of a distribution by the new one; nothing stands in for it silently."""
    shutil.rmtree(locked.site / "knows_pumps-1.2.0.dist-info")
    locked.pump("1.3.0")
    done = locked.kwf("run", "plant", "--locked")
    assert done.returncode == 3
    assert "`pip install knows-pumps==1.2.0`" in done.stderr
    assert locked.kwf("lock").stdout.splitlines()[1:4] == [
        "  pump 1.2.0 (knows-pumps 1.2.0) -> 1.3.0 (knows-pumps 1.3.0): entry point, artifact changed",
        "",
        "pump 1.2.0 -> 1.3.0: contract and shape are the same (only digests tell: 1.2.0 is not installed any more)",
    ]
    assert locked.run("plant", "--locked")[1]["result"] == "pump 1.3.0"


@pytest.mark.parametrize("words", [[], ["--locked"]])
def test_a_rival_of_a_locked_template_changes_nothing(locked, words):
    """The lock says whose pump 1.2.0 it is; without it nothing is chosen silently."""
    locked.pump("1.2.0", "other-pumps")
    code, answer = locked.run("plant", *words)
    assert (code, answer["result"]) == (0, "pump 1.2.0")
    assert locked.kwf("lock", "--check").returncode == 0
    assert locked.kwf("lock", "plant", "pump").returncode == 0
    assert {row.distribution for row in locked.lock.templates} == {"knows-plant", "knows-pumps"}
    (locked.site / "knows.lock").unlink()
    assert locked.run("plant")[1]["error"]["code"] == "duplicate-template"


def test_a_rival_of_a_locked_plugin_changes_nothing(locked):
    """The pinned hook plugin is loaded, and nobody is told that it was left out."""
    for name in ("audit", "other-audit"):
        module = name.replace("-", "_")
        text = f"open({name!r}, 'a').close()\n{HOOK}"
        locked.stage.install(name, plugins={"hooks.audit": module}, modules={module: text}, recorded=True)
        if name == "audit":
            assert locked.kwf("lock").returncode == 0
    done = locked.kwf("run", "plant", "--locked", "--backend", "memory:")
    assert (done.returncode, done.stderr.count("left out")) == (0, 0), done.stderr
    assert (locked.site / "audit").exists()
    assert not (locked.site / "other-audit").exists()


def test_two_plugins_that_need_incompatible_ranges_are_explained(factory):
    """Exit code 3 and a derivation that begins with what is installed and ends with the request."""
    for version in ("1.2.0", "2.0.0"):
        factory.pump(version, f"knows-pumps-{version[0]}")
    factory.plant("^1.0")
    factory.plant("^2.0", name="mill")
    done = factory.kwf("lock", "plant", "mill")
    assert done.returncode == 3
    assert not (factory.site / "knows.lock").exists()
    told = done.stderr.splitlines()
    assert told[0] == "kwf: no versions satisfy the request:"
    assert told[1].startswith("1. ")
    assert all(
        any(part in line for line in told) for part in ("mill (1.0.0) uses pump ^2.0", "plant (1.0.0) uses pump ^1.0")
    )
    assert told[-2].endswith("the request wants mill (1.0.0) and plant (1.0.0)")
    assert told[-1].startswith("Next: Loosen what mill 1.0.0 uses, pump ^2.0")


def test_every_use_takes_its_slot_of_the_lock(factory):
    """An alias in a file has a pin of its own, and the other uses share another."""
    factory.pump("1.2.0")
    factory.pump("2.0.0", "knows-more-pumps")
    site_of(factory, 'use("pump", ">=1")', 'use("pump", "<2", alias="old")')
    assert factory.kwf("lock", "site.py").returncode == 0
    factory.pump("3.0.0", "knows-most-pumps")
    factory.pump("1.3.0", "knows-few-pumps")
    code, answer = factory.run("site.py", "--locked")
    assert (code, answer["result"]) == (0, "pump 1.2.0")
    (factory.site / "knows.lock").unlink()
    assert factory.run("site.py")[1]["result"] == "pump 1.3.0"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mill"], "mill is asked for, and it has none. `kwf lock 'plant@^1' mill` takes it in"),
        (["pump@^2"], "pump@^2 is asked for, and it has 1.2.0. `kwf lock 'plant@^1' 'pump@^2'` takes it in"),
        (["site.py"], "site uses pump ^2, and it has 1.2.0"),
    ],
)
def test_what_the_lock_does_not_have_is_not_looked_for(locked, words, told):
    """Although it is installed: exit code 3, and the line that takes it in."""
    locked.plant("^1.0", name="mill")
    locked.pump("2.0.0", "knows-more-pumps")
    site_of(locked, 'use("pump", "^2")')
    code, answer = locked.run(*words, "--locked")
    assert (code, answer["error"]["code"]) == (3, "lock-stale")
    assert told in f"{answer['error']['message']}. {answer['next']}"


def test_a_locked_template_runs_alone(locked):
    """What is in the lock as a part can be run by itself, in its version."""
    locked.pump("1.3.0", "knows-more-pumps")
    code, answer = locked.run("pump", "--locked")
    assert (code, answer["version"], answer["result"]) == (0, "1.2.0", "pump 1.2.0")


@pytest.mark.parametrize(
    "words", [["run", "plant"], ["run", "plant", "--locked"], ["lock"], ["lock", "--check"], ["why", "pump"]]
)
def test_an_edited_lock_is_refused_by_every_command_that_reads_it(locked, words):
    """Exit code 3, the line that differs, and how to get a sound one."""
    file = locked.site / "knows.lock"
    file.write_text(file.read_text().replace("pump 1.2.0", "pump 1.3.0").replace('"1.2.0"', '"1.3.0"'))
    done = locked.kwf(*words)
    assert done.returncode == 3
    assert "knows.lock cannot be trusted: line 7: the rest was changed" in done.stderr
    assert "Next: Restore it from version control" in done.stderr


def test_a_template_made_at_run_time_is_pinned_by_what_it_is(factory):
    """Its plugin is pinned beside it; another contract of it, or its absence, makes the lock stale."""
    module = """
from knows_core import hookimpl, pipeline, step
@step
def work() -> str: return "made"
class Maker:
    @hookimpl
    def knows_templates(self, registry):
        registry.register(pipeline(work, name="pump", version="1.5.0"))
maker = Maker()
"""
    factory.stage.install(
        "knows-maker", plugins={"hooks.maker": "maker_module:maker"}, modules={"maker_module": module}
    )
    factory.plant("^1.0")
    assert factory.kwf("lock", "plant").returncode == 0
    assert (factory.versions["pump"], factory.lock.templates[1].distribution) == ("1.5.0", "")
    assert factory.kwf("lock", "--check").returncode == 0
    assert factory.run("plant", "--locked")[1]["result"] == "made"
    file = factory.site / "maker_module.py"
    file.write_text(module.replace("def work() -> str", "def work(value: int) -> str"))
    assert "contract" in factory.kwf("lock", "--check").stdout
    file.write_text(module.replace("1.5.0", "1.6.0"))
    assert "knows.lock pins pump@1.5.0" in factory.kwf("lock", "--check").stderr


# ------------------------------------------------------------------ backends

PAPER = """
from knows_core import MemoryBackend, hookimpl
@hookimpl
def knows_state_backends(): return {"paper": lambda url: MemoryBackend()}
"""


def paper(factory):
    """A plugin with a backend."""
    return factory.stage.install(
        "knows-paper", plugins={"backend.paper": "m_paper"}, modules={"m_paper": PAPER}, recorded=True
    )


def test_a_backend_that_comes_or_goes_concerns_only_who_uses_it(locked):
    """Neither makes the lock stale; what is installed of it is still compared."""
    folder = paper(locked)
    assert locked.kwf("lock", "--check").returncode == 0
    assert locked.run("plant", "--locked")[0] == 0
    assert "+ plugin backend.paper of knows-paper 1.0.0" in locked.kwf("lock").stdout
    assert locked.kwf("run", "plant", "--locked", "--backend", "paper:x").returncode == 0
    (locked.site / "m_paper.py").write_text(PAPER + "# edited\n")
    assert "knows-paper 1.0.0: m_paper.py not as its RECORD says" in locked.kwf("lock", "--check").stdout
    shutil.rmtree(folder)
    assert locked.kwf("lock", "--check").returncode == 0
    assert locked.run("plant", "--locked")[0] == 0


@pytest.mark.parametrize("mode", ["any", "lock"])
def test_a_backend_that_is_used_must_be_pinned_and_there(locked, monkeypatch, mode):
    """Whatever may be imported: exit code 3, with the line to type. Without --locked it is a question of permission."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", mode)
    folder, used = paper(locked), ("run", "plant", "--locked", "--backend", "paper:x")
    assert locked.kwf(*used[:2], *used[3:]).returncode == (0 if mode == "any" else 8)
    done = locked.kwf(*used)
    assert done.returncode == 3
    told = "knows.lock is stale: the run uses backend.paper of knows-paper, and it has no such plugin"
    assert told in done.stderr
    assert "Next: `kwf lock` takes it in." in done.stderr
    assert locked.kwf("lock").returncode == 0
    assert locked.kwf(*used).returncode == 0
    shutil.rmtree(folder)
    done = locked.kwf(*used)
    assert done.returncode == 3
    assert "backend.paper of knows-paper 1.0.0, which is not installed" in done.stderr
    assert "Next: `pip install 'knows-paper==1.0.0'`." in done.stderr
