"""A run's row as a hash of texts: times are whole microseconds, whatever clock told them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from knows_core import RecordCorrupt, RunRow, RunStatus
from knows_redis.scripts import TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """The whole microseconds from 1970 to an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(text: bytes) -> datetime:
    """The aware moment that `microseconds` told, in UTC."""
    return _EPOCH + int(text) * _MICROSECOND


def texts(*values: bytes) -> list[str]:
    """Values as text, lone surrogates included."""
    return [value.decode("utf-8", "surrogatepass") for value in values]


def row_of(run: str, stored: Mapping[bytes, bytes]) -> RunRow:
    """The row in a hash. Raises RecordCorrupt."""
    try:
        template, version, status = texts(stored[b"template"], stored[b"version"], stored[b"status"])
        times = (moment(stored[b"created"]), moment(stored[b"updated"]))
        owner = texts(stored[b"owner"])[0] if b"owner" in stored else None
        epoch, flags = int(stored[b"epoch"]), (b"cancel" in stored, b"compensated" in stored)
        return RunRow(run, template, version, RunStatus(status), *times, epoch, owner, *flags)
    except (KeyError, ValueError, OverflowError) as error:
        raise RecordCorrupt(run=run, sequence="of the run itself", reason=f"its row: {error!r}") from error


def records_of(run: str, stored: Sequence[bytes]) -> list[bytes]:
    """The records without the tokens before them. Raises RecordCorrupt."""
    for sequence, one in enumerate(stored):
        if len(one) < TOKEN:
            raise RecordCorrupt(run=run, sequence=sequence, reason="it is cut short")
    return [one[TOKEN:] for one in stored]


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """The hash in the flat answer of a script."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
