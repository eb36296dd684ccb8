"""`kwf lock`: what a request comes to is pinned, and compared with what is installed."""

from __future__ import annotations

import json
import shutil

import pytest

# ------------------------------------------------------------------ kwf lock


def test_lock_pins_what_a_request_comes_to(factory):
    """Also the templates that the requested ones use, each with where it comes from and who requires it."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    done = factory.kwf("lock", "plant@^1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "knows.lock: 2 templates and 0 plugins.",
        "  + request plant@^1",
        "  + plant 1.0.0 (knows-plant 1.0.0)",
        "  + pump 1.2.0 (knows-pumps 1.2.0)",
    ]
    plant, pump = factory.lock.templates
    assert plant.required_by == (("", "^1"),)
    assert pump.required_by == (("plant", "^1.0"),)
    assert (pump.entry_point, pump.editable) == ("knows_pumps_1_2_0:pump", False)
    assert pump.artifact.startswith("sha256:")
    assert pump.contract
    assert pump.shape


def test_lock_without_a_request_takes_the_one_that_is_there(factory):
    """What is locked stays, although something newer is installed; the file is the same to the byte."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    factory.kwf("lock", "plant@^1")
    before = (factory.site / "knows.lock").read_bytes()
    factory.pump("1.3.0", "knows-more-pumps")
    assert factory.kwf("lock").stdout == "knows.lock: 2 templates and 0 plugins, as before.\n"
    assert (factory.site / "knows.lock").read_bytes() == before


def test_another_request_keeps_what_is_locked(factory):
    """Only what came or went is told."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    factory.plant("^1.1", name="mill")
    factory.kwf("lock", "plant@^1")
    factory.pump("1.3.0", "knows-more-pumps")
    told = factory.answer("lock", "mill")
    assert [(one["kind"], one["change"], one["name"], one["parts"]) for one in told["changes"]] == [
        ("request", "removed", "plant@^1", []),
        ("request", "added", "mill", []),
        ("template", "added", "mill", []),
        ("template", "removed", "plant", []),
        ("template", "changed", "pump", ["who requires it"]),
    ]
    assert factory.versions == {"mill": "1.0.0", "pump": "1.2.0"}


def test_what_a_file_uses_can_be_locked(factory):
    """FILE.py:object stands for the uses of its template, aliases included; the file itself is not in the lock."""
    factory.pump("1.2.0")
    factory.pump("2.0.0", "knows-more-pumps")
    flow = 'use("pump", ">=1") | use("pump", "<2", alias="old")'
    text = f"from knows_core import pipeline, use\nsite = pipeline({flow}, name='site', version='1.0')\n"
    (factory.site / "site.py").write_text(text)
    done = factory.kwf("lock", "site.py:site")
    assert done.returncode == 0, done.stderr
    assert factory.versions == {"pump": "2.0.0", "pump (as old in site)": "1.2.0"}
    assert "site.py" not in (factory.site / "knows.lock").read_text()
    assert factory.kwf("lock", "--check").returncode == 0


def test_a_file_that_uses_nothing_by_name_has_nothing_to_lock(factory):
    """Exit code 2: the template in the file is not installed, and only what is can be pinned."""
    text = "from knows_core import pipeline, step\nw = pipeline(step(lambda: 1, name='one'), name='w', version='1.0')\n"
    (factory.site / "wf.py").write_text(text)
    done = factory.kwf("lock", "wf.py")
    assert done.returncode == 2
    assert "request: expected a template that uses others by name, found 'wf.py'" in done.stderr


def test_every_process_writes_the_same_bytes(factory, monkeypatch):
    """Whatever the order in which a process happens to see sets."""
    for name in ("plant", "mill", "well", "yard"):
        factory.plant("^1.0", name=name)
    factory.pump("1.2.0")
    texts = set()
    for seed in "123":
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        (factory.site / "knows.lock").unlink(missing_ok=True)
        assert factory.kwf("lock", "yard", "well", "plant", "mill").returncode == 0
        texts.add((factory.site / "knows.lock").read_bytes())
    assert len(texts) == 1


def test_plugins_that_a_run_loads_are_pinned(factory):
    """Hooks and backends, not commands; nothing of theirs is imported for it."""
    factory.pump("1.2.0")
    plugins = {"hooks.audit": "nowhere:audit", "backend.tape": "nowhere:tape", "command.extra": "nowhere:extra"}
    factory.stage.install("knows-audit", plugins=plugins)
    assert "2 plugins" in factory.kwf("lock", "pump").stdout
    assert [str(row) for row in factory.lock.plugins] == [
        "plugin backend.tape of knows-audit 1.0.0",
        "plugin hooks.audit of knows-audit 1.0.0",
    ]


@pytest.mark.parametrize("mode", ["lock", "any"])
def test_locking_may_look_at_what_no_lock_names(factory, monkeypatch, mode):
    """Whoever locks a template wants to have it taken in: also the first one, and one more later."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", mode)
    factory.pump("1.2.0")
    assert factory.kwf("lock", "pump").returncode == 0
    factory.plant("^1.0")
    assert factory.kwf("lock", "plant").returncode == 0
    assert factory.run("plant", "--locked")[1]["result"] == "pump 1.2.0"


def test_the_list_of_permitted_distributions_decides_for_locking_too(factory, monkeypatch):
    """Exit code 8 for what has no manifest and would have to be imported, until it is permitted."""
    monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
    factory.pump("1.2.0")
    done = factory.kwf("lock", "pump")
    assert done.returncode == 8
    assert "`kwf plugins allow knows-pumps` permits it" in done.stderr
    assert not (factory.site / "knows.lock").exists()
    assert factory.kwf("plugins", "allow", "knows-pumps").returncode == 0
    assert factory.kwf("lock", "pump").returncode == 0


def test_a_lock_that_cannot_be_written_costs_nothing(factory):
    """The reason is told, exit code 8, and the old lock stays."""
    factory.pump("1.2.0")
    (factory.site / "knows.lock").mkdir()
    (factory.site / "knows.lock" / "inside").touch()
    done = factory.kwf("lock", "pump", "--json")
    assert done.returncode == 8, done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "lock-not-written"


def test_a_broken_lock_is_replaced_by_a_whole_request_only(factory):
    """Without a request there is nothing to lock."""
    factory.pump("1.2.0")
    (factory.site / "knows.lock").write_text("<<<<<<< ours\n")
    done = factory.kwf("lock")
    assert done.returncode == 3
    assert "line 1 is the mark of a merge" in done.stderr
    done = factory.kwf("lock", "pump")
    assert (done.returncode, "the old lock is replaced" in done.stderr) == (0, True)
    assert factory.versions == {"pump": "1.2.0"}


@pytest.mark.parametrize(
    "words", [["lock"], ["lock", "--check"], ["lock", "--upgrade", "pump"], ["run", "pump", "--locked"]]
)
def test_a_missing_lock_is_an_error_where_one_is_needed(factory, words):
    """Exit code 3, and how to write one."""
    factory.pump("1.2.0")
    done = factory.kwf(*words, "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == "lock-missing"
    assert answer["next"] == "`kwf lock NAME@RANGE ...` writes one."


def test_check_stands_alone(factory):
    """It compares the lock that is there, and takes neither a request nor names."""
    assert factory.kwf("lock", "pump", "--check").returncode == 2


def test_a_range_that_is_laid_out_in_lines_is_locked(factory):
    """What `kwf lock` writes, every reader takes: in the request and in who requires a template."""
    factory.pump("1.2.0")
    factory.plant(">=1.0,\\n  <2.0")
    assert factory.kwf("lock", "plant", "pump@>=1,\n<3").returncode == 0
    assert factory.kwf("lock", "--check").returncode == 0
    assert factory.run("plant", "--locked")[1]["result"] == "pump 1.2.0"
    assert factory.lock.templates[1].required_by == (("", ">=1, <3"), ("plant", ">=1.0, <2.0"))


# ------------------------------------------------------------------ kwf lock --check


def test_check_holds_while_nothing_that_is_locked_changes(factory):
    """A newer version beside the locked one is none of its business; nothing is written."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    factory.kwf("lock", "plant")
    factory.pump("1.3.0", "knows-more-pumps")
    done = factory.kwf("lock", "--check")
    assert (done.returncode, done.stdout) == (0, "knows.lock holds: 2 templates and 0 plugins.\n")
    assert factory.answer("lock", "--check") == {"lock": "knows.lock", "holds": True, "differences": [], "next": None}


def another_build(factory):
    module = factory.site / "knows_pumps_1_2_0.py"
    module.write_text(module.read_text() + "# built again\n")
    factory.record(factory.site / "knows_pumps-1.2.0.dist-info", "knows_pumps_1_2_0")


def edited(factory):
    module = factory.site / "knows_pumps_1_2_0.py"
    module.write_text(module.read_text() + "# edited\n")


def newer_distribution(factory):
    folder = factory.site / "knows_pumps-1.2.0.dist-info"
    folder.rename(factory.site / "knows_pumps-1.2.1.dist-info")
    factory.record(factory.site / "knows_pumps-1.2.1.dist-info", "knows_pumps_1_2_0")


def another_hook(factory):
    factory.stage.install("knows-audit", plugins={"hooks.audit": "nowhere:audit"})


def a_hook_less(factory):
    shutil.rmtree(factory.site / "knows_trace-1.0.0.dist-info")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (another_build, "pump 1.2.0 (knows-pumps 1.2.0): artifact changed"),
        (edited, "knows-pumps 1.2.0: knows_pumps_1_2_0.py not as its RECORD says"),
        (
            newer_distribution,
            "pump 1.2.0 (knows-pumps 1.2.0) -> 1.2.0 (knows-pumps 1.2.1): artifact changed",
        ),
        (another_hook, "+ plugin hooks.audit of knows-audit 1.0.0"),
        (a_hook_less, "- plugin hooks.trace of knows-trace 1.0.0"),
    ],
)
def test_a_stale_lock_is_told_and_refused(factory, change, told):
    """Exit code 3 and what differs, by `kwf lock --check` as by `kwf run --locked`; nothing is written."""
    factory.pump("1.2.0")
    factory.stage.install("knows-trace", plugins={"hooks.trace": "json:dumps"})
    factory.kwf("lock", "pump")
    before = (factory.site / "knows.lock").read_bytes()
    change(factory)
    done = factory.kwf("lock", "--check")
    assert done.returncode == 3
    assert told in done.stdout
    move = "`pip install --force-reinstall --no-deps 'knows-pumps==1.2.0'` brings them back.\n"
    assert f"Next: {move if change is edited else '`kwf lock` takes'}" in done.stdout
    code, answer = factory.run("pump", "--locked")
    assert (code, answer["error"]["code"]) == (3, "lock-stale")
    assert told in answer["error"]["message"]
    assert (factory.site / "knows.lock").read_bytes() == before


def test_files_are_brought_back_before_anything_is_locked_anew(factory):
    """Of several differences each has its move, that of the files first; the first five files are named."""
    modules = {f"m_{number}": "" for number in range(9)}
    factory.stage.install("knows-trace", plugins={"hooks.trace": "m_0"}, modules=modules, recorded=True)
    factory.pump("1.2.0")
    factory.kwf("lock", "pump")
    another_hook(factory)
    for module in modules:
        (factory.site / f"{module}.py").unlink()
    answer = factory.answer("lock", "--check")
    files = "m_0.py, m_1.py, m_2.py, m_3.py, m_4.py and 4 more"
    assert f"knows-trace 1.0.0: {files} not as its RECORD says" in answer["differences"]
    assert answer["next"].startswith(
        "`pip install --force-reinstall --no-deps 'knows-trace==1.0.0'` brings them back. `kwf"
    )


def test_altered_code_is_not_locked_as_the_release_that_it_was(factory):
    """The digest would be that of the release, contract and shape those of the altered code: exit code 8."""
    factory.pump("1.2.0")
    edited(factory)
    done = factory.kwf("lock", "pump")
    assert done.returncode == 8
    assert "expected the files of its RECORD, found knows_pumps_1_2_0.py missing or altered" in done.stderr
    assert "Next: `pip install --force-reinstall --no-deps 'knows-pumps==1.2.0'` brings them back." in done.stderr
    assert not (factory.site / "knows.lock").exists()


def test_without_a_record_contract_and_shape_are_compared(factory):
    """An installation that nothing vouches for is imported, and compared by what it is."""
    folder = factory.pump("1.2.0")
    plant = factory.plant("^1.0")
    for one in (folder, plant):
        (one / "RECORD").unlink()
    factory.kwf("lock", "plant")
    assert factory.kwf("lock", "--check").returncode == 0
    module = factory.site / "knows_pumps_1_2_0.py"
    module.write_text(module.read_text().replace("work()", "work(value: int = 1)"))
    plant_module = factory.site / "plant_module.py"
    plant_module.write_text(plant_module.read_text().replace("^1.0", "^2.0"))
    lines = factory.answer("lock", "--check")["differences"]
    assert any(line.startswith("pump 1.2.0 (knows-pumps 1.2.0): contract") for line in lines), lines
    assert "plant 1.0.0 uses pump ^2.0, which the lock has in version 1.2.0" in lines
