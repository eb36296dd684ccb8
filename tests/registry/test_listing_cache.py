"""A listing is remembered while nothing that it was made of has changed, and never trusted beyond that."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest

from knows_core import pipeline, step
from knows_registry.listing import listing
from knows_registry.listing_cache import Kept, keep, recall
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of

LONG_AGO = 1_600_000_000  # seconds
LATER = 1_700_000_000_000_000_000  # nanoseconds
ROWS = (("etch", "1.0.0", "acme-etch", "4.0", "ok", "Etches.\u2028\r\nA \udcff.", "", "", ""),)
COLD = "import json, sys; from knows_registry.cli import main; code = main(); print(json.dumps(sorted(sys.modules)))"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder on a path, written to long ago, and a cache folder beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    site = tmp_path / "site"
    (site / "acme").mkdir(parents=True)
    (site / "entry_points.txt").write_text("[knows.templates]")
    age(site)
    return site


def age(folder, seconds=LONG_AGO):
    for one in (*folder.rglob("*"), folder):
        os.utime(one, (seconds, seconds))


def kept_file(place):
    (file,) = (place.parent / "cache").rglob("listing-*")
    return file


def kept(place, rows=ROWS, now=LATER):
    keep([str(place)], [str(place / "entry_points.txt"), str(place / "gone")], rows, 3, now=now)
    return recall([str(place)])


def test_what_was_kept_comes_back(place):
    """Rows, empty facts and line ends among them, and the number beside them."""
    assert kept(place) == Kept(ROWS, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda site: (site / "new").mkdir(),
        lambda site: os.utime(site, ns=(1, LONG_AGO * 10**9 + 1)),
        lambda site: (site / "entry_points.txt").write_text("[knows.plugins]"),
        lambda site: (site / "entry_points.txt").unlink(),
        lambda site: (site / "gone").write_text("is there now"),
    ],
)
def test_a_change_of_anything_it_was_made_of_is_noticed(place, change):
    """A folder on the path, a file of ours, or one that was not there."""
    assert kept(place) is not None
    change(place)
    assert recall([str(place)]) is None


def test_another_path_has_another_listing(place):
    """Also one that has more folders or another order."""
    kept(place)
    other = place / "acme"
    for paths in ([], [str(other)], [str(place), str(other)], [str(other), str(place)]):
        assert recall(paths) is None
    assert recall([str(place)]) is not None


def test_what_changed_just_now_is_not_kept(place):
    """A second change within the same tick of the clock would not show in a time stamp."""
    assert kept(place, now=LONG_AGO * 10**9 + 1_000_000_000) is None
    assert kept(place, now=LONG_AGO * 10**9 + 3_000_000_000) is not None
    age(place, LONG_AGO * 2)
    assert kept(place) is None


@pytest.mark.parametrize("fact", ["a\x1fb", "\x1e"])
def test_a_fact_that_would_be_read_as_two_is_not_kept(place, fact):
    """Nothing is escaped: such a listing is made anew each time."""
    assert kept(place, rows=((*ROWS[0][:4], fact),)) is None


def test_a_damaged_file_is_no_listing_and_no_failure(place):
    """Every byte changed, every length cut."""
    whole = kept(place)
    text = kept_file(place).read_bytes()
    for number in range(len(text)):
        kept_file(place).write_bytes(text[:number] + bytes([text[number] ^ 1]) + text[number + 1 :])
        assert recall([str(place)]) is None
        kept_file(place).write_bytes(text[:number])
        assert recall([str(place)]) is None
    kept_file(place).write_bytes(text)
    assert recall([str(place)]) == whole


def test_a_folder_that_cannot_be_written_is_no_failure(place):
    """Nothing is kept then."""
    (place.parent / "cache").write_text("a file where the folder would be")
    assert kept(place) is None


def test_listings_of_old_environments_are_dropped(place):
    """Twenty are enough."""
    for number in range(25):
        keep([str(place), str(number)], [], ROWS[:0], 0, now=LATER)
    assert len(list((place.parent / "cache").rglob("listing-*"))) == 20
    assert recall([str(place), "24"]) is not None


# ------------------------------------------------------------------ kwf list


@pytest.fixture
def remembered(stage):
    """A stage whose listing was made and kept."""
    stage.install_template("etch", "1.0.0", distribution="acme-etch", module="acme_etch")
    age(stage.site)
    age(stage.library)
    return stage


def names(stage, *words):
    return [row["name"] for row in stage.answer("list", *words)["templates"]]


def test_a_remembered_list_is_answered_without_the_rest(remembered):
    """Neither click nor core nor the scan is imported, and the answer is the same."""
    first = remembered.kwf("list")
    again = remembered.python(COLD, "list")
    told, modules = again.stdout.splitlines()[:-1], json.loads(again.stdout.splitlines()[-1])
    assert told == first.stdout.splitlines()
    assert not {"click", "knows_core", "knows_registry.discover"} & {*modules}


def test_installing_and_removing_are_noticed(remembered):
    """The next list has what is there now."""
    assert names(remembered) == names(remembered) == ["etch"]
    folder = remembered.install_template("bake", "1.0.0", distribution="acme-bake", module="acme_bake")
    assert names(remembered) == ["bake", "etch"]
    age(remembered.site, LONG_AGO + 1)
    assert names(remembered) == names(remembered) == ["bake", "etch"]
    (folder / "entry_points.txt").write_text("")
    assert names(remembered) == ["etch"]


def test_a_manifest_that_is_built_in_an_editable_project_is_noticed(stage, tmp_path, monkeypatch):
    """The package is not beside the metadata then; the folder that an import finds is watched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(stage.cache))
    monkeypatch.setattr(sys, "path", [str(stage.site), str(tmp_path / "src")])
    stage.install("acme-line", templates={"line@1.0.0": "acme_line:line"})
    (tmp_path / "src" / "acme_line").mkdir(parents=True)
    age(stage.site)
    age(tmp_path / "src")
    assert [row.summary for row in (*listing().rows, *listing().rows)] == ["", ""]
    assert list(stage.cache.rglob("listing-*"))
    template = pipeline([step(len, name="count")], name="line", version="1.0", summary="Counts.")
    manifest = Manifest("acme-line", (profile_of(template.definition),))
    (tmp_path / "src" / "acme_line" / file_name("acme-line")).write_text(text_of(manifest))
    assert [row.summary for row in listing().rows] == ["Counts."]


def test_a_verdict_is_noticed(remembered):
    """STATUS follows the last `kwf plugins check`."""
    assert remembered.answer("list")["templates"][0]["status"] == "unchecked"
    remembered.kwf("plugins", "check")
    assert remembered.answer("list")["templates"][0]["status"] == "ok"


def test_refresh_looks_again(remembered):
    """Also at what no time stamp tells."""
    foreign = remembered.install("acme-bake")
    age(remembered.site)
    assert names(remembered) == ["etch"]
    (foreign / "entry_points.txt").write_text("[knows.templates]\nbake@1.0.0 = acme_bake:bake")
    age(remembered.site)
    assert names(remembered) == ["etch"]
    assert names(remembered, "--refresh") == names(remembered) == ["bake", "etch"]
    assert "--refresh" in remembered.kwf("list", "--help").stdout


def test_whatever_imports_looks_for_itself(remembered):
    """A template that only a remembered list has cannot be run."""
    names(remembered)
    (file,) = remembered.cache.rglob("listing-*")
    assert b"etch" in file.read_bytes()
    (remembered.site / "acme_etch-1.0.0.dist-info" / "entry_points.txt").write_text("[knows.templates]\n")
    age(remembered.site)
    assert remembered.kwf("show", "etch").returncode == 3


def test_a_run_of_this_moment_has_a_clock(stage):
    """The time that a listing is kept at is now: folders of the future are not remembered."""
    stage.install_template("etch", "1.0.0", distribution="acme-etch", module="acme_etch")
    age(stage.site, time.time() + 3600)
    assert names(stage) == ["etch"]
    assert not list(stage.cache.rglob("listing-*"))
