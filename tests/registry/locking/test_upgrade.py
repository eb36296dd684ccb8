"""`kwf lock --upgrade NAME`: what moves, what that breaks, whom it affects, and which open runs stay behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import knows_sqlite

RUNS = ("--backend", "sqlite:///runs.db")
WAITING = """
from knows_core import Migration, approval, pipeline, step
@step
def {step}(value: {taken}) -> str: return "pump {version}"
pump = pipeline(step({step}) | approval("go"), name="pump", version="{version}", migrations=[{moves}])
"""


@pytest.fixture
def waiting(factory):
    """A mill that uses a plant that uses pump 1.2.0, locked, and a run of the mill that waits for a decision."""
    (factory.site / "knows_sqlite").symlink_to(Path(str(knows_sqlite.__file__)).parent)
    factory.stage.install("knows-sqlite", plugins={"backend.sqlite": "knows_sqlite:plugin"})
    install(factory, "1.2.0", step="work", taken="int")
    factory.plant(">=1")
    factory.stage.install(
        "knows-mill",
        templates={"mill@1.0.0": "mill_module:mill"},
        modules={
            "mill_module": 'from knows_core import *\nmill = pipeline(use("plant"), name="mill", version="1.0.0")'
        },
    )
    assert factory.kwf("lock", "mill", "plant").returncode == 0
    return factory


def install(factory, version, moves="", **parts):
    module = f"pump_{version[0]}"
    source = WAITING.format(version=version, moves=moves, **parts)
    templates = {f"pump@{version}": f"{module}:pump"}
    factory.stage.install(f"knows-pump-{version[0]}", version, templates=templates, modules={module: source})


def test_an_upgrade_tells_what_it_means(waiting):
    """Breaks of the contract and of runs, everybody who uses the template, and the runs that stay behind."""
    assert waiting.kwf("run", "mill", "--input", "1", "--run-id", "r1", *RUNS).returncode == 9
    assert waiting.kwf("run", "pump", "--input", "1", "--run-id", "r2", *RUNS).returncode == 9
    install(waiting, "2.0.0", step="grind", taken="str")
    done = waiting.kwf("lock", "--upgrade", "pump", *RUNS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "knows.lock: 3 templates and 1 plugin.",
        "  pump 1.2.0 (knows-pump-1 1.2.0) -> 2.0.0 (knows-pump-2 2.0.0): entry point, contract, shape changed",
        "",
        "pump 1.2.0 -> 2.0.0: 1 contract break, 1 resume break",
        "  contract break: input: another type: int -> str (int is no str)",
        "  resume break: shape: step renamed: work -> grind",
        "  used by: mill, plant",
        "  open run r2 (pump@1.2.0, suspended)",
        "  open run r1 (mill@1.0.0, suspended)",
        "  Next: Keep 1.2.0 installed until they are over; `kwf doctor --runs` tells what becomes of each",
    ]


def test_a_migration_that_the_new_version_declares_takes_the_runs_over(waiting):
    """Its steps are told as renamed, and break no run."""
    install(waiting, "2.0.0", step="grind", taken="int", moves='Migration("^1.0", {"work": "grind"})')
    done = waiting.kwf("lock", "--upgrade", "pump", *RUNS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pump 1.2.0 -> 2.0.0: nothing breaks\n  shape: step renamed: work -> grind\n" in done.stdout


def test_an_upgrade_is_told_to_a_program_too(waiting):
    """The same facts as data, each difference with its path and the part of a version that it asks to be raised."""
    install(waiting, "2.0.0", step="work", taken="str")
    (told,) = waiting.answer("lock", "--upgrade", "pump", *RUNS)["upgrades"]
    (difference,) = told.pop("differences")
    assert told == {
        "name": "pump",
        "from": "1.2.0",
        "to": "2.0.0",
        "verdict": "1 contract break",
        "contract_changed": True,
        "shape_changed": False,
        "used_by": ["mill", "plant"],
        "open_runs": [],
        "next": None,
    }
    assert (difference["path"], difference["breaks"], difference["bump"]) == ("input", "contract", "major")


def test_where_there_are_no_runs_yet_none_are_made(waiting):
    """Asking a database that is not there does not create it."""
    install(waiting, "2.0.0", step="work", taken="int")
    done = waiting.kwf("lock", "--upgrade", "pump", *RUNS)
    assert "pump 1.2.0 -> 2.0.0: contract and shape are the same" in done.stdout
    assert not (waiting.site / "runs.db").exists()


def test_a_place_that_cannot_be_asked_is_no_reason_to_fail(waiting):
    """The upgrade is made, and why the runs are not told is said."""
    install(waiting, "2.0.0", step="work", taken="int")
    done = waiting.kwf("lock", "--upgrade", "pump", "--backend", "tape://reel")
    assert done.returncode == 0
    assert "kwf: the open runs are not told: no state backend" in done.stderr
    assert waiting.versions["pump"] == "2.0.0"


def test_of_an_old_version_that_is_gone_digests_tell(waiting):
    """Whether contract and shape are the same, and why no more is known; also where the move was not asked for."""
    shutil.rmtree(waiting.site / "knows_pump_1-1.2.0.dist-info")
    install(waiting, "2.0.0", step="work", taken="str")
    assert "pump 1.2.0 -> 2.0.0: contract changed (only digests tell: 1.2.0 is not installed any more)" in (
        waiting.kwf("lock", *RUNS).stdout
    )


def test_only_what_is_named_moves(waiting):
    """A newer plant stays out when the pump is upgraded; without a newer one nothing is reported."""
    waiting.stage.install(
        "knows-new-plant",
        templates={"plant@1.1.0": "new_plant:plant"},
        modules={"new_plant": 'from knows_core import *\nplant = pipeline(use("pump"), name="plant", version="1.1.0")'},
    )
    assert waiting.kwf("lock", "--upgrade", "pump", *RUNS).stdout == (
        "knows.lock: 3 templates and 1 plugin, as before.\n"
    )
    install(waiting, "2.0.0", step="work", taken="int")
    waiting.kwf("lock", "--upgrade", "pump", "--upgrade", "plant", *RUNS)
    assert waiting.versions == {"mill": "1.0.0", "plant": "1.1.0", "pump": "2.0.0"}


def test_a_name_that_is_not_locked_is_a_mistake(waiting):
    """Exit code 2, with the names that are."""
    done = waiting.kwf("lock", "--upgrade", "pumps")
    assert done.returncode == 2
    assert "expected a template of knows.lock (mill, plant, pump), found 'pumps'" in done.stderr
