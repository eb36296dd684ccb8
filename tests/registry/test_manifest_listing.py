"""What manifests add to `kwf list`: summaries, notices, and the faults of the manifests themselves."""

from __future__ import annotations

import json

import pytest

from knows_core import pipeline, step
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of


@step
def weigh() -> int:
    return 1


FLOWS = """
from knows_core import pipeline, step

@step
def weigh() -> int:
    return 1

it = pipeline([weigh], name="line", version="1.0")
"""


def profile(version, **notices):
    template = pipeline([weigh], name="line", version=version, summary="Weighs.\nSlowly.")
    return profile_of(template.definition)._replace(**notices)


def install(stage, *profiles, offered=("1.0.0", "1.1.0", "1.2.0")):
    """A distribution whose module may not be imported, and its manifest."""
    stage.install(
        "acme-line",
        templates={f"line@{version}": "acme_line.flows:line" for version in offered},
    )
    package = stage.site / "acme_line"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / file_name("acme-line")).write_text(text_of(Manifest("acme-line", profiles)))
    return package / file_name("acme-line")


def test_summaries_and_notices_are_listed(stage):
    """The reason why a version should not be used, and what to use instead, stand where the status would."""
    install(
        stage,
        profile("1.0.0", yanked="It burns.", successor="1.2.0"),
        profile("1.1.0", deprecated="Old.", successor="1.2.0"),
        profile("1.2.0"),
    )
    assert stage.kwf("list").stdout.splitlines() == [
        "NAME  VERSION  DISTRIBUTION     STATUS                        SUMMARY",
        "line  1.2.0    acme-line 1.0.0  unchecked                     Weighs.",
        "line  1.1.0    acme-line 1.0.0  deprecated: Old.; use 1.2.0   Weighs.",
        "line  1.0.0    acme-line 1.0.0  yanked: It burns.; use 1.2.0  Weighs.",
    ]
    rows = stage.answer("list")["templates"]
    assert [(row["yanked"], row["deprecated"], row["successor"]) for row in rows] == [
        (None, None, None), (None, "Old.", "1.2.0"), ("It burns.", None, "1.2.0"),
    ]  # fmt: skip
    assert rows[0]["summary"] == "Weighs.\nSlowly."


def test_a_stale_manifest_is_named(stage):
    """A template of which only one of manifest and metadata knows is told, and still listed or not as it is offered."""
    file = install(stage, profile("1.0.0"), profile("1.1.0"), offered=("1.1.0", "1.2.0"))
    assert [row["version"] for row in stage.answer("list")["templates"]] == ["1.2.0", "1.1.0"]
    assert "2 broken" in stage.kwf("list").stderr
    broken = stage.answer("list", "--broken")["broken"]
    assert [(one["entry"], one["reason"]) for one in broken] == [
        ("line@1.2.0", f"its manifest {file} does not have it, so it must be imported to be looked at"),
        ("line@1.0.0", f"its manifest {file} tells of it, but no entry point offers it"),
    ]
    assert all("`kwf manifest build`" in one["next"] for one in broken)
    told = stage.answer("doctor")["broken"]
    assert all(one in told for one in broken)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ('{"format": 2}', "$.format: expected 1, found 2"),
        ('{"format": 1, "distribution": "other"}', "$.distribution: expected acme-line"),
        ('{"format": 1, "distribution": "acme-line", "templates": [7]}', "$.templates[0]: expected an object"),
        ("\udcff", "can't decode"),
    ],
)
def test_a_broken_manifest_costs_only_itself(stage, text, reason):
    """Its templates are listed as the metadata tells, others with all that is known of them."""
    file = install(stage, profile("1.0.0"), offered=("1.0.0",))
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    stage.install_template("sound", "1.2.0", distribution="sound-dist", module="sound_module")
    listed = stage.kwf("list")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["line", "sound"]
    assert listed.stderr == "1 broken: `kwf list --broken` says why.\n"
    (fault,) = stage.answer("list", "--broken")["broken"]
    assert fault["distribution"] == "acme-line"
    assert reason in fault["reason"]


def test_a_manifest_that_tells_of_another_template_is_found_by_the_check(stage):
    """Who imports everything compares; until then nobody can know."""
    file = stage.install_unimportable("acme-line", pipeline([weigh], name="line", version="1.0"))
    (file.parent / "__init__.py").write_text("")
    flows = file.parent / "flows.py"
    flows.write_text(FLOWS)
    assert stage.answer("plugins", "check")["broken"] == []
    flows.write_text(FLOWS.replace("-> int", "-> float"))
    (fault,) = stage.answer("plugins", "check")["broken"]
    reason = "its manifest tells another contract than the template has"
    assert (fault["entry"], fault["reason"]) == ("line@1.0.0", reason)
    flows.write_text(FLOWS.replace("def weigh", "def lift").replace("[weigh]", "[lift]"))
    (fault,) = stage.answer("plugins", "check")["broken"]
    assert fault["reason"] == "its manifest tells another shape than the template has"
    flows.write_text(FLOWS.replace("weigh()", "weigh(state)"))
    (fault,) = stage.answer("plugins", "check")["broken"]
    assert fault["reason"] == "its manifest tells of steps, types or state keys that the template does not have"
    moves = 'import Migration, pipeline, step\nMOVES = [Migration("^0.9")]'
    flows.write_text(FLOWS.replace("import pipeline, step", moves).replace('"1.0")', '"1.0", migrations=MOVES)'))
    (fault,) = stage.answer("plugins", "check")["broken"]
    assert fault["reason"] == "its manifest tells other migrations than the template has"


def test_a_digest_that_lies_is_named_where_all_is_read(stage):
    """A list reads summaries only; `--broken` reads manifests as those who rely on them do."""
    file = install(stage, profile("1.0.0"), offered=("1.0.0",))
    content = json.loads(file.read_text())
    content["templates"][0]["contract"]["output"] = {"kind": "str"}
    file.write_text(json.dumps(content))
    (fault,) = stage.answer("list", "--broken")["broken"]
    assert "$.templates[0].contract_digest: expected" in fault["reason"]
