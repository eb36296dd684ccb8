"""`kwf diff`: installed versions and files compared, by real processes."""

from __future__ import annotations

import json

import pytest

from knows_core import pipeline, step
from knows_core.flows.migration import Migration
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of
from tests.registry.test_release_check import FLOW


@pytest.fixture
def two(stage):
    """Two installed versions, of which the newer takes another input, and files of both."""
    for version, fields, more in (("1.0.0", "name: str", ""), ("1.1.0", "name: str; size: int", "X")):
        source = FLOW.format(version=version, fields=fields, step="cut", summary=f"Etches.{more}", migrations="")
        module = f"etch_{version.replace('.', '_')}"
        stage.install(f"etch-{version[2]}", templates={f"etch@{version}": f"{module}:etch"}, modules={module: source})
    return stage


def test_two_installed_versions_are_compared(two):
    """Exit code 4 for a break; the JSON answer is the whole comparison."""
    done = two.kwf("diff", "etch@1.0.0", "etch@1.1.0", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["old"], answer["new"]) == (4, "etch@1.0.0", "etch@1.1.0")
    assert (answer["required_bump"], answer["required_version"]) == ("major", "2.0.0")
    assert (answer["contract_breaks"], answer["version_is_raised_enough"]) == (1, False)
    done = two.kwf("diff", "etch@1.0.0", "etch@1.1.0")
    assert "1 contract break: at least 2.0.0 (major)." in done.stdout
    assert "1.1.0 is not enough." in done.stdout


def test_a_compatible_difference_is_told_and_passes(two):
    """Backwards, the field is gone: minor, exit code 0; with itself, no difference."""
    done = two.kwf("diff", "etch@1.1.0", "etch@1.0.0")
    assert (done.returncode, "Compatible: at least 1.2.0 (minor)." in done.stdout) == (0, True)
    done = two.kwf("diff", "etch@1.1.0", "etch@^1.1")
    assert (done.returncode, "No difference in contract, shape or wording." in done.stdout) == (0, True)


def test_files_are_compared_like_what_is_installed(two):
    """A Python file, a printed contract and a released profile are all sides of a comparison."""
    (two.site / "wf.py").write_text((two.site / "etch_1_1_0.py").read_text())
    printed = two.kwf("show", "etch@1.0.0", "--contract", "--json").stdout
    (two.site / "etch.json").write_text(printed)
    done = two.kwf("diff", "etch.json", "wf.py:etch")
    assert (done.returncode, "input.size" in done.stdout) == (4, True)
    done = two.kwf("diff", "etch.json", "etch@1.0.0", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["changes"], answer["version_is_raised_enough"]) == (0, [], True)


def test_what_cannot_be_compared_is_said(two):
    """Not installed, no such file, not JSON, not in the file: exit codes 3, 3, 3 and 2."""
    (two.site / "bad.json").write_text("{")
    (two.site / "etch.json").write_text(two.kwf("show", "etch@1.0.0", "--contract", "--json").stdout)
    for side, code in (("other", 3), ("none.json", 3), ("bad.json", 3), ("etch.json:etch@9.0.0", 2)):
        assert two.kwf("diff", side, "etch@1.0.0").returncode == code


def renamed(version, name, **options):
    return pipeline([step(len, name=name)], name="etch", version=version, **options)


def test_a_migration_is_known_from_the_manifest(stage):
    """What takes runs over is told of installed versions as of files, and nothing is imported."""
    moves = [Migration("^1.0", {"cut": "slice"})]
    stage.install_unimportable("etch-1", renamed("1.0.0", "cut"))
    stage.install_unimportable("etch-2", renamed("2.0.0", "slice", migrations=moves), renamed("3.0.0", "slice"))
    done = stage.kwf("diff", "etch@1.0.0", "etch@2.0.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the migration from ^1.0 takes runs over" in done.stdout
    done = stage.kwf("diff", "etch@1.0.0", "etch@3.0.0")
    assert (done.returncode, "1 resume break" in done.stdout, done.stderr) == (4, True, "")


def test_that_a_manifest_does_not_tell_migrations_is_said_where_it_counts(stage):
    """An older kwf wrote none: a resume break may be none, and a contract without one is judged as ever."""
    profiles = [profile_of(renamed(*one).definition) for one in (("1.0.0", "cut"), ("2.0.0", "slice"))]
    for one in profiles:
        older = Manifest("acme", (one._replace(flow=None, migrations=None),))
        (stage.site / f"{one.version}.json").write_text(text_of(older), encoding="utf-8")
    done = stage.kwf("diff", "1.0.0.json", "2.0.0.json")
    assert done.returncode == 4
    assert done.stderr == (
        "kwf: what is told of etch@2.0.0 is of an older kwf and has no migrations:"
        " if it declares one, runs may go on.\n"
    )
    assert stage.kwf("diff", "2.0.0.json", "2.0.0.json").stderr == ""
