"""`kwf show`: one template, drawn as a tree or a chart, or as data: its schema, its contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from knows_core.drawing import tree
from knows_registry.cli.answer import Answers, json_option, plain
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.reference import find_linked

if TYPE_CHECKING:
    from knows_core.template import Definition


@click.command()
@click.argument("template")
@click.option("--tree", "form", flag_value="tree", default="tree", help="Draw the flow as a tree (the default).")
@click.option("--mermaid", "form", flag_value="mermaid", help="Draw it as a Mermaid flowchart.")
@click.option("--schema", "form", flag_value="schema", help="The JSON Schema of its state, input and output.")
@click.option("--contract", "form", flag_value="contract", help="What others rely on, as data, with its digest.")
@json_option
@click.pass_obj
def show(answers: Answers, template: str, form: str) -> None:
    """Show TEMPLATE (NAME, NAME@RANGE or FILE.py:object): what it takes, its steps, what it gives.

    At a hand-over `~` means that the value is converted, `?` that it is checked at run time, `!` that it does not fit.
    """
    definition = find_linked(registry_of(answers), template)
    told, lines = _FORMS[form](definition)
    answer = {"template": definition.name, "version": str(definition.version), **told}
    answers.object(answer)
    answers.text(*lines or [json.dumps(plain(answer), indent=2)])


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
    from knows_core.mermaid import flowchart  # for this form only

    lines = flowchart(definition)
    return {"mermaid": "\n".join(lines)}, lines


def _schema(definition: Definition) -> tuple[dict[str, Any], list[str]]:
    from knows_core.models import state_schema, value_schema  # imports pydantic, for a schema only

    told = {
        "state": state_schema(definition.model, definition.required),
        "input": value_schema(definition.seams.input),
        "output": value_schema(definition.seams.output),
    }
    return told, []


def _contract(definition: Definition) -> tuple[dict[str, Any], list[str]]:
    return {"contract": definition.contract, "digest": definition.fingerprint.contract_digest}, []


_FORMS = {"tree": _tree, "mermaid": _mermaid, "schema": _schema, "contract": _contract}
