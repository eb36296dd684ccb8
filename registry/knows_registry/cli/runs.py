"""`kwf runs`: the recorded runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from knows_core import RunStatus
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.moves import in_place
from knows_registry.cli.origins import Origin, origins_of
from knows_registry.cli.place import backend_option, open_engine, where
from knows_registry.cli.rows import age, is_expired, is_interrupted, owner_and_wish, readable_age, told_status
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from knows_core import RunRow

_HEADER = ("RUN", "TEMPLATE", "STATUS", "UPDATED", "AGE", "OWNER", "")


@click.command()
@click.option("--status", type=click.Choice([str(one) for one in RunStatus]), help="Only runs of this status.")
@backend_option
@json_option
@click.pass_obj
def runs(answers: Answers, status: str | None, backend: str | None) -> None:
    """List the recorded runs, newest first.

    STATUS is `failed (compensated)` where what a failed run had done was undone: it cannot be resumed.
    AGE is the time since the status or the owner last changed. OWNER is who drives the run, with `cancelling` where it
    was asked to stop. A run without an owner that is not over was interrupted; a suspended one waits for a decision; a
    finished one that is older than the setting `state_ttl` is expired.
    """
    answers.at(backend)
    with open_engine(Registry(), backend) as engine:
        rows, state_ttl = engine.runs(RunStatus(status) if status else None), engine.limits.state_ttl
        origins = origins_of(engine, rows)
    now = datetime.now(UTC)
    answers.object({"runs": [_for_a_program(row, origins.get(row.run), state_ttl, now) for row in rows]})
    if rows:
        answers.text(*columns([_cells(row, origins.get(row.run), state_ttl, now) for row in rows], _HEADER))
    elif status:
        answers.text(in_place(f"No {status} run at {where(backend)}; `kwf runs` lists them all.", backend))
    else:
        answers.text(f"No runs are recorded at {where(backend)}; `kwf run TEMPLATE` makes one.")


def _for_a_program(row: RunRow, origin: Origin | None, state_ttl: float, now: datetime) -> dict[str, Any]:
    return {
        "run": row.run,
        "template": row.template,
        "version": row.version,
        "status": str(row.status),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "owner": row.owner,
        "cancelling": row.cancelling,
        "compensated": row.compensated,
        "age": round(age(row, now), 3),
        "interrupted": is_interrupted(row),
        "expired": is_expired(row, state_ttl, now),
        "origin": None if origin is None else origin._asdict(),
    }


def _cells(row: RunRow, origin: Origin | None, state_ttl: float, now: datetime) -> tuple[str, ...]:
    notes: list[str] = []
    if is_interrupted(row):
        notes.append("interrupted: kwf resume goes on with it")
    elif row.status is RunStatus.SUSPENDED:
        notes.append("waits: kwf decide tells for what")
    elif is_expired(row, state_ttl, now):
        notes.append("expired: kwf purge deletes it")
    if origin is not None:
        notes.append(f"begun from {origin.run} at {origin.step}")
    return (
        row.run,
        f"{row.template}@{row.version}",
        told_status(row),
        f"{row.updated_at:%Y-%m-%d %H:%M:%S}Z",
        readable_age(age(row, now)),
        owner_and_wish(row),
        "; ".join(notes),
    )
