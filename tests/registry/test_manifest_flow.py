"""The flow in a manifest: where it is missing or was edited, `kwf check` says so and never guesses."""

from __future__ import annotations

import json

import pytest

from knows_core import pipeline, step
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of

LINE = pipeline([step(len)], name="line", version="1.0")


def test_a_manifest_from_before_flows_were_told_is_read_and_the_template_imported(stage):
    """It can be listed and shown; what it does not tell is said aloud."""
    source = "from knows_core import pipeline, step\nline = pipeline([step(len)], name='line', version='1.0')\n"
    stage.install("acme", templates={"line@1.0.0": "acme_line:line"}, modules={"acme_line": source})
    profile = profile_of(LINE.definition)._replace(flow=None, migrations=None)
    (stage.site / file_name("acme")).write_text(text_of(Manifest("acme", (profile,))), encoding="utf-8")
    done = stage.kwf("check", "line")
    assert (done.returncode, done.stdout) == (0, "line@1.0.0: no problems\n")
    assert done.stderr.endswith(
        "line@1.0.0 has a manifest of an older kwf, which does not tell its flow, so it was imported.\n"
    )


@pytest.mark.parametrize(
    ("flow", "reason"),
    [
        ({"definitions": {}, "node": {"kind": "step", "name": "other", "gives": {}}}, "has not the shape"),
        ({"definitions": {}, "node": {"kind": "loop"}}, "expected a kind of node, found 'loop'"),
        ({}, "cannot be read (KeyError: 'definitions')"),
    ],
)
def test_a_flow_that_was_edited_by_hand_is_refused(stage, flow, reason):
    """With the file, what is wrong with it, and the command that writes it anew: exit 3."""
    file = stage.install_unimportable("acme-line", LINE)
    content = json.loads(file.read_text())
    content["templates"][0]["flow"] = flow
    file.write_text(json.dumps(content))
    done = stage.kwf("check", "line")
    assert done.returncode == 3
    assert "the flow of line@1.0.0 " in done.stderr
    assert reason in done.stderr
    assert "kwf manifest build" in done.stderr
