"""`kwf check`: everything that is wrong with templates, without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from knows_core import ContractError, RegistryError
from knows_core.template import definition_of
from knows_registry.cli.answer import Answers, failure_of, json_option
from knows_registry.cli.reference import find, references
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@click.command()
@click.argument("templates", nargs=-1)
@json_option
@click.pass_obj
def check(answers: Answers, templates: Sequence[str]) -> int:
    """Check TEMPLATES: NAME, NAME@RANGE, FILE.py:object, or FILE.py for all in it; without any, all that are installed.

    Exit code 4: something does not fit. 3: a template cannot be loaded.
    """
    registry = Registry()
    unloaded: list[RegistryError] = []
    wanted = templates or [f"{offer.name}@{offer.version}" for offer in registry.offers()]
    rows = [row for text in wanted for row in _checked(registry, text, unloaded)]
    if unloaded and len(rows) == 1:
        raise unloaded[0]
    count = sum(len(row["problems"]) for row in rows)
    answers.object({"checked": rows, "problems": count})
    for row in rows:
        answers.text(f"{row['template']}: {len(row['problems']) or 'no'} problem{'s' * (len(row['problems']) != 1)}")
        answers.text(*(f"  {one['where']}: {one['what']}.\n    Next: {one['remedy']}" for one in row["problems"]))
    return RegistryError.exit_code if unloaded else ContractError.exit_code if count else 0


def _checked(registry: Registry, text: str, unloaded: list[RegistryError]) -> Iterator[dict[str, Any]]:
    """A row for every template that a reference stands for; one that cannot be loaded costs only its own."""
    try:
        several = references(text)
        if several != [text]:
            for reference in several:
                yield from _checked(registry, reference, unloaded)
            return
        definition = definition_of(find(registry, text).template)
        problems = [_row(one.where, one.what, one.remedy) for one in definition.problems]
        yield {"template": str(definition), "problems": problems}
    except RegistryError as error:
        unloaded.append(error)
        failure = failure_of(error)
        yield {"template": text, "problems": [_row(text, failure.message, failure.next_move or "")]}


def _row(where: str, what: str, remedy: str) -> dict[str, str]:
    return {"where": where, "what": what, "remedy": remedy}
