"""`kwf release-check`: versions compared in real projects, by real processes."""

from __future__ import annotations

import json

import pytest

from knows_core import AccessDenied, Version
from knows_registry.contracts.release import last_before
from knows_registry.contracts.released import ReleaseBroken, kept_profiles, read_released, record
from knows_registry.manifests.profile import profile_of

PROJECT = """
[project]
name = "acme-etch"
version = "{version}"

[project.entry-points."knows.templates"]
"etch@{version}" = "acme_etch:etch"
{more}
"""
FLOW = """
from pydantic import BaseModel, Field
from knows_core import Migration, pipeline, step

class Recipe(BaseModel):
    {fields}

@step
def {step}(recipe: Recipe) -> int:
    return 1

etch = pipeline([{step}], name="etch", version="{version}", summary="{summary}", migrations=[{migrations}])
"""


class Plugin:
    """The project of a plugin in a folder, and the command that its author runs there."""

    def __init__(self, stage):
        self.stage = stage
        self.folder = stage.site / "project"
        self.folder.mkdir()
        self.write()

    def write(self, version="1.0.0", *, fields="name: str", step="cut", summary="Etches.", migrations="", more=""):
        filled = {"version": version, "fields": fields, "step": step, "summary": summary, "migrations": migrations}
        (self.folder / "pyproject.toml").write_text(PROJECT.format(version=version, more=more))
        (self.folder / "acme_etch.py").write_text(FLOW.format(**filled))

    def check(self, *words):
        return self.stage.kwf("release-check", "--project", "project", *words)

    def answer(self, *words):
        done = self.check("--json", *words)
        (row,) = json.loads(done.stdout)["templates"]
        return done.returncode, row


@pytest.fixture
def plugin(stage):
    return Plugin(stage)


@pytest.fixture
def released(plugin):
    """The same, with version 1.0.0 released."""
    assert plugin.check("--record").returncode == 0
    return plugin


def test_a_first_release_has_nothing_to_be_compared_with(plugin):
    """It says so, passes, and with --record is kept in the repository."""
    done = plugin.check("--record")
    assert (done.returncode, done.stderr) == (0, "")
    assert "etch@1.0.0: nothing is released to compare it with" in done.stdout
    (profile,) = read_released(plugin.folder / "released", "etch")
    assert (profile.name, profile.version, profile.summary) == ("etch", "1.0.0", "Etches.")


def test_what_was_released_and_is_unchanged_passes(released):
    """The check may run at every commit: the same version with the same contract is no fault."""
    code, row = released.answer()
    assert (code, row["against"], row["changes"], row["refused"]) == (0, "1.0.0", [], None)


def test_a_break_without_a_major_version_is_refused(released):
    """Exit code 4; the answer has the path, the rule, the required part and the next version."""
    released.write("1.1.0", fields="name: str; size: int")
    code, row = released.answer()
    assert (code, row["required_bump"], row["required_version"]) == (4, "major", "2.0.0")
    assert row["refused"] == "1.1.0 is not enough after 1.0.0: at least 2.0.0 (major)"
    change = next(one for one in row["changes"] if one["breaks"])
    assert (change["path"], change["rule"], change["bump"]) == ("input.size", "field-new-required", "major")
    done = released.check()
    assert "major CONTRACT BREAK  input.size: new field that must be given: int" in done.stdout
    assert "Next: raise the version" in done.stderr


def test_a_break_with_a_major_version_passes(released):
    """A release candidate of the required version is raised enough too."""
    for version in ("2.0.0", "2.0.0-rc.1"):
        released.write(version, fields="name: str; size: int")
        code, row = released.answer()
        assert (code, row["contract_breaks"], row["refused"]) == (0, 1, None)


def test_a_released_version_cannot_become_another(released):
    """The same number with another contract, or another summary, is refused, and --record leaves the file alone."""
    before = (released.folder / "released" / "etch@1.0.0.json").read_bytes()
    for change in ({"fields": "name: str; size: int = 1"}, {"summary": "Cuts."}):
        released.write(**change)
        code, row = released.answer("--record")
        assert code == 4
        assert row["refused"].startswith("1.0.0 is released already, and was another")
        assert row["recorded"] is None
    assert (released.folder / "released" / "etch@1.0.0.json").read_bytes() == before


def test_a_compatible_change_asks_for_a_minor_version_and_wording_for_a_patch(released):
    """An optional field is minor, a summary patch; less is refused."""
    released.write("1.0.1", fields="name: str; size: int = 1")
    assert released.answer()[0] == 4
    released.write("1.1.0", fields="name: str; size: int = 1")
    assert released.answer()[0] == 0
    released.write("1.0.1", summary="Cuts.")
    code, row = released.answer()
    assert (code, row["required_bump"], row["required_version"]) == (0, "patch", "1.0.1")


def test_a_renamed_step_is_a_resume_break_unless_a_migration_covers_it(released):
    """Reported apart from contract breaks; it asks for a minor version either way."""
    released.write("1.1.0", step="slice")
    code, row = released.answer()
    assert (code, row["contract_breaks"], row["resume_breaks"]) == (0, 0, 1)
    assert "minor RESUME BREAK  shape: step renamed: cut -> slice" in released.check().stdout
    released.write("1.1.0", step="slice", migrations='Migration("^1.0", {"cut": "slice"})')
    code, row = released.answer()
    assert (code, row["resume_breaks"], row["changes"][0]["covered"]) == (0, 0, "^1.0")
    assert "the migration from ^1.0 takes runs over" in released.check().stdout


def test_what_cannot_be_compared_is_refused_until_the_author_signs_it(released):
    """The reason stands in pyproject.toml and in the report; a signature that nothing needs is noted."""
    pattern = 'name: str = Field(pattern="a")'
    released.write("1.1.0", fields=pattern)
    code, row = released.answer()
    assert (code, row["required_version"]) == (4, "2.0.0")
    assert "input.name: cannot be compared" in released.check().stdout
    signed = '[tool.knows-templates."etch@1.1.0"]\nsigned = {"input.name" = "All names have an a.", "output" = "Old."}'
    released.write("1.1.0", fields=pattern, more=signed)
    code, row = released.answer()
    assert (code, row["signed_but_unused"]) == (0, ["output"])
    assert "signed off: All names have an a." in released.check().stdout
    for odd in ('{"input.name" = ""}', '"all"', "{x = 1}"):
        released.write("1.1.0", fields=pattern, more=f'[tool.knows-templates."etch@1.1.0"]\nsigned = {odd}')
        assert released.check().returncode == 2


def test_an_installed_version_may_be_what_is_compared_with(plugin):
    """--against takes the place of the folder; it must name a template of the project that is installed."""
    source = FLOW.format(version="0.9.0", fields="name: str", step="cut", summary="Etches.", migrations="")
    plugin.stage.install("old-etch", templates={"etch@0.9.0": "old_etch:etch"}, modules={"old_etch": source})
    code, row = plugin.answer("--against", "etch@^0.9")
    assert (code, row["against"], row["changes"]) == (0, "0.9.0", [])
    assert plugin.check("--against", "other").returncode == 2
    assert plugin.check("--against", "etch@^5").returncode == 3


def test_the_older_version_in_the_same_project_came_before(plugin):
    """A project may offer two versions side by side: the newer is compared with the older."""
    plugin.write("1.5.0", fields="name: str; size: int", more='"etch@1.4.0" = "acme_etch:old"')
    module = plugin.folder / "acme_etch.py"
    older = 'class Old(BaseModel):\n    name: str\n\n@step(name="cut")\ndef was(recipe: Old) -> int: ...\n\n'
    module.write_text(module.read_text() + older + 'old = pipeline([was], name="etch", version="1.4.0")\n')
    done = plugin.check()
    assert done.returncode == 4
    assert "etch@1.5.0 after 1.4.0: refused" in done.stdout


def test_a_damaged_file_of_a_release_is_named(released):
    """Cut short, of another name, or no JSON: exit code 3, and the file to take back."""
    file = released.folder / "released" / "etch@1.0.0.json"
    text = file.read_text()
    for broken in (text[:-20], "[]", "{}", text.replace("Etches", "\ud800".encode("utf-8", "replace").decode())[:9]):
        file.write_text(broken)
        done = released.check()
        assert done.returncode == 3
        assert str(file) in done.stderr
        assert "Take the file back from version control" in done.stderr
    file.rename(file.with_name("etch@7.0.0.json")).write_text(text)
    assert "expected etch@7.0.0 in it, found etch@1.0.0" in released.check().stderr


def test_a_released_template_that_is_no_longer_offered_is_refused(released):
    """Renamed or left out, its users break as by any other change; whoever withdraws it takes its files away."""
    project = released.folder / "pyproject.toml"
    project.write_text(project.read_text().replace('"etch@1.0.0"', '"etcher@1.0.0"'))
    flow = released.folder / "acme_etch.py"
    flow.write_text(flow.read_text().replace('name="etch"', 'name="etcher"'))
    done = released.check()
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (
        4, ["etch: refused", "  It was released, and the project no longer offers it."],
    )  # fmt: skip
    assert "Next: offer it again, or delete its files in " in done.stderr
    assert json.loads(released.check("--json").stdout)["no_longer_offered"] == ["etch"]
    (released.folder / "released" / "etch@1.0.0.json").unlink()
    assert released.check().returncode == 0


def test_a_folder_that_is_not_there_hides_no_break(released):
    """Nothing to compare with is what a first release has, not what a slip of the pen brings; --record makes one."""
    done = released.check("--released", "relesed")
    assert done.returncode == 2
    assert "expected a folder with released profiles, found 'relesed'" in done.stderr
    assert released.check("--released", "kept", "--record").returncode == 0
    assert released.check("--released", "kept").returncode == 0


def test_a_folder_that_cannot_be_written_is_said(tmp_path, flow_profile):
    """A file stands where the folder should be."""
    (tmp_path / "released").write_text("")
    with pytest.raises(AccessDenied, match="cannot be written"):
        record(tmp_path / "released", "acme", flow_profile)


def test_what_is_recorded_is_read_again(tmp_path, flow_profile):
    """The text is canonical, and the profile the same."""
    file = record(tmp_path / "released", "acme", flow_profile)
    assert kept_profiles(file.read_text(), file) == (flow_profile,)
    assert record(tmp_path / "released", "acme", flow_profile).read_text() == file.read_text()
    assert [one.name for one in (tmp_path / "released").iterdir()] == ["demo@1.0.0.json"]
    with pytest.raises(ReleaseBroken, match="expected an object"):
        kept_profiles("[]", file)


@pytest.fixture
def flow_profile(flow):
    names = {}
    exec(flow, names)  # noqa: S102 - our own text
    return profile_of(names["w"].definition)


@pytest.mark.parametrize(
    ("versions", "version", "last"),
    [
        (["1.0.0", "1.2.0", "2.0.0"], "1.3.0", "1.2.0"),
        (["1.0.0", "1.2.0-rc.1"], "1.2.0", "1.0.0"),
        (["1.2.0-rc.1"], "1.2.0", "1.2.0-rc.1"),
        (["1.0.0", "1.2.0"], "1.2.0", "1.2.0"),
        (["2.0.0"], "1.0.0", None),
        ([], "1.0.0", None),
    ],
)
def test_a_version_is_measured_by_the_release_before_it(flow_profile, versions, version, last):
    """A pre-release promises nothing, and what is newer does not count: a fix of an old line is compared with that."""
    found = last_before([flow_profile._replace(version=one) for one in versions], Version(version))
    assert (found and found.version) == last
