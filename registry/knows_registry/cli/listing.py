"""How `kwf list` tells its rows. Nothing here imports click: a listing that is remembered is told without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_registry.cli.answer import columns
from knows_registry.listing import listing

if TYPE_CHECKING:
    from knows_registry.cli.answer import Answers
    from knows_registry.listing import Row

_NOTHING = (
    "No templates are installed.",
    "`pip install knows-knowledge-ingestion` brings one; `kwf list --broken` shows what could not be read.",
)
_HEADER = ("NAME", "VERSION", "DISTRIBUTION", "STATUS", "SUMMARY")


def tell(answers: Answers, *, refresh: bool = False) -> None:
    """Answer with every installed template, and say beside it how much is broken."""
    found = listing(refresh=refresh)
    answers.object({"templates": [_object(row) for row in found.rows], "broken": found.broken})
    if not answers.json:
        answers.text(*_table(found.rows) if found.rows else _NOTHING)
        if found.broken:
            answers.note(f"{found.broken} broken: `kwf list --broken` says why.")


def _table(rows: tuple[Row, ...]) -> list[str]:
    """Columns for a person; without the summaries where there are none."""
    wide = len(_HEADER) if any(row.summary for row in rows) else len(_HEADER) - 1
    cells = [
        (
            row.name,
            row.version,
            f"{row.distribution} {row.distribution_version}",
            _status(row),
            row.summary.partition("\n")[0],
        )
        for row in rows
    ]
    return columns([row[:wide] for row in cells], _HEADER[:wide])


def _status(row: Row) -> str:
    """What matters most: that it cannot be used, that it should not be, or the verdict."""
    if row.status == "duplicate" or row.status.startswith("broken"):
        return row.status
    instead = f"; use {row.successor}" if row.successor else ""
    if row.yanked:
        return f"yanked: {row.yanked}{instead}"
    return f"deprecated: {row.deprecated}{instead}" if row.deprecated else row.status


def _object(row: Row) -> dict[str, Any]:
    """A row for a program: null for what nobody has told."""
    return {field: value or None for field, value in row._asdict().items()}
