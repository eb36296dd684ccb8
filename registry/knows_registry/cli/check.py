"""`kwf check`: everything that is wrong with templates, without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from knows_core.errors import ContractError, RegistryError
from knows_core.template import definition_of
from knows_registry.cli.answer import Answers, failure_of, json_option
from knows_registry.cli.reference import find
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.argument("templates", nargs=-1)
@json_option
@click.pass_obj
def check(answers: Answers, templates: Sequence[str]) -> int:
    """Check TEMPLATES (NAME, NAME@RANGE or FILE.py:object; all that are installed, without any).

    Exit code 4: something does not fit. 3: a template cannot be loaded.
    """
    registry = Registry()
    names = templates or [f"{offer.name}@{offer.version}" for offer in registry.offers()]
    rows: list[dict[str, Any]] = []
    unloaded = False
    for name in names:
        try:
            definition = definition_of(find(registry, name).template)
        except RegistryError as error:
            if len(names) == 1:
                raise
            unloaded = True
            failure = failure_of(error)
            rows.append({"template": name, "problems": [_row(name, failure.message, failure.next_move or "")]})
        else:
            found = [_row(one.where, one.what, one.remedy) for one in definition.problems]
            rows.append({"template": str(definition), "problems": found})
    count = sum(len(row["problems"]) for row in rows)
    answers.object({"checked": rows, "problems": count})
    for row in rows:
        answers.text(f"{row['template']}: {len(row['problems']) or 'no'} problem{'s' * (len(row['problems']) != 1)}")
        answers.text(*(f"  {one['where']}: {one['what']}.\n    Next: {one['remedy']}" for one in row["problems"]))
    return RegistryError.exit_code if unloaded else ContractError.exit_code if count else 0


def _row(where: str, what: str, remedy: str) -> dict[str, str]:
    return {"where": where, "what": what, "remedy": remedy}
