"""`kwf list`: what the metadata of the installed distributions tells, and the last verdict on each entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from knows_registry.catalog import Catalog
from knows_registry.cli.answer import Answers, json_option, shown
from knows_registry.cli.listing import tell
from knows_registry.discover import discover
from knows_registry.listing import known_faults

if TYPE_CHECKING:
    from knows_registry.discover import Fault


@click.command("list")
@click.option("--broken", is_flag=True, help="Show what is broken instead, why, and what to do.")
@click.option("--refresh", is_flag=True, help="Look again, even where nothing seems to have changed.")
@json_option
@click.pass_obj
def list_templates(answers: Answers, broken: bool, refresh: bool) -> None:
    """List the installed templates and their versions.

    Nothing is imported: names and versions come from metadata, summaries and notices from manifests, and STATUS from
    the last `kwf plugins check`. The list is remembered until something that it was made of changes.
    """
    if not broken:
        tell(answers, refresh=refresh)
        return
    faults = known_faults(Catalog(discover()))
    answers.object({"broken": [fault_row(fault) for fault in faults]})
    answers.text(*fault_lines(faults) or ["Nothing is known to be broken; `kwf plugins check` imports everything."])


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
