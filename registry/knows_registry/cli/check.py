"""`kwf check`: everything that is wrong with templates, without running them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import click

from knows_core import ContractError, RegistryError
from knows_core.checking.seams import MODES
from knows_core.linking import Linker
from knows_core.types import Fit
from knows_core.version import VersionRange
from knows_registry.checked import CheckedRegistry
from knows_registry.cli import completion
from knows_registry.cli.answer import Answers, json_option
from knows_registry.cli.failure import failure_of
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.reference import file_in, find_linked, references
from knows_registry.cli.unimported import note_imports
from knows_registry.composition import Chosen
from knows_registry.permits.errors_permission import PluginNotPermitted
from knows_registry.registry import Registry
from knows_registry.resolving.resolve import Need, Slot
from knows_registry.told import told_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from knows_core.template import Definition
    from knows_registry.discover import Offer


@click.command()
@click.argument("templates", nargs=-1, shell_complete=completion.templates)
@click.option(
    "--types", type=click.Choice(MODES), help="How strictly seams are checked, whatever the templates themselves say."
)
@json_option
@click.pass_obj
def check(answers: Answers, templates: Sequence[str], types: str | None) -> int:
    """Check TEMPLATES: NAME, NAME@RANGE, FILE.py:object, or FILE.py for all in it; without any, all that are installed.

    Templates with manifests are checked against each other without importing any of them; with --types they are
    imported, since a manifest tells what its template's own rule let pass. Of all that are installed, what the last
    `kwf plugins check` found broken is not imported, and what it did not look at is imported apart first. Required
    state is what must have a value before a run: declared keys, and those that a part needs and no earlier one surely
    leaves behind. Notes are worth a look and keep nothing from running: values that are converted or checked at run
    time, keys that nobody reads. Exit code 4: something does not fit. 3: a template, or one that it uses, cannot be
    had. 8: what cannot be had is not permitted.
    """
    registry = registry_of(answers, kind=Registry if templates else CheckedRegistry)
    imported: list[Offer] = []
    unloaded: list[RegistryError | PluginNotPermitted] = []
    wanted = templates or [f"{offer.name}@{offer.version}" for offer in registry.offers()]
    rows = [row for text in wanted for row in _checked(registry, text, types, unloaded, imported)]
    note_imports(answers, list(dict.fromkeys(imported)))
    if unloaded and len(rows) == 1:
        raise unloaded[0]
    count = sum(len(row["problems"]) for row in rows)
    answers.object({"checked": rows, "problems": count})
    for row in rows:
        state = f", required state: {', '.join(row['required_state'])}" if row["required_state"] else ""
        answers.text(
            f"{row['template']}: {len(row['problems']) or 'no'} problem{'s' * (len(row['problems']) != 1)}{state}"
        )
        answers.text(*(f"  {one['where']}: {one['what']}.\n    Next: {one['remedy']}" for one in row["problems"]))
        answers.text(*(f"  note: {one}" for one in row["notes"]))
    if unloaded:
        return max(unloaded, key=lambda error: isinstance(error, RegistryError)).exit_code
    return ContractError.exit_code if count else 0


def _checked(
    registry: Registry,
    text: str,
    types: str | None,
    unloaded: list[RegistryError | PluginNotPermitted],
    imported: list[Offer],
) -> Iterator[dict[str, Any]]:
    """A row for every template that a reference stands for; one that cannot be loaded costs only its own."""
    try:
        several = references(text)
        if several != [text]:
            for reference in several:
                yield from _checked(registry, reference, types, unloaded, imported)
            return
        told = _told(registry, text, imported) if types is None and file_in(text) is None else None
        definition = told or find_linked(registry, text)
        if types is not None:
            definition = replace(definition, types=types)
        problems = [_row(one.where, one.what, one.remedy) for one in definition.problems]
        yield {
            "template": str(definition),
            "required_state": definition.required,
            "problems": problems,
            "notes": _notes(definition, is_told=told is not None),
        }
    except (RegistryError, PluginNotPermitted) as error:
        unloaded.append(error)
        failure = failure_of(error)
        problems = [_row(text, failure.message, failure.next_move or "")]
        yield {"template": text, "required_state": None, "problems": problems, "notes": []}


def _told(registry: Registry, text: str, imported: list[Offer]) -> Definition | None:
    """An installed template and all that it is composed of, as manifests tell it; else those that do not tell it."""
    offer = registry.offer(text)
    composition = registry.compose([Need(Slot(offer.name), VersionRange(str(offer.version)))])
    told = {one: told_definition(one) for one in composition.offers.values()}
    if missing := [one for one, definition in told.items() if definition is None]:
        imported += [one for one in missing if one.entry is not None]
        return None
    chosen = Chosen(composition, lambda one: cast("Any", SimpleNamespace(definition=told[one])))
    return Linker(None, composed=chosen).definition(cast("Definition", told[offer]))


def _notes(definition: Definition, *, is_told: bool) -> list[str]:
    """The seams that do not simply fit and yet are no problem, and what is noticed about state keys.

    What lies inside a template that is told by its manifest was looked at when that was made.
    """
    seams = [] if definition.types == "off" else definition.seams.seams
    watched = [one for one in seams if one.verdict.fit is not Fit.FITS and not one.is_refused(definition.types)]
    met = [one for one in watched if not (is_told and one.inside)]
    return [*(f"{one} ({one.verdict.reason})" for one in met), *definition.keys.notes]


def _row(where: str, what: str, remedy: str) -> dict[str, str]:
    return {"where": where, "what": what, "remedy": remedy}
