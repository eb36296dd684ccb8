"""`kwf list` tells what metadata tells, whatever the plugins are like."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.registry.conftest import Stage
import json

import pytest

HEAVY = ("pydantic", "pluggy", "rich", "asyncio", "importlib.metadata", "importlib_metadata")
LOADED = """
import json, sys
from knows_registry.cli import main
code = main()
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def hundred(stage: Stage) -> None:
    for number in range(100):
        stage.install(
            f"plugin-{number}",
            templates={f"template_{number}@1.{number}.0": f"trap_{number}:it"},
            plugins={f"backend.b{number}": f"trap_{number}"},
            modules={f"trap_{number}": "raise SystemExit('imported')"},
        )


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["list", "--broken"]])
@pytest.mark.parametrize("checked", [False, True])
def test_listing_a_hundred_distributions_imports_none_of_them(stage, arguments, checked):
    """No plugin, pydantic, pluggy, rich, asyncio or importlib.metadata, with verdicts remembered or not."""
    hundred(stage)
    if checked:
        remember_everything(stage)
    listed = stage.python(LOADED, *arguments)
    assert listed.returncode == 0
    modules = json.loads(listed.stderr.splitlines()[-1])
    assert not [name for name in modules if name.startswith("trap_") or name in HEAVY]
    assert "template_99" in listed.stdout or "--broken" in arguments


def remember_everything(stage: Stage) -> None:
    stage.python("""
from knows_registry.catalog import Catalog
from knows_registry.discover import discover
from knows_registry.verdict import Verdict, remember
remember({entry: Verdict(None, 0.0) for entry in Catalog(discover()).entries()})
""")


def test_a_person_gets_aligned_columns(stage):
    """Name, version, distribution and status, the newest version of a name first."""
    stage.install("acme-etch", "4.0", templates={"etch@1.9.0": "m:a", "etch@1.10.0": "m:b"})
    stage.install("b", "1.0", templates={"bake_and_cool@2.0.0": "m:a"})
    listed = stage.kwf("list")
    assert listed.stdout.splitlines() == [
        "NAME           VERSION  DISTRIBUTION   STATUS",
        "bake_and_cool  2.0.0    b 1.0          unchecked",
        "etch           1.10.0   acme-etch 4.0  unchecked",
        "etch           1.9.0    acme-etch 4.0  unchecked",
    ]
    assert (listed.returncode, listed.stderr) == (0, "")


def test_a_program_gets_one_object(stage):
    """The same facts, and the number of broken things."""
    stage.install("acme-etch", "4.0", templates={"etch@1.9": "m:a"})
    assert stage.answer("list") == {
        "templates": [
            {
                "name": "etch",
                "version": "1.9.0",
                "distribution": "acme-etch",
                "distribution_version": "4.0",
                "status": "unchecked",
                "summary": None,
                "yanked": None,
                "deprecated": None,
                "successor": None,
            }
        ],
        "broken": 0,
    }


def test_an_empty_list_says_how_to_get_templates(stage):
    """The next move of somebody who just installed it."""
    listed = stage.kwf("list")
    assert listed.returncode == 0
    assert "No templates are installed." in listed.stdout
    assert "pip install" in listed.stdout
    assert stage.answer("list") == {"templates": [], "broken": 0}


def test_broken_distributions_cost_only_themselves(broken_stage):
    """Every template with a readable name is listed, and the number of broken ones is told beside the list."""
    listed = broken_stage.kwf("list")
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [
        "NAME", "exiting", "raising", "sound", "twice", "twice",
    ]  # fmt: skip
    assert listed.stdout.count("duplicate") == 2
    assert listed.stderr == "3 broken: `kwf list --broken` says why.\n"


def test_malformed_entries_invalid_versions_and_duplicates_are_named_at_once(broken_stage):
    """`list --broken` names distribution, entry, reason and the next move, before anything was imported."""
    broken = broken_stage.answer("list", "--broken")["broken"]
    assert [(fault["distribution"], fault["entry"]) for fault in broken] == [
        ("malformed-dist", "malformed@1.0.0 = not a module:it"),
        ("version-dist", "versioned@1.x = sound_module:greeting"),
        ("left-dist and right-dist", "twice@2.0.0"),
    ]
    assert all(fault["reason"] and fault["next"] for fault in broken)
    text = broken_stage.kwf("list", "--broken").stdout
    for fault in broken:
        assert f"{fault['distribution']}: {fault['entry']}: {fault['reason']}\n    Next: {fault['next']}\n" in text


def test_nothing_broken_is_said_so(stage):
    """An empty answer to --broken points to the deeper check."""
    assert "`kwf plugins check`" in stage.kwf("list", "--broken").stdout


def test_after_a_check_the_verdicts_are_listed(broken_stage):
    """A module that raises or exits is named by the list and by --broken too."""
    broken_stage.kwf("plugins", "check")
    status = {row["name"]: row["status"] for row in broken_stage.answer("list")["templates"]}
    assert status == {
        "exiting": "broken: SystemExit: 4",
        "raising": "broken: ValueError: the pump is missing",
        "sound": "ok",
        "twice": "duplicate",
    }
    broken = {fault["distribution"] for fault in broken_stage.answer("list", "--broken")["broken"]}
    assert {"exiting-dist", "raising-dist"} < broken


def test_a_terminal_cannot_be_commanded_by_metadata(stage):
    """Escape sequences in a foreign entry are shown, not obeyed."""
    stage.install("d", templates={"\x1b[31mred@1.0.0": "m:a"})
    text = stage.kwf("list", "--broken").stdout
    assert "\x1b" not in text
    assert "\\x1b[31mred@1.0.0" in text
