"""Errors that steps declare, defaults and subclasses, from a plugin's project to the refusal of its release."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.registry.test_release_check import PROJECT

FILE = "knows-manifest.acme-etch.json"
FLOW = """
from pydantic import BaseModel
from knows_core import Continue, PermanentError, pipeline, step

class NoGas(PermanentError): pass
class NoArgon(NoGas): pass
class Jammed(PermanentError): pass
class Report(BaseModel):
    depth: float = 0.0
class Measured(Report):
    sigma: float = 0.0
class Chamber(BaseModel):
    seconds: int = {seconds}

@step(raises={raises})
def cut(state: Chamber) -> {gives}:
    return {gives}()

@step(raises=Jammed, on_error=Continue())
def move() -> None: ...

etch = pipeline(move | cut, name="etch", version="{version}", state=Chamber)
"""


@pytest.fixture
def write(stage):
    """Writes a version of the plugin's project."""
    (stage.site / "project/acme_etch").mkdir(parents=True)

    def write(version="1.0.0", *, raises="NoGas", seconds=30, gives="Report"):
        filled = {"version": version, "raises": raises, "seconds": seconds, "gives": gives}
        (stage.site / "project/pyproject.toml").write_text(PROJECT.format(version=version, more=""))
        (stage.site / "project/acme_etch/__init__.py").write_text(FLOW.format(**filled))

    write()
    return write


def kwf(stage, *words):
    """The exit code and the JSON answer."""
    done = stage.kwf(*words, "--json")
    return done.returncode, json.loads(done.stdout)


def released(stage):
    return kwf(stage, "release-check", "--project", "project", "--record")


def test_a_manifest_and_a_printed_contract_name_what_is_declared(stage, write):
    """What a policy takes away is in neither; the classes, what they derive from and the defaults stand beside it."""
    assert stage.kwf("show", "project/acme_etch/__init__.py:etch", "--tree").stdout.count("raises NoGas") == 1
    code, printed = kwf(stage, "show", "project/acme_etch/__init__.py:etch", "--contract")
    own = "knows_file___init__:"
    assert (code, printed["contract"]["errors"]) == (0, [f"{own}NoGas"])
    assert printed["lineage"][f"{own}NoGas"][0] == f"{own}NoGas"
    assert printed["lineage"]["Report"] == [f"{own}Report"]
    assert printed["defaults"] == {"seconds": {"type": "int", "value": 30}}
    assert released(stage)[0] == 0
    (kept,) = json.loads((stage.site / "project/released/etch@1.0.0.json").read_text())["templates"]
    assert kept["contract"]["errors"] == ["acme_etch:NoGas"]
    assert "knows_core.errors:PermanentError" in kept["lineage"]["acme_etch:NoGas"]


@pytest.mark.parametrize(
    ("raises", "rules", "least"),
    [
        ("[NoGas, Jammed]", ["error-new"], "2.0.0"),
        ("NoArgon", ["error-gone", "error-narrower"], "1.1.0"),
        ("()", ["error-gone"], "1.1.0"),
    ],
)
def test_a_release_is_judged_by_the_errors_that_escape(stage, write, raises, rules, least):
    """A new one is a break, one more special than a former one or none is not."""
    released(stage)
    write("1.1.0", raises=raises)
    code, answer = kwf(stage, "release-check", "--project", "project")
    (row,) = answer["templates"]
    assert (sorted(one["rule"] for one in row["changes"]), row["required_version"]) == (rules, least)
    assert code == (0 if least == "1.1.0" else 4)
    assert {one["path"] for one in row["changes"]} == {"errors"}


def test_a_default_and_a_narrower_output_ask_for_a_minor_version(stage, write):
    """Both are told, by their paths; back again, the wider output is a break."""
    released(stage)
    write("1.0.1", seconds=45, gives="Measured")
    code, answer = kwf(stage, "release-check", "--project", "project")
    (row,) = answer["templates"]
    found = {one["path"]: (one["rule"], one["bump"]) for one in row["changes"]}
    assert found == {"state_in.seconds": ("default-changed", "minor"), "output": ("type-narrower", "minor")}
    assert (code, row["required_version"]) == (4, "1.1.0")
    write("1.1.0", seconds=45, gives="Measured")
    released(stage)
    files = [f"project/released/etch@{version}.json" for version in ("1.1.0", "1.0.0")]
    done = stage.kwf("diff", *files)
    assert (done.returncode, "state_in.seconds: default value changed: 45 -> 30" in done.stdout) == (4, True)
    assert "CONTRACT BREAK  output: wider type: Measured -> Report" in done.stdout


def test_a_built_manifest_carries_it_to_whoever_installs_it(stage, write):
    """Shown in short and as a contract without an import, and compared as a file."""
    for version, raises in (("1.0.0", "NoGas"), ("1.1.0", "[NoGas, Jammed]")):
        write(version, raises=raises)
        assert stage.kwf("manifest", "build", "--project", "project").returncode == 0
        assert stage.kwf("manifest", "check", "--project", "project").returncode == 0
        shutil.copy(stage.site / "project/acme_etch" / FILE, stage.site / f"{version}.json")
    shutil.copytree(stage.site / "project/acme_etch", stage.site / "acme_etch")
    stage.install("acme-etch", templates={"etch@1.1.0": "acme_etch:etch"})
    (stage.site / "acme_etch/__init__.py").write_text("raise SystemExit('imported')")
    code, answer = kwf(stage, "show", "etch", "--contract")
    assert (code, answer["contract"]["errors"]) == (0, ["acme_etch:Jammed", "acme_etch:NoGas"])
    assert "raises: acme_etch:Jammed" in stage.kwf("show", "etch").stdout
    done = stage.kwf("diff", "1.0.0.json", "1.1.0.json")
    assert (done.returncode, "CONTRACT BREAK  errors: new error escapes: acme_etch:Jammed" in done.stdout) == (4, True)
