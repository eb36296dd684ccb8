"""`kwf manifest build` and `check`: in a plugin's project, what others read without importing it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from knows_core import ConfigError
from knows_registry.discover import discover
from knows_registry.manifests.manifest import manifest_profile
from knows_registry.manifests.manifest_build import built
from knows_registry.manifests.manifest_text import manifest_in
from knows_registry.manifests.project import project_in

ROOT = Path(__file__).parents[2]
PROJECT = """
[project]
name = "Acme_Line"
version = "3.1.0"

[project.entry-points."knows.templates"]
"line@1.0.0" = "acme_line.flows:old"
"line@1.10" = "acme_line.flows:line"
"""
FLOWS = """
print("imported")
from knows_core import pipeline, step, use

@step
def weigh() -> int:
    return 1

old = pipeline([weigh], name="line", version="1.0")
line = pipeline(weigh | use("scale", "^1.2"), name="line", version="1.10", summary="Weighs.")
"""
NOTICE = """
[tool.knows-templates."line@1.0"]
yanked = "It burns."
deprecated = "Old."
successor = "1.10"
"""
FILE = "knows-manifest.acme-line.json"


@pytest.fixture
def project(stage):
    """The project folder of a plugin with two versions of a template, installed nowhere."""
    folder = stage.site / "project"
    (folder / "src" / "acme_line").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "src" / "acme_line" / "__init__.py").write_text("")
    (folder / "src" / "acme_line" / "flows.py").write_text(FLOWS)
    return folder


def manifest(stage, command, *words):
    return stage.kwf("manifest", command, "--project", "project", *words)


def file(project):
    return project / "src" / "acme_line" / FILE


def test_build_writes_what_the_templates_are(stage, project):
    """Into the package, under the normalised name, in one canonical text; what a plugin prints is not in the answer."""
    done = manifest(stage, "build", "--json")
    assert json.loads(done.stdout)["manifests"] == [
        {"file": f"src/acme_line/{FILE}", "templates": ["line@1.0.0", "line@1.10.0"], "written": True}
    ]
    text = file(project).read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    old, new = manifest_in(text, "acme-line").profiles
    assert (old.version, new.version, new.summary) == ("1.0.0", "1.10.0", "Weighs.")
    assert [one[:3] for one in new.uses] == [("scale", "scale", "^1.2")]


def test_build_again_changes_nothing(stage, project):
    """The same templates give the same bytes, under another hash seed too; the file is left as it is."""
    manifest(stage, "build")
    before = (file(project).read_bytes(), file(project).stat().st_mtime_ns)
    assert "is current: line@1.0.0, line@1.10.0" in manifest(stage, "build").stdout
    assert (file(project).read_bytes(), file(project).stat().st_mtime_ns) == before
    assert [one.name for one in file(project).parent.iterdir() if one.suffix == ".json"] == [FILE]


def test_notices_come_from_the_project(stage, project):
    """A yanked or deprecated version has its reason and its successor in the manifest."""
    (project / "pyproject.toml").write_text(PROJECT + NOTICE)
    manifest(stage, "build")
    old, new = manifest_in(file(project).read_text(), "acme-line").profiles
    assert (old.yanked, old.deprecated, old.successor) == ("It burns.", "Old.", "1.10.0")
    assert (new.yanked, new.deprecated, new.successor) == ("", "", "")


def test_check_says_that_all_is_current(stage, project):
    """Exit 0 and nothing to do."""
    manifest(stage, "build")
    done = manifest(stage, "check")
    assert (done.returncode, done.stdout.splitlines()[1:], done.stderr) == (
        0,
        [f"src/acme_line/{FILE}: is current"],
        "",
    )
    assert json.loads(manifest(stage, "check", "--json").stdout) == {
        "manifests": [{"file": f"src/acme_line/{FILE}", "differences": []}],
        "stale": 0,
    }


def changed_flow(project):
    (project / "src/acme_line/flows.py").write_text(FLOWS.replace("-> int", "-> float").replace("Weighs.", "Scales."))


def new_version(project):
    (project / "pyproject.toml").write_text(PROJECT.replace("1.10", "1.11"))
    (project / "src/acme_line/flows.py").write_text(FLOWS.replace("1.10", "1.11"))


def foreign(project):
    file(project).write_text('{"format": 1, "distribution": "other", "templates": []}')


def reformatted(project):
    file(project).write_text(json.dumps(json.loads(file(project).read_text())))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            changed_flow,
            [
                'line@1.0.0: contract.output.kind: the file has "int", the template "float"',
                'line@1.0.0: flow.node.inner[0].gives.kind: the file has "int", the template "float"',
                'line@1.10.0: flow.node.inner[0].gives.kind: the file has "int", the template "float"',
                'line@1.10.0: summary: the file has "Weighs.", the template "Scales."',
            ],
        ),
        (
            new_version,
            [
                "line@1.11.0: the project offers it, the file lacks it",
                "line@1.10.0: the file has it, the project offers no such template",
            ],
        ),
        (foreign, ['$.distribution: expected acme-line, found "other"']),
        (reformatted, ["it says the same, but is not spelled as `build` spells it"]),
        (lambda project: file(project).unlink(), ["there is no such file"]),
    ],
)
def test_check_tells_what_differs(stage, project, change, expected):
    """Exit 4, each difference by its place, and the command that makes it current; nothing is written."""
    manifest(stage, "build")
    change(project)
    held = file(project).read_bytes() if file(project).exists() else None
    done = manifest(stage, "check")
    assert done.returncode == 4
    assert done.stdout.splitlines()[2:] == [f"  {one}" for one in expected]
    assert done.stderr == "Next: `kwf manifest build` writes it anew.\n"
    assert json.loads(manifest(stage, "check", "--json").stdout)["manifests"][0]["differences"] == expected
    assert held == (file(project).read_bytes() if file(project).exists() else None)


@pytest.mark.parametrize("command", ["build", "check"])
def test_what_cannot_be_imported_is_exit_3(stage, project, command):
    """The error of the template, and no file."""
    (project / "src/acme_line/flows.py").write_text("raise ValueError('the pump is missing')")
    done = manifest(stage, command)
    assert done.returncode == 3
    assert "line@1.0.0" in done.stderr
    assert "the pump is missing" in done.stderr
    assert not file(project).exists()


@pytest.mark.parametrize("command", ["build", "check"])
def test_a_template_with_problems_gets_no_manifest(stage, project, command):
    """Whoever reads one relies on the template being sound in itself: exit 4, each problem named."""
    broken = FLOWS.replace("pipeline([weigh]", "pipeline([weigh, step(lambda text: text, name='')]")
    (project / "src/acme_line/flows.py").write_text(broken)
    done = manifest(stage, command)
    assert done.returncode == 4
    assert "line@1.0.0" in done.stderr
    assert "a step without a name" in done.stderr
    assert not file(project).exists()


def test_an_entry_point_that_names_another_template_is_exit_3(stage, project):
    """A manifest never tells a version that its template does not have."""
    (project / "pyproject.toml").write_text(PROJECT.replace("1.10", "1.12"))
    done = manifest(stage, "build")
    assert done.returncode == 3
    assert "the entry point says line@1.12.0, the template says line@1.10.0" in done.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "expected the project of a plugin, found 'no such file'"),
        ("[project", "expected a TOML file, found"),
        ("[project]\nversion = '1'", "[project] name: expected the name of the distribution, found None"),
        ("[project]\nname = 'a'", '[project.entry-points."knows.templates"]: expected lines such as'),
        (PROJECT.replace("@1.10", ""), "expected a name with its version such as `line@1.0.0`, found 'line'"),
        (PROJECT.replace(".flows:line", " flows"), "expected `name = module:attribute`, found"),
        (PROJECT.replace("acme_line", "acme_oven"), "acme_oven: expected the package or module of a template in"),
        (
            PROJECT + '[tool.knows-templates."line@2.0"]',
            "expected a template of this project (line@1.0.0, line@1.10.0)",
        ),
        (PROJECT + NOTICE.replace("deprecated", "obsolete"), "found \"obsolete = 'Old.'\""),
        (PROJECT + NOTICE.replace('"Old."', "true"), "found 'deprecated = True'"),
        (PROJECT + NOTICE.replace('"1.10"', '"soon"'), "successor: version 'soon': expected"),
        (PROJECT + NOTICE.replace('"1.10"', '"1.0"'), "successor: expected another version"),
        (PROJECT + '[tool.knows-templates]\n"line@1.0" = "old"', "expected yanked = "),
    ],
)
def test_a_project_that_cannot_be_used_is_exit_2(stage, project, text, sentence):
    """What is wrong in pyproject.toml is told by its table; nothing is imported."""
    if text is None:
        (project / "pyproject.toml").unlink()
    else:
        (project / "pyproject.toml").write_text(text)
    done = manifest(stage, "build")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "imported" not in done.stdout


def test_a_single_module_has_its_manifest_beside_it(stage, project):
    """Also where it lies at the top of the project."""
    (project / "pyproject.toml").write_text(PROJECT.replace("acme_line.flows", "flows"))
    (project / "src/acme_line/flows.py").rename(project / "flows.py")
    assert manifest(stage, "build").returncode == 0
    assert (project / FILE).exists()


def test_a_copy_that_is_installed_elsewhere_is_not_taken_for_the_project(project, monkeypatch):
    """What is described must be what is released: a package imported before from elsewhere is refused."""
    other = project / "other"
    (other / "acme_line").mkdir(parents=True)
    (other / "acme_line" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(other)
    importlib.import_module("acme_line")
    try:
        with pytest.raises(ConfigError, match="acme_line: expected to be imported from"):
            built(project_in(project))
    finally:
        del sys.modules["acme_line"]


PLUGINS = [folder.parent for folder in ROOT.glob("plugins/*/pyproject.toml") if "knows.templates" in folder.read_text()]


@pytest.mark.parametrize("folder", PLUGINS, ids=[folder.name for folder in PLUGINS])
def test_our_own_plugins_ship_a_current_manifest(kwf, folder):
    """Every plugin here that has templates has the manifest that `kwf manifest build` writes."""
    code, told = kwf("manifest", "check", "--project", str(folder))
    assert code == 0, told


def test_our_own_manifests_are_found_where_they_are_installed():
    """The templates of this environment are known without an import."""
    found = {str(offer): manifest_profile(offer) for offer in discover().offers}
    assert found
    assert all(found.values())
