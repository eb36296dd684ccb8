"""`kwf runs`: the recorded runs."""

from __future__ import annotations

import click

from knows_core import RunStatus
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.place import backend_option, open_engine, where
from knows_registry.registry import Registry


@click.command()
@click.option("--status", type=click.Choice([str(one) for one in RunStatus]), help="Only runs of this status.")
@backend_option
@json_option
@click.pass_obj
def runs(answers: Answers, status: str | None, backend: str | None) -> None:
    """List the recorded runs, newest first."""
    answers.at(backend)
    with open_engine(Registry(), backend) as engine:
        rows = engine.runs(RunStatus(status) if status else None)
    answers.object(
        {
            "runs": [
                {
                    "run": row.run,
                    "template": row.template,
                    "version": row.version,
                    "status": str(row.status),
                    "created_at": row.created_at,
                    "updated_at": row.updated_at,
                    "owner": row.owner,
                }
                for row in rows
            ]
        }
    )
    if not rows:
        answers.text(f"No runs are recorded at {where(backend)}; `kwf run TEMPLATE` makes one.")
        return
    cells = [
        (
            row.run,
            f"{row.template}@{row.version}",
            str(row.status),
            f"{row.updated_at:%Y-%m-%d %H:%M:%S}Z",
            row.owner or "-",
        )
        for row in rows
    ]
    answers.text(*columns(cells, ("RUN", "TEMPLATE", "STATUS", "UPDATED", "OWNER")))
