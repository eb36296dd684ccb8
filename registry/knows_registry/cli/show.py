"""`kwf show`: one template, drawn, or as the JSON Schema of what it takes."""

from __future__ import annotations

import json

import click

from knows_core.drawing import tree
from knows_core.template import definition_of
from knows_registry.cli.answer import Answers, json_option, plain
from knows_registry.cli.reference import find
from knows_registry.registry import Registry


@click.command()
@click.argument("template")
@click.option("--tree", "_tree", is_flag=True, expose_value=False, help="Draw the steps (the default).")
@click.option("--schema", is_flag=True, help="The JSON Schema of its state and input instead.")
@json_option
@click.pass_obj
def show(answers: Answers, template: str, schema: bool) -> None:
    """Show TEMPLATE (NAME, NAME@RANGE or FILE.py:object): what it takes, its steps, what it gives."""
    definition = definition_of(find(Registry(), template).template)
    if schema:
        from knows_core.models import input_schema, state_schema  # imports pydantic, for a schema only

        answer = {
            "template": definition.name,
            "version": str(definition.version),
            "state": state_schema(definition.model, definition.required),
            "input": input_schema(definition.first_input),
        }
        answers.object(answer)
        answers.text(json.dumps(plain(answer), indent=2))
        return
    answers.object(
        {
            "template": definition.name,
            "version": str(definition.version),
            "summary": definition.summary,
            "required_state": definition.required,
            "steps": [path for path, _ in definition.steps],
        }
    )
    answers.text(*tree(definition))
