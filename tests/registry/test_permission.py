"""Only what the lock or the person's list names, as it was then, may be imported; and what is ours."""

from __future__ import annotations

import sys

import pytest

from knows_core import AccessDenied, PluginBroken, Version, WorkflowSettings
from knows_registry.catalog import Catalog
from knows_registry.discover import discover
from knows_registry.locking.lock import Lock, LockedPlugin, LockedTemplate
from knows_registry.permits.allowed import as_installed
from knows_registry.permits.artifact import artifact_of
from knows_registry.permits.core_bound import unmet_bound
from knows_registry.permits.errors_permission import ArtifactChanged, PluginNotPermitted, RequirementUnmet
from knows_registry.permits.permission import Permission, permission_of
from knows_registry.resolving.resolve import Slot

EMPTY = Lock((), (), ())


@pytest.fixture
def etch(stage):
    """The entry of a template, installed with its RECORD."""
    stage.install_template("etch", "1.2.0", distribution="etch-dist", module="etch_module", recorded=True)
    return entry_of(stage, "etch@1.2.0")


def entry_of(stage, name):
    return next(one for one in Catalog(discover([str(stage.site)])).entries() if one.name == name)


def locking(*entries):
    """A lock that names these entries as they are installed, templates and plugins."""
    return Lock((), tuple(locked(one) for one in entries if "@" in one.name), tuple(map(locked_plugin, entries)))


def locked(entry):
    artifact = artifact_of(entry.folder)
    name, _, version = entry.name.partition("@")
    installed = (entry.distribution, artifact.version, entry.value, "", "", artifact.digest, artifact.editable)
    return LockedTemplate(Slot(name), Version(version), *installed, required_by=())


def locked_plugin(entry):
    return LockedPlugin(entry.name, *artifact_of(entry.folder))


def allowing(*entries):
    return {one.distribution: as_installed(artifact_of(one.folder)) for one in entries}


def permissions(entry):
    """Both ways to permit an entry as it is now."""
    return {"lock": Permission("lock", lock=locking(entry)), "allow": Permission("allow", allowed=allowing(entry))}


# ------------------------------------------------------------------ modes


def test_without_a_mode_a_lock_decides():
    """Where there is one, only what it names; else anything."""
    assert Permission(lock=EMPTY).mode == "lock"
    assert Permission().mode == "any"
    assert Permission("allow", lock=EMPTY).mode == "allow"


@pytest.mark.parametrize(("setting", "mode"), [(None, "lock"), ("lock", "lock"), ("allow", "allow"), ("any", "any")])
def test_a_lock_that_does_not_decide_is_not_even_read(setting, mode):
    """It may be broken."""
    asked: list[bool] = []
    permission = permission_of(WorkflowSettings(plugins=setting), lambda: asked.append(True) or EMPTY)  # type: ignore[func-returns-value]
    assert (permission.mode, bool(asked)) == (mode, mode == "lock")
    assert permission_of(WorkflowSettings(), lambda: None).mode == "any"


@pytest.mark.parametrize(
    ("permission", "reason", "move"),
    [
        (Permission("lock"), 'the setting plugins is "lock", and there is no knows.lock', "`kwf lock`"),
        (Permission("lock", lock=EMPTY), "knows.lock does not name etch-dist", "`kwf lock`"),
        (
            Permission("allow", allowed={}),
            "the list of permitted distributions does not name it",
            "`kwf plugins allow etch-dist`",
        ),
    ],
)
def test_what_is_not_named_may_not_be_imported(stage, etch, permission, reason, move):
    """Exit code 8; the sentence names the entry, its distribution, the place and what to type."""
    with pytest.raises(PluginNotPermitted) as caught:
        permission.demand(etch)
    error = caught.value
    assert isinstance(error, AccessDenied)
    assert (error.exit_code, error.code) == (8, "plugin-not-permitted")
    sentence = f"etch@1.2.0 of etch-dist 1.0.0 may not be imported from {stage.site}: {reason}"
    assert str(error).startswith(f"{sentence}. {move}")
    assert permission.refusal(etch) == sentence


@pytest.mark.parametrize("mode", ["lock", "allow"])
def test_what_is_named_as_it_is_installed_may_be_imported(etch, mode):
    """By its distribution, whichever of its entries is asked for."""
    permission = permissions(etch)[mode]
    assert permission.refusal(etch) is None
    permission.demand(etch._replace(name="etch@1.3.0"))


def test_a_row_of_a_plugin_permits_too(stage):
    """Locks name templates and plugins."""
    stage.install("audit-dist", plugins={"hooks.audit": "m_audit"}, modules={"m_audit": ""}, recorded=True)
    audit = entry_of(stage, "hooks.audit")
    Permission("lock", lock=Lock((), (), (locked_plugin(audit),))).demand(audit)


@pytest.mark.parametrize("name", ["knows-core", "knows_registry", "Knows.SQLite"])
def test_what_the_metapackage_brings_is_always_permitted(stage, name):
    """However its name is written."""
    stage.install(name, plugins={"backend.one": "m_one"})
    Permission("lock").demand(entry_of(stage, "backend.one"))


# ------------------------------------------------------------------ artifacts


@pytest.mark.parametrize(("mode", "authority"), [("lock", "knows.lock"), ("allow", "the list of permitted distr")])
def test_another_artifact_of_the_same_version_is_refused(stage, etch, mode, authority):
    """An error of its own that tells both digests."""
    permission, before = permissions(etch)[mode], artifact_of(etch.folder).digest
    with (stage.site / "etch_dist-1.0.0.dist-info" / "RECORD").open("a") as record:
        record.write("etch_module.py,,\n")
    with pytest.raises(ArtifactChanged) as caught:
        permission.demand(etch)
    error = caught.value
    assert (error.exit_code, error.code, error.expected) == (8, "artifact-changed", f"1.0.0 ({before})")
    assert f"etch@1.2.0 of etch-dist 1.0.0 in {stage.site} is not what {authority}" in str(error)
    assert f"expected 1.0.0 ({before}), found 1.0.0 ({artifact_of(etch.folder).digest})" in str(error)


@pytest.mark.parametrize("mode", ["lock", "allow"])
def test_files_that_changed_since_they_were_installed_are_refused_by_name(stage, etch, mode):
    """The record is the same, the files are not; the next move brings them back."""
    permission = permissions(etch)[mode]
    (stage.site / "etch_module.py").write_text("")
    with pytest.raises(ArtifactChanged) as caught:
        permission.demand(etch)
    assert caught.value.files == ["etch_module.py"]
    assert "expected the files of its RECORD, found etch_module.py missing or altered" in str(caught.value)
    assert "`pip install --force-reinstall --no-deps 'etch-dist==1.0.0'`" in str(caught.value)


def test_another_artifact_whose_files_are_altered_too_names_them(stage, etch):
    """Both are told: the release is another one, and it is not even as it was installed."""
    permission = permissions(etch)["lock"]
    with (stage.site / "etch_dist-1.0.0.dist-info" / "RECORD").open("a") as record:
        record.write("gone.py,sha256=AAAA,1\n")
    refusal = permission.refusal(etch) or ""
    assert f"found 1.0.0 ({artifact_of(etch.folder).digest}), with gone.py missing or altered since" in refusal


def test_of_many_changed_files_the_first_are_named(stage):
    """And how many more there are."""
    modules = {f"m_{number}": "" for number in range(9)}
    stage.install("d", templates={"etch@1.2.0": "m_0:a"}, modules=modules, recorded=True)
    etch = entry_of(stage, "etch@1.2.0")
    permission = permissions(etch)["lock"]
    for module in modules:
        (stage.site / f"{module}.py").unlink()
    assert "m_4.py and 4 more missing or altered" in (permission.refusal(etch) or "")


@pytest.mark.parametrize("mode", ["lock", "allow"])
def test_an_editable_installation_is_bound_by_its_name_while_it_is_one(stage, etch, mode):
    """A release under the same name is something else, and so is the other way round."""
    as_released = permissions(etch)[mode]
    note = stage.site / "etch_dist-1.0.0.dist-info" / "direct_url.json"
    note.write_text('{"dir_info": {"editable": true}}')
    as_editable = permissions(etch)[mode]
    assert as_editable.refusal(etch) is None
    (stage.site / "etch_module.py").write_text("")
    assert as_editable.refusal(etch) is None
    assert "found 1.0.0 (an editable installation)" in (as_released.refusal(etch) or "")
    note.unlink()
    assert "expected 1.0.0 (an editable installation)" in (permissions_again(as_editable).refusal(etch) or "")


def permissions_again(one):
    """The same permission in another process: files are looked at once in each."""
    return Permission(one.mode, lock=one.lock, allowed=one._allowed)


def test_without_a_record_the_version_binds(stage):
    """There is nothing else to compare."""
    stage.install_template("etch", "1.2.0", distribution="etch-dist", module="etch_module")
    etch = entry_of(stage, "etch@1.2.0")
    allowed = allowing(etch)
    assert Permission("allow", allowed=allowed).refusal(etch) is None
    allowed["etch-dist"] = allowed["etch-dist"]._replace(version="0.9.0")
    refusal = Permission("allow", allowed=allowed).refusal(etch) or ""
    assert "expected 0.9.0 (files without RECORD), found 1.0.0 (files without RECORD)" in refusal


@pytest.mark.parametrize("mode", ["lock", "allow"])
def test_a_module_that_takes_the_place_of_the_permitted_one_is_refused(stage, etch, mode, monkeypatch, tmp_path):
    """A file of that name in a folder that comes earlier on the path would be imported instead."""
    permission = permissions(etch)[mode]
    monkeypatch.syspath_prepend(stage.site)
    permission.demand(etch)
    (tmp_path / "etch_module.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginNotPermitted, match="its module would be imported from") as caught:
        permission.demand(etch)
    assert str(tmp_path / "etch_module.py") in str(caught.value)
    assert "etch_module" not in sys.modules


# ------------------------------------------------------------------ what it needs


@pytest.mark.parametrize("mode", ["any", "lock", "allow"])
@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("knows-core", True),
        ("knows-core>=0.1", True),
        ("Knows_Core[testing] <0.3 ; python_version > '3'", True),
        ("knows-core>=9; extra == 'more'", True),
        ("knows-core-extras>=9", True),
        ("knows-core !", True),
        ("knows-core>=9", False),
        ("knows-registry (>=9)", False),
        ("knows-core == 0.1.0", False),
    ],
)
def test_a_plugin_that_needs_another_core_is_refused_before_it_is_imported(stage, monkeypatch, mode, requirement, fits):
    """In every mode; what cannot be read or does not apply is no reason."""
    monkeypatch.syspath_prepend(stage.site)
    for name in ("knows-core", "knows-registry"):
        stage.install(name, "0.2.0")
    metadata = f"Requires-Dist: click\nRequires-Dist: {requirement}\n\nRequires-Dist: knows-core>=99\n"
    stage.install("etch-dist", templates={"etch@1.2.0": "no_module:it"}, metadata=metadata, recorded=True)
    etch = entry_of(stage, "etch@1.2.0")
    permission = {**permissions(etch), "any": Permission("any")}[mode]
    if fits:
        assert permission.refusal(etch) is None
        return
    with pytest.raises(RequirementUnmet) as caught:
        permission.demand(etch)
    assert isinstance(caught.value, PluginBroken)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith("plugin etch@1.2.0 of etch-dist cannot be used: it requires knows-")
    assert "found 0.2.0. `pip install 'knows-" in str(caught.value)


def test_what_is_not_installed_is_outside_of_no_bound(stage):
    """As in a source tree without metadata; `kwf doctor` tells what is missing."""
    folder = stage.install("etch-dist", metadata="Requires-Dist: knows-core>=9\n")
    assert unmet_bound(str(folder), {"knows-core": "1.0.0"}) == ("knows-core>=9", "1.0.0")
    assert unmet_bound(str(folder), {}) is None


# ------------------------------------------------------------------ the notice


def test_that_nothing_was_compared_is_told_once(stage, etch):
    """To whom it was promised; not of what is ours, nor where a person chose `any`."""
    told: list[str] = []
    permission = Permission(notice=told.append)
    permission.demand(etch._replace(distribution="knows-sqlite"))
    assert told == []
    permission.demand(etch)
    permission.demand(etch)
    [sentence] = told
    assert sentence.startswith("etch-dist 1.0.0 is imported without a check of its files: no knows.lock is in force")
    Permission("any", notice=told.append).demand(etch)
    Permission(lock=locking(etch), notice=told.append).demand(etch)
    assert len(told) == 1
