"""The manifest tells what an installed template is, and nothing of the plugin is imported for it."""

from __future__ import annotations

import json
import sys

import pytest

from knows_core import Version, pipeline, step, use
from knows_core.flows.migration import Migration
from knows_registry.discover import TEMPLATES, Entry, Offer
from knows_registry.manifests.manifest import ManifestBroken, manifest_profile
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import BadManifest, Manifest, manifest_in, text_of
from knows_registry.manifests.profile import profile_of


@step
def weigh() -> int:
    return 1


def profile(version="1.0.0", **notices):
    template = pipeline(weigh | use("scale", "^1.2", keys="fine"), name="line", version=version, summary="Weighs.",
                        migrations=[Migration("^0.9", {"scale": "fine", "old": None})])  # fmt: skip
    return profile_of(template.definition)._replace(**notices)


TEXT = text_of(Manifest("acme-line", (profile(),)))


def test_a_manifest_comes_back_as_it_was_written():
    """Profiles, their uses and their notices, in the order of names and versions."""
    old = profile("1.9.0", yanked="It burns.", deprecated="Old.", successor="1.10.0")
    manifest = Manifest("acme-line", (old, profile("1.10.0")))
    assert manifest_in(text_of(manifest), "acme-line") == manifest
    assert text_of(Manifest("acme-line", manifest.profiles[::-1])) == text_of(manifest)


def test_what_a_manifest_of_an_older_maker_does_not_tell_is_not_known():
    """It is read all the same, and written again without a word on its flow and its migrations."""
    content = json.loads(TEXT)
    del content["templates"][0]["flow"], content["templates"][0]["migrations"]
    content["templates"][0]["uses"][0] |= {"given": {"kind": "int"}, "taken": None}
    older = manifest_in(json.dumps(content), "acme-line")
    assert older.profiles == (profile()._replace(flow=None, migrations=None),)
    assert manifest_in(text_of(older), "acme-line") == older
    assert "flow" not in json.loads(text_of(older))["templates"][0]


def test_a_later_field_is_no_fault_and_a_later_format_is():
    """What is added can be passed over; another format cannot be guessed."""
    content = json.loads(TEXT)
    content["since"] = content["templates"][0]["since"] = 2030
    assert manifest_in(json.dumps(content), "acme-line").profiles == (profile(),)
    with pytest.raises(BadManifest, match=r"^\$\.format: expected 1, found 2$"):
        manifest_in(json.dumps(content | {"format": 2}), "acme-line")


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (["distribution"], "other", '$.distribution: expected acme-line, found "other"'),
        (["templates"], {}, "$.templates: expected a list, found {}"),
        (["templates", 0], 7, "$.templates[0]: expected an object, found 7"),
        (["templates", 0, "name"], "a line", "$.templates[0].name: template name 'a line': expected"),
        (["templates", 0, "version"], "1.0", "$.templates[0].version: expected 1.0.0, found 1.0"),
        (["templates", 0, "version"], "one", "$.templates[0].version: version 'one': expected"),
        (["templates", 0, "summary"], None, "$.templates[0].summary: expected a text, found null"),
        (["templates", 0, "contract", "input"], {"kind": "int"}, "$.templates[0].contract_digest: expected"),
        (["templates", 0, "shape", 0, 1], "moved", "$.templates[0].shape_digest: expected"),
        (["templates", 0, "uses", 0, "range"], "^x", "$.templates[0].uses[0].range: "),
        (["templates", 0, "uses", 0, "keys"], {"a": 1}, "$.templates[0].uses[0].keys.a: expected a text, found 1"),
        (["templates", 0, "flow"], [1], "$.templates[0].flow: expected an object, found [1]"),
        (["templates", 0, "migrations"], {}, "$.templates[0].migrations: expected a list, found {}"),
        (["templates", 0, "migrations"], [{}], "$.templates[0].migrations[0]: expected 'since' in it, found nothing"),
        (["templates", 0, "migrations"], [{"since": "^x", "steps": {}}], "$.templates[0].migrations[0]: "),
        (["templates", 0, "migrations"], [{"since": "^1.0", "steps": {"a": 1}}], "$.templates[0].migrations[0].steps"),
        (["templates", 0, "successor"], "new", "$.templates[0].successor: "),
    ],
)
def test_a_fault_is_told_by_its_place(place, value, sentence):
    """What was expected, what was found, and the path in the JSON."""
    content = json.loads(TEXT)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(BadManifest) as caught:
        manifest_in(json.dumps(content), "acme-line")
    assert str(caught.value).startswith(sentence)


def test_a_missing_field_and_a_doubled_row_are_told():
    """A reader may rely on every field but the notices, and on one row for each version."""
    content = json.loads(TEXT)
    row = content["templates"][0]
    with pytest.raises(BadManifest, match=r"^\$\.templates\[1\]: line@1\.0\.0 is there twice$"):
        manifest_in(json.dumps(content | {"templates": [row, row]}), "acme-line")
    del row["uses"]
    with pytest.raises(BadManifest, match=r"^\$\.templates\[0\]: expected 'uses' in it, found "):
        manifest_in(json.dumps(content), "acme-line")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": NaN}'])
def test_what_is_no_manifest_at_all_is_told_in_a_sentence(text):
    """Whatever the file holds, it is one kind of error."""
    with pytest.raises(BadManifest, match=r"expected|no JSON"):
        manifest_in(text, "acme-line")


# ------------------------------------------------------------------ where it lies


def offer(site, module="acme_line", distribution="acme-line", name="line@1.0.0"):
    entry = Entry(TEMPLATES, name, module, "line", distribution, "1.0", f"{site}/acme_line-1.0.dist-info")
    return Offer(name.partition("@")[0], Version(name.partition("@")[2]), entry)


def put(folder, text=TEXT, distribution="acme-line"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file_name(distribution)).write_text(text, encoding="utf-8")
    return folder


def test_it_is_found_in_the_package_beside_the_metadata(tmp_path):
    """The package need not even be importable."""
    put(tmp_path / "acme_line")
    (tmp_path / "acme_line" / "__init__.py").write_text("raise SystemExit")
    assert manifest_profile(offer(tmp_path, "acme_line.flows.main")) == profile()


def test_it_is_found_where_an_editable_installation_leads(tmp_path, monkeypatch):
    """The finder of imports knows where the package is, and executes nothing of it."""
    put(tmp_path / "project" / "src" / "acme_line")
    (tmp_path / "project" / "src" / "acme_line" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path / "project" / "src")
    assert manifest_profile(offer(tmp_path / "site", "acme_line.flows")) == profile()
    assert "acme_line" not in sys.modules


@pytest.mark.parametrize("editable", [False, True])
def test_a_module_without_a_package_has_it_beside(tmp_path, monkeypatch, editable):
    """A distribution of a single file has a manifest too."""
    place = tmp_path / "project" if editable else tmp_path / "site"
    put(place)
    (place / "acme_line.py").write_text("raise SystemExit")
    if editable:
        monkeypatch.syspath_prepend(place)
    assert manifest_profile(offer(tmp_path / "site")) == profile()


def test_two_distributions_in_one_name_space_have_a_manifest_each(tmp_path):
    """The file is named by the distribution."""
    put(tmp_path / "acme")
    put(tmp_path / "acme", text_of(Manifest("acme-oven", ())), "acme-oven")
    assert manifest_profile(offer(tmp_path, "acme.line")) == profile()
    assert manifest_profile(offer(tmp_path, "acme.oven", "acme-oven")) is None


def test_without_a_manifest_or_a_row_in_it_there_is_no_profile(tmp_path):
    """Neither is a fault of what is installed: the template can be imported."""
    assert manifest_profile(offer(tmp_path)) is None
    assert manifest_profile(Offer("line", Version("1.0.0"))) is None
    put(tmp_path / "acme_line")
    assert manifest_profile(offer(tmp_path, name="line@2.0.0")) is None


def test_a_broken_one_is_named_with_the_next_move(tmp_path):
    """File, distribution, reason, and how it is made anew."""
    file = put(tmp_path / "acme_line", '{"format": 9}') / file_name("acme-line")
    with pytest.raises(ManifestBroken) as caught:
        manifest_profile(offer(tmp_path))
    assert str(caught.value) == (
        f"the manifest {file} of acme-line cannot be used: $.format: expected 1, found 9."
        " `kwf manifest build` in its project writes it anew; or reinstall acme-line."
    )
    assert (caught.value.code, caught.value.exit_code) == ("manifest-broken", 3)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestBroken, match="can't decode"):
        manifest_profile(offer(tmp_path))


def test_one_that_was_rewritten_is_read_again(tmp_path):
    """The memory of this process holds for a file as it was."""
    put(tmp_path / "acme_line")
    assert manifest_profile(offer(tmp_path)) == profile()
    put(tmp_path / "acme_line", text_of(Manifest("acme-line", (profile(yanked="It burns."),))))
    found = manifest_profile(offer(tmp_path))
    assert found is not None
    assert found.yanked == "It burns."
