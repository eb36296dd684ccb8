"""`kwf plugins allow`: a list of distributions, each bound to the files that it had when it was permitted."""

from __future__ import annotations

import json

import pytest

from knows_core import ConfigError
from knows_registry.permits.allowed import Allowed, read
from knows_registry.permits.errors_permission import AllowListBroken


@pytest.fixture
def etch(stage):
    """A stage with a template, whose distribution has its RECORD."""
    stage.install_template("etch", "1.2.0", distribution="Acme_Etch", module="etch_module", recorded=True)
    return stage


def listed(stage):
    return {row["distribution"]: row for row in stage.answer("plugins", "allow")["allowed"]}


def list_of(stage):
    (file,) = stage.cache.rglob("allowed-plugins.json")
    return file


def test_a_distribution_is_permitted_as_it_is_now(etch):
    """By its name in any spelling; the list says to what it is bound and whether it still is so."""
    done = etch.kwf("plugins", "allow", "acme.etch")
    assert done.returncode == 0
    assert done.stdout.startswith("acme-etch 1.0.0 is permitted as it is now, bound to sha256:")
    row = listed(etch)["acme-etch"]
    assert (row["version"], row["editable"], row["status"]) == ("1.0.0", False, "as permitted")
    assert row["artifact"] in etch.kwf("plugins", "allow").stdout
    assert read(list_of(etch)) == {"acme-etch": Allowed("1.0.0", row["artifact"], editable=False)}
    (etch.site / "etch_module.py").write_text("")
    assert listed(etch)["acme-etch"]["status"] == "changed"
    next(etch.site.glob("*.dist-info")).rename(etch.site / "gone")
    assert listed(etch)["acme-etch"]["status"] == "not installed"


def test_an_empty_list_says_how_to_permit(stage):
    """And is no failure."""
    done = stage.kwf("plugins", "allow")
    assert (done.returncode, done.stdout) == (
        0,
        "Nothing is permitted. `kwf plugins allow NAME` permits a distribution.\n",
    )


def test_several_are_permitted_together_or_none(etch):
    """An unknown name among them leaves the list as it was."""
    etch.install("other-dist", plugins={"hooks.other": "m_other"})
    assert etch.kwf("plugins", "allow", "acme-etch", "odd-dist").returncode == 3
    assert listed(etch) == {}
    assert etch.kwf("plugins", "allow", "acme-etch", "other-dist").returncode == 0
    assert set(listed(etch)) == {"acme-etch", "other-dist"}
    assert "its version (no RECORD)" in etch.kwf("plugins", "allow").stdout


def test_permission_is_taken_back_by_name(etch):
    """A name that is not on the list is told, with close ones."""
    etch.kwf("plugins", "allow", "acme-etch")
    done = etch.kwf("plugins", "allow", "acme-etsh", "--revoke")
    assert done.returncode == 3
    assert "acme-etsh is not on the list of permitted distributions: close names are acme-etch" in done.stderr
    assert "Next: `kwf plugins allow` shows what there is." in done.stderr
    done = etch.kwf("plugins", "allow", "acme-etch", "--revoke")
    assert (done.returncode, done.stdout) == (0, "acme-etch is no longer permitted.\n")
    assert listed(etch) == {}


def test_to_take_back_nothing_is_a_usage_error(stage):
    """Exit code 2."""
    assert stage.kwf("plugins", "allow", "--revoke").returncode == 2


@pytest.mark.parametrize(
    ("name", "found", "move"),
    [
        ("acme-etsh", "close names are acme-etch", "`kwf list` shows what there is."),
        ("zzz", "no name is close to it", "`kwf list` shows what there is."),
        ("etch", "acme-etch is the distribution that brings it", "`kwf plugins allow acme-etch` permits it."),
    ],
)
def test_what_is_not_installed_cannot_be_permitted(etch, name, found, move):
    """Exit code 3 (`unknown-distribution`), with close names, or the distribution of a template of that name."""
    done = etch.kwf("plugins", "allow", name, "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == "unknown-distribution"
    expected = f"{name} is not an installed distribution with templates or plugins: {found}"
    assert (answer["error"]["message"], answer["next"]) == (expected, move)


def test_files_that_are_damaged_are_not_permitted(etch):
    """Exit code 8, with their names and how to bring them back."""
    (etch.site / "etch_module.py").write_text("")
    done = etch.kwf("plugins", "allow", "acme-etch")
    assert done.returncode == 8
    assert "is not what its RECORD names: expected the files of its RECORD, found etch_module.py" in done.stderr
    assert "Next: `pip install --force-reinstall --no-deps 'acme-etch==1.0.0'`" in done.stderr
    assert listed(etch) == {}


def test_an_editable_installation_says_that_only_its_name_binds(etch):
    """There are no files that it could be bound to."""
    (etch.site / "Acme_Etch-1.0.0.dist-info" / "direct_url.json").write_text('{"dir_info": {"editable": true}}')
    done = etch.kwf("plugins", "allow", "acme-etch")
    assert "permitted while it is an editable installation; nothing else binds it" in done.stdout
    assert (listed(etch)["acme-etch"]["artifact"], listed(etch)["acme-etch"]["editable"]) == (None, True)


# ------------------------------------------------------------------ the file


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"format": 2, "allowed": {}}',
        '{"format": 1}',
        '{"format": 1, "allowed": []}',
        '{"format": 1, "allowed": {"a": null}}',
        '{"format": 1, "allowed": {"a": {"version": "1", "artifact": "x"}}}',
        '{"format": 1, "allowed": {"a": {"version": "1", "artifact": "x", "editable": "no"}}}',
        '{"format": 1, "allowed": {"A_b": {"version": "1", "artifact": "x", "editable": false}}}',
        "\udc80",
    ],
)
def test_a_damaged_list_is_a_configuration_error_and_never_an_empty_one(tmp_path, text):
    """With its path and the next move."""
    file = tmp_path / "list.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(AllowListBroken) as caught:
        read(file)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"{file}: expected a list of permitted distributions, found ")
    assert "Correct the file, or remove it and permit anew" in str(caught.value)


def test_a_damaged_list_is_not_written_over(etch):
    """Whoever permits something is told first, and nothing is lost."""
    etch.kwf("plugins", "allow", "acme-etch")
    file = list_of(etch)
    file.write_text(file.read_text()[:-5])
    before = file.read_bytes()
    done = etch.kwf("plugins", "allow", "acme-etch")
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert file.read_bytes() == before


def test_a_list_that_cannot_be_written_is_left_as_it_was(etch):
    """Exit code 2 with the path; nothing half-written stays beside it."""
    etch.kwf("plugins", "allow", "acme-etch")
    folder = list_of(etch).parent
    assert [one.name for one in folder.iterdir()] == ["allowed-plugins.json"]
    list_of(etch).unlink()
    folder.rmdir()
    folder.write_text("not a folder")
    done = etch.kwf("plugins", "allow", "acme-etch")
    assert done.returncode == 2
    assert str(folder / "allowed-plugins.json") in done.stderr


def test_a_list_behind_a_link_stays_there(etch, tmp_path):
    """Who keeps it with other settings elsewhere keeps the link."""
    etch.kwf("plugins", "allow", "acme-etch")
    file = list_of(etch)
    file.rename(tmp_path / "mine.json")
    file.symlink_to(tmp_path / "mine.json")
    assert etch.kwf("plugins", "allow", "acme-etch", "--revoke").returncode == 0
    assert file.is_symlink()
    assert read(tmp_path / "mine.json") == {}
