"""`kwf purge`: delete runs that ended long enough ago. Nothing else ever deletes a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from knows_core import RunStatus
from knows_core.run import FINISHED
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.moves import in_place
from knows_registry.cli.place import backend_option, open_engine, where
from knows_registry.cli.rows import told_status
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from knows_core import RunRow

_OVER = [str(one) for one in RunStatus if one.is_over]


@click.command()
@click.option(
    "--older-than",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="How long ago a run must have ended.  [default: the setting state_ttl]",
)
@click.option(
    "--status",
    "words",
    metavar="STATUS",
    type=click.Choice(_OVER),
    multiple=True,
    help="Runs of this status instead of completed and cancelled ones. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@backend_option
@json_option
@click.pass_obj
def purge(answers: Answers, older_than: float | None, words: Sequence[str], dry_run: bool, backend: str | None) -> None:
    """Delete completed and cancelled runs that ended longer ago than the setting `state_ttl`, journals and all.

    A run that is not over (pending, running, sleeping) is never deleted, nor one that somebody owns.
    """
    answers.at(backend)
    statuses = frozenset(map(RunStatus, words)) or FINISHED
    with open_engine(Registry(), backend) as engine:
        age = engine.limits.state_ttl if older_than is None else older_than
        deleted = engine.purge(older_than=age, statuses=statuses, dry_run=dry_run)
        gone = {row.run for row in deleted}
        kept = [row for row in engine.runs() if row.run not in gone]
    answers.object({"deleted": [row.run for row in deleted], "dry_run": dry_run})
    verb = "Would delete" if dry_run else "Deleted"
    answers.text(f"{verb} {_counted(len(deleted))} at {where(backend)}{':' if deleted else '.'}")
    if deleted:
        answers.text(*columns([_cells(row) for row in deleted]))
    reasons = Counter(_why_kept(row, statuses, age) for row in kept)
    answers.text(*(f"Kept {_counted(number)}: {in_place(reason, backend)}." for reason, number in reasons.items()))


def _counted(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _cells(row: RunRow) -> tuple[str, ...]:
    return row.run, f"{row.template}@{row.version}", told_status(row), f"{row.updated_at:%Y-%m-%d %H:%M:%S}Z"


def _why_kept(row: RunRow, statuses: Collection[RunStatus], age: float) -> str:
    if row.owner is not None:
        return f"owned by {row.owner}"
    if not row.status.is_over:
        return f"{row.status}, so not over; `kwf resume --all` goes on with it"
    if row.status not in statuses:
        return f"{row.status}; `--status {row.status}` names it"
    return f"{row.status} less than {age:g} s ago; `--older-than SECONDS` says how long it is kept"
