"""`kwf show` of an installed template: from its manifest without importing it, or imported, said aloud."""

from __future__ import annotations

import pytest

from knows_core import approval, case, each, pipeline, repeat, scope, step, use
from knows_registry.manifests.profile import profile_of


@step
def weigh(lot: str) -> int:
    return len(lot)


@step
def label(weight: int) -> str:
    return str(weight)


@step
def share(weight: int) -> list[int]:
    return [weight]


def heavy(weight, state):
    return weight > 3


inner = pipeline([label], name="inner", version="2.1")
line = pipeline(
    [
        weigh,
        case((heavy, scope(use("scale", "^1.2", alias="fine"), name="timed", timeout=30)), label),
        approval("ship", role="packer"),
        repeat(use("tune"), until=heavy, max_times=3),
        share,
        each(use(inner)),
    ],
    name="line",
    version="1.0",
    required_state=["lot"],
    summary="Weighs <lots>.",
)


def test_an_installed_template_is_shown_in_short_without_importing_it(stage):
    """What it takes, its steps with what they use, what it gives, and where it comes from."""
    stage.install_unimportable("acme-line", line)
    done = stage.kwf("show", "line")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "line@1.0.0  Weighs <lots>.",
        "from: acme-line 1.0.0 (acme_line.flows:it)",
        "state: lot",
        "input: str",
        "output: list[str]",
        "- weigh",
        "- case timed?",
        "  - if heavy",
        "    - scope timed",
        "      - use scale ^1.2 as fine",
        "  - branch",
        "    - label",
        "- approval ship",
        "- repeat tune[] until heavy",
        "  - use tune *",
        "- share",
        "- each inner[]",
        "  - inner@2.1.0",
        "    - label",
    ]


def test_a_program_gets_the_same_as_one_object(stage):
    """Paths of steps and parts, uses with their ranges."""
    stage.install_unimportable("acme-line", line)
    told = stage.answer("show", "line@^1")
    assert (told["template"], told["version"], told["summary"]) == ("line", "1.0.0", "Weighs <lots>.")
    assert (told["required_state"], told["input"], told["output"]) == (["lot"], "str", "list[str]")
    assert told["steps"] == ["weigh", "label", "share", "inner[]/inner/label"]
    assert told["parts"] == [{"path": "inner[]/inner", "template": "inner@2.1.0"}]
    assert [one["template"] for one in told["uses"]] == ["scale", "tune"]


def test_the_contract_comes_from_the_manifest(stage):
    """With the digest that list, lock and diff use; what it uses need not be installed."""
    stage.install_unimportable("acme-line", line)
    told = stage.answer("show", "line", "--contract")
    profile = profile_of(line.definition)
    assert (told["contract"], told["digest"]) == (profile.contract, profile.contract_digest)
    assert told["contract"]["uses"]["timed/fine"] == ["scale", "^1.2"]


@pytest.mark.parametrize("form", ["--tree", "--mermaid", "--schema"])
def test_the_whole_flow_needs_an_import(stage, form):
    """Of a template that cannot be imported there is no drawing, and the error says why."""
    stage.install_unimportable("acme-line", pipeline([weigh], name="line", version="1.0"))
    done = stage.kwf("show", "line", form)
    assert done.returncode == 3
    assert "SystemExit: imported" in done.stderr


def test_without_a_manifest_it_is_imported_and_that_is_said(stage):
    """The drawing of the flow, and a note beside it; where an import was asked for nothing is to be said."""
    stage.install_template("greeting", "1.0.0", distribution="greeting-dist", module="greeting_module")
    note = "greeting@1.0.0 has no manifest, so it was imported.\n"
    done = stage.kwf("show", "greeting")
    assert (done.stdout.splitlines()[0], done.stderr.endswith(note)) == ("greeting@1.0.0", True)
    assert stage.kwf("show", "greeting", "--contract").stderr.endswith(note)
    assert "no manifest" not in stage.kwf("show", "greeting", "--tree").stderr


def test_a_broken_manifest_is_not_guessed_from(stage):
    """Exit 3 with the place in the file; the drawing, which needs no manifest, is still to be had."""
    stage.install_unimportable("acme-line", pipeline([weigh], name="line", version="1.0")).write_text("{")
    done = stage.kwf("show", "line")
    assert done.returncode == 3
    assert "cannot be used: it is no JSON" in done.stderr
