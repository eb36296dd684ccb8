"""A run's row in the table: its columns, and the digest that shows when one of them is not what was written."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from knows_core import RecordCorrupt, RunRow, RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = (
    "run", "template", "version", "status", "created_at", "updated_at", "epoch", "owner", "cancelling", "compensated",
)  # fmt: skip
_NAMES: Final = ", ".join(COLUMNS)
SELECT: Final = f"select {_NAMES}, digest from run"  # noqa: S608 - fixed names
INSERT: Final = f"insert into run ({_NAMES}, digest) values ({', '.join(f':{name}' for name in COLUMNS)}, :digest)"  # noqa: S608
# Epoch and owner as they were read: a statement that finds them changed changes nothing.
UPDATE: Final = """
    update run set version = :version, status = :status, updated_at = :updated_at, epoch = :epoch, owner = :owner,
    cancelling = :cancelling, compensated = :compensated, digest = :digest
    where run = :run and epoch = :held_epoch and owner is :held_owner"""


def columns_of(row: RunRow) -> dict[str, object]:
    """What is stored of a row, its digest included."""
    values: dict[str, object] = {name: getattr(row, name) for name in COLUMNS}
    values["status"] = str(row.status)
    values["cancelling"], values["compensated"] = int(row.cancelling), int(row.compensated)
    for name in ("created_at", "updated_at"):
        values[name] = getattr(row, name).astimezone(UTC).isoformat()
    values["digest"] = digest_of(list(values.values()))
    return values


def row_of(values: Sequence[object]) -> RunRow:
    """The row that was stored. Raises RecordCorrupt where a column is not what was written."""
    *stored, digest = values
    run = str(stored[0]).encode("ascii", "backslashreplace").decode()
    if digest_of(stored) != digest:
        raise RecordCorrupt(run=run, sequence="of the run itself", reason=f"its digest does not fit {stored[1:]}")
    _, template, version, status, created, updated, epoch, owner, cancelling, compensated = stored
    try:
        times = (datetime.fromisoformat(str(created)), datetime.fromisoformat(str(updated)))
        return RunRow(
            run,
            str(template),
            str(version),
            RunStatus(str(status)),
            *times,
            epoch=int(str(epoch)),
            owner=None if owner is None else str(owner),
            cancelling=bool(cancelling),
            compensated=bool(compensated),
        )
    except ValueError as error:
        raise RecordCorrupt(run=run, sequence="of the run itself", reason=str(error)) from error


def digest_of(values: Sequence[object]) -> int:
    """CRC-32 over the columns as text: it sees every damage within one column, and is no protection against people."""
    return zlib.crc32("\0".join("" if one is None else str(one) for one in values).encode("utf-8", "surrogateescape"))


def text_of(stored: bytes) -> str:
    """Text from the file. Damaged text must not keep the rows beside it from being read; its digest tells."""
    return stored.decode("utf-8", "surrogateescape")
