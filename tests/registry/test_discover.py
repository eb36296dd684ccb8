"""Discovery reads metadata folders and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from knows_core import Version
from knows_registry.discover import Found, discover


def scan(*folders: Path) -> Found:
    return discover(map(str, folders))


def test_an_entry_point_becomes_an_offer_with_all_its_facts(stage):
    """Name, version, distribution, its version, module and attribute come from the folder alone."""
    folder = stage.install("Acme.Etch_Tools", "3.1", templates={"etch@1.2.0-rc.1": "acme.etch:flows.etch [extra]"})
    (offer,) = scan(stage.site).offers
    assert (offer.name, offer.version) == ("etch", Version("1.2.0-rc.1"))
    assert offer.entry is not None
    assert offer.entry.distribution == "acme-etch-tools"
    assert offer.entry.distribution_version == "3.1"
    assert (offer.entry.module, offer.entry.attribute) == ("acme.etch", "flows.etch")
    assert Path(offer.entry.folder) == folder


def test_records_are_frozen_and_have_no_dict(stage):
    """What a scan yields cannot be changed by whoever holds it."""
    stage.install("d", templates={"a@1.0.0": "m:a"})
    (offer,) = scan(stage.site).offers
    with pytest.raises(AttributeError):
        offer.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        offer.entry.module = "n"  # type: ignore[misc, union-attr]
    assert not hasattr(offer, "__dict__")


def test_several_versions_of_one_distribution_stand_side_by_side(stage):
    """One entry point per version."""
    stage.install("d", templates={"a@1.0.0": "m:a1", "a@2.0.0": "m:a2"})
    assert [str(offer) for offer in scan(stage.site).offers] == ["a@1.0.0", "a@2.0.0"]


def test_nothing_is_imported(stage):
    """A scan leaves the modules it names alone."""
    stage.install("d", templates={"a@1.0.0": "trap_module:a"}, modules={"trap_module": "raise SystemExit"})
    assert scan(stage.site).offers
    assert "trap_module" not in sys.modules


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a@1.0.0 = not a module:it", "`name = module:attribute`"),
        ("a@1.0.0 = module", "`name = module:attribute`"),
        ("a@1.0.0 = module:", "`name = module:attribute`"),
        ("a@1.0.0 = module:9", "`name = module:attribute`"),
        ("a@1.0.0 = mod..ule:it", "`name = module:attribute`"),
        ("a@1.0.0", "`name = module:attribute`"),
        ("= m:a", "`name = module:attribute`"),
        ("a = m:a", "a name with its version such as `a@1.0.0`"),
        ("@1.0.0 = m:a", "template name ''"),
        ("9a@1.0.0 = m:a", "template name '9a'"),
        ("a@ = m:a", "version ''"),
        ("a@1.x = m:a", "version '1.x'"),
        ("a@1.0.0+build = m:a", "version '1.0.0+build'"),
        ("a@1@2 = m:a", "version '1@2'"),
    ],
)
def test_a_malformed_template_entry_is_a_fault_that_names_it(stage, line, reason):
    """The fault names distribution, entry and reason; the entry beside it is unharmed."""
    folder = stage.install("bad-dist", templates={"good@1.0.0": "m:good"})
    with (folder / "entry_points.txt").open("a") as file:
        file.write(f"\n[knows.templates]\n{line}\n")
    found = scan(stage.site)
    assert [str(offer) for offer in found.offers] == ["good@1.0.0"]
    (fault,) = found.faults
    assert (fault.distribution, fault.entry) == ("bad-dist", line)
    assert reason in fault.reason
    assert fault.remedy


@pytest.mark.parametrize("key", ["sqlite", "backend.", "backends.sqlite", ".sqlite", "backend.a b"])
def test_a_plugin_key_is_a_known_kind_and_a_key(stage, key):
    """Anything else is a fault, so that a misspelt kind does not vanish."""
    stage.install("bad-dist", plugins={key: "m:plugin", "backend.good": "m", "hooks.x": "m:h"})
    found = scan(stage.site)
    assert [str(plugin) for plugin in found.plugins] == ["backend.good", "hooks.x"]
    assert [fault.entry for fault in found.faults] == [f"{key} = m:plugin"]


def test_odd_files_are_read_as_far_as_they_go(stage):
    """Comments, blank lines, a byte order mark, foreign groups, Windows line ends and bytes that are no text."""
    folder = stage.install("d")
    (folder / "entry_points.txt").write_bytes(
        b"\xef\xbb\xbf[knows.templates]\r\n# note\r\n\r\nb@1.0.0 = m:b\r\n"
        b"[other]\r\nx\r\n\xff = y\r\n [ knows.templates ] \r\n; note\r\n  a@1.0 = m : a\r\n"
    )
    found = scan(stage.site)
    assert [str(offer) for offer in found.offers] == ["b@1.0.0", "a@1.0.0"]
    assert not found.faults


def test_the_first_folder_on_the_path_wins_for_a_distribution(stage, tmp_path):
    """As with imports, a later copy of a distribution is shadowed, also by one that offers nothing."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, templates in ((first, {"a@2.0.0": "m:a"}), (second, {"a@1.0.0": "m:a"})):
        stage.install("the-dist", templates=templates)
        stage.site.rename(folder)
    (first / "other-1.0.dist-info").mkdir()
    (second / "Other-0.9.dist-info").mkdir()
    (second / "Other-0.9.dist-info" / "entry_points.txt").write_text("[knows.templates]\nb@1.0.0 = m:b")
    assert [str(offer) for offer in scan(first, second).offers] == ["a@2.0.0"]
    assert [str(offer) for offer in scan(second, first).offers] == ["b@1.0.0", "a@1.0.0"]


def test_two_metadata_folders_of_one_distribution_are_reported(stage):
    """An interrupted upgrade: the folder written last is used, and the fault names both."""
    old = stage.install("the-dist", "1.0", templates={"a@1.0.0": "m:a"})
    new = stage.install("The_Dist", "2.0", templates={"a@2.0.0": "m:a"})
    os.utime(old, ns=(1, 1))
    os.utime(new, ns=(2, 2))
    found = scan(stage.site)
    assert [str(offer) for offer in found.offers] == ["a@2.0.0"]
    (fault,) = found.faults
    assert "the_dist-1.0.dist-info and The_Dist-2.0.dist-info" in fault.reason
    assert "pip install --force-reinstall the-dist" in fault.remedy


def test_two_metadata_folders_of_a_foreign_distribution_are_not_ours_to_report(stage):
    """Only distributions that offer templates or plugins are spoken of."""
    for version in ("1.0", "2.0"):
        (stage.site / f"foreign-{version}.dist-info").mkdir()
    assert scan(stage.site) == Found()


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        ("knows_x-1.0.egg-info", "knows-x", "1.0"),
        ("knows_x-1.0-py3.11.egg-info", "knows-x", "1.0"),
        ("knows_x.egg-info", "knows-x", "unknown"),
        ("Knows-X-2-1.0.post1.dist-info", "knows-x-2", "1.0.post1"),
    ],
)
def test_name_and_version_of_a_distribution_come_from_its_folder(stage, folder, name, version):
    """Also from the older forms of the folder's name."""
    (stage.site / folder).mkdir()
    (stage.site / folder / "entry_points.txt").write_text("[knows.templates]\na@1.0.0 = m:a")
    (offer,) = scan(stage.site).offers
    assert offer.entry is not None
    assert (offer.entry.distribution, offer.entry.distribution_version) == (name, version)


def test_what_is_no_folder_of_distributions_is_passed_over(stage, tmp_path):
    """A missing folder, a file, a metadata file instead of a folder, and what pip leaves behind."""
    (tmp_path / "file.zip").write_bytes(b"PK")
    (stage.site / "flat-1.0.egg-info").write_text("Name: flat")
    (stage.site / "~nows_x-1.0.dist-info").mkdir()
    assert scan(tmp_path / "missing", tmp_path / "file.zip", stage.site) == Found()


def test_entry_points_that_may_not_be_read_are_a_fault(stage):
    """A distribution whose file cannot be opened is named instead of vanishing."""
    folder = stage.install("locked-dist", templates={"a@1.0.0": "m:a"})
    (folder / "entry_points.txt").unlink()
    (folder / "entry_points.txt").mkdir()  # cannot be opened as a file, whoever runs the test
    (fault,) = scan(stage.site).faults
    assert fault.distribution == "locked-dist"
    assert "cannot be read" in fault.reason
