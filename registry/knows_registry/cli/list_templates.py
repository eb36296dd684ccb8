"""`kwf list`: what the metadata of the installed distributions tells, and the last verdict on each entry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from knows_registry.catalog import Catalog
from knows_registry.cli.answer import Answers, columns, json_option, shown
from knows_registry.discover import discover
from knows_registry.verdict import remembered, verdict_faults

if TYPE_CHECKING:
    from knows_registry.discover import Entry, Fault, Offer
    from knows_registry.verdict import Verdict

_NOTHING = (
    "No templates are installed.",
    "`pip install knows-knowledge-ingestion` brings one; `kwf list --broken` shows what could not be read.",
)


@click.command("list")
@click.option("--broken", is_flag=True, help="Show what is broken instead, why, and what to do.")
@json_option
@click.pass_obj
def list_templates(answers: Answers, broken: bool) -> None:
    """List the installed templates and their versions.

    Nothing is imported: names and versions come from metadata, and STATUS from the last `kwf plugins check`.
    """
    catalog = Catalog(discover())
    verdicts = remembered(entries(catalog))
    faults = [*catalog.faults(), *verdict_faults(verdicts)]
    if broken:
        answers.object({"broken": [fault_row(fault) for fault in faults]})
        answers.text(*fault_lines(faults) or ["Nothing is known to be broken; `kwf plugins check` imports everything."])
        return
    offers = catalog.offers()
    claims = Counter(offer[:2] for offer in offers)
    rows = [_row(offer, "duplicate" if claims[offer[:2]] > 1 else _status(offer, verdicts)) for offer in offers]
    answers.object({"templates": rows, "broken": len(faults)})
    if rows:
        cells = [[row["name"], row["version"], _distribution(row), row["status"]] for row in rows]
        answers.text(*columns(cells, ("NAME", "VERSION", "DISTRIBUTION", "STATUS")))
    else:
        answers.text(*_NOTHING)
    if faults and not answers.json:
        answers.note(f"{len(faults)} broken: `kwf list --broken` says why.")


def entries(catalog: Catalog) -> list[Entry]:
    """Every installed entry point that has a readable name: templates, then plugins."""
    offers = [offer.entry for offer in catalog.offers() if offer.entry]
    return offers + [plugin.entry for plugin in catalog.plugins()]


def fault_row(fault: Fault) -> dict[str, Any]:
    """A broken thing for a program."""
    return {
        "distribution": fault.distribution,
        "entry": fault.entry,
        "reason": fault.reason,
        "next": fault.remedy,
    }


def fault_lines(faults: list[Fault]) -> list[str]:
    """Broken things for a person, each ending with the next move."""
    return [
        line
        for fault in faults
        for line in (
            shown(f"{f'{fault.distribution}: {fault.entry}'.rstrip(': ')}: {fault.reason}"),
            shown(f"    Next: {fault.remedy}"),
        )
    ]


def _status(offer: Offer, verdicts: dict[Entry, Verdict]) -> str:
    """`broken: why`, `ok`, or `unchecked` where no verdict holds."""
    verdict = verdicts.get(offer.entry) if offer.entry else None
    if verdict is None:
        return "unchecked"
    return "ok" if verdict.reason is None else f"broken: {verdict.reason}"


def _row(offer: Offer, status: str) -> dict[str, Any]:
    entry = offer.entry
    return {
        "name": offer.name,
        "version": str(offer.version),
        "distribution": entry.distribution if entry else None,
        "distribution_version": entry.distribution_version if entry else None,
        "status": status,
    }


def _distribution(row: dict[str, Any]) -> str:
    return f"{row['distribution']} {row['distribution_version']}"
