"""`kwf show`: one template in short, drawn as a tree or a chart, or as data: its schema, its contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from knows_core.checking.drawing import tree
from knows_core.linking import linked
from knows_registry.cli.answer import Answers, json_option, plain
from knows_registry.cli.completion import templates
from knows_registry.cli.outline import short
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.reference import find_unlinked
from knows_registry.cli.unimported import note_imports, told
from knows_registry.manifests.profile import profile_of

if TYPE_CHECKING:
    from knows_core.template import Definition
    from knows_registry.manifests.profile import Profile


@click.command()
@click.argument("template", shell_complete=templates)
@click.option("--tree", "form", flag_value="tree", help="Draw the whole flow as a tree (the default for a file).")
@click.option("--mermaid", "form", flag_value="mermaid", help="Draw it as a Mermaid flowchart.")
@click.option("--schema", "form", flag_value="schema", help="The JSON Schema of its state, input and output.")
@click.option("--contract", "form", flag_value="contract", help="What others rely on, as data, with its digest.")
@json_option
@click.pass_obj
def show(answers: Answers, template: str, form: str | None) -> None:
    """Show TEMPLATE (NAME, NAME@RANGE or FILE.py:object): what it takes, its steps, what it gives.

    An installed template is shown in short, and so is its --contract, from its manifest, and nothing is imported; one
    without a manifest is imported and drawn as a tree. At a hand-over `~` means that the value is converted, `?` that
    it is checked at run time, `!` that it does not fit.
    """
    registry = registry_of(answers)
    known = told(registry, template) if form in (None, "contract") else None
    if known is not None and known[1] is not None:
        offer, profile = known[0], known[1]
        facts, lines = _contract(profile) if form == "contract" else short(offer, profile)
        _tell(answers, profile.name, profile.version, facts, lines)
        return
    definition = find_unlinked(registry, template)
    note_imports(answers, [known[0]] if known is not None else [])
    if form == "contract":
        facts, lines = _contract(profile_of(definition))
    else:
        definition = linked(definition, registry)
        facts, lines = _FORMS[form or "tree"](definition)
    _tell(answers, definition.name, str(definition.version), facts, lines)


def _tell(answers: Answers, name: str, version: str, facts: dict[str, Any], lines: list[str]) -> None:
    answer = {"template": name, "version": version, **facts}
    answers.object(answer)
    answers.text(*lines or [json.dumps(plain(answer), indent=2)])


def _contract(profile: Profile) -> tuple[dict[str, Any], list[str]]:
    beside = {"lineage": profile.lineage, "defaults": profile.defaults}
    return {"contract": profile.contract, "digest": profile.contract_digest, **beside}, []


def _tree(definition: Definition) -> tuple[dict[str, Any], list[str]]:
    told = {
        "summary": definition.summary,
        "required_state": definition.required,
        "steps": [path for path, _ in definition.steps],
        "parts": [{"path": path, "template": str(part.definition)} for path, part in definition.parts],
        "tree": tree(definition),
    }
    return told, tree(definition)


def _mermaid(definition: Definition) -> tuple[dict[str, Any], list[str]]:
    from knows_core.checking.mermaid import flowchart  # for this form only

    lines = flowchart(definition)
    return {"mermaid": "\n".join(lines)}, lines


def _schema(definition: Definition) -> tuple[dict[str, Any], list[str]]:
    from knows_core.states.models import state_schema, value_schema  # imports pydantic, for a schema only

    told = {
        "state": state_schema(definition.model, definition.required),
        "input": value_schema(definition.seams.input),
        "output": value_schema(definition.seams.output),
    }
    return told, []


_FORMS = {"tree": _tree, "mermaid": _mermaid, "schema": _schema}
