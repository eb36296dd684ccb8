"""Records into many journals at once: accepted or refused run by run, and never twice if an answer is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_postgres import statements

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from knows_core import Append
    from knows_postgres.connections import Session
    from knows_postgres.statements import Statements


def append(session: Session, texts: Statements, owner: str, batch: Sequence[Append], *, again: bool) -> list[bool]:
    """Add the records in one commit, and answer for each run whether they are stored.

    `again`: an earlier try may have been carried out. It is simply repeated: had it been, or is it just being carried
    out, the journal is longer than expected when this one gets its turn, and what was refused is read back.
    """
    first = batch[0]
    is_usual = first.status is not None or (first.version is None and first.compensated is None)
    if len(batch) == 1 and len(first.records) == 1 and is_usual:
        answers = [_append_one(session, texts, owner, first)]
    else:
        pieces = list(_pieces(batch))
        if len(pieces) == 1:  # a single statement commits by itself
            answers = _append_piece(session, texts, owner, pieces[0])
        else:
            with session.transaction():
                answers = [answer for piece in pieces for answer in _append_piece(session, texts, owner, piece)]
    if again and not all(answers):
        pairs = zip(answers, batch, strict=True)
        answers = [answer or _is_stored(session, texts, owner, one) for answer, one in pairs]
    return answers


def _pieces(batch: Sequence[Append]) -> Generator[list[Append]]:
    """The batch in order, cut where a run comes again: a statement changes a row only once."""
    piece: dict[str, Append] = {}
    for one in batch:
        if one.run in piece:
            yield list(piece.values())
            piece = {}
        piece[one.run] = one
    yield list(piece.values())


def _append_one(session: Session, texts: Statements, owner: str, one: Append) -> bool:
    """Add a single record, the usual case; without arrays it costs little more than the bare insert."""
    values: dict[str, object] = {
        "run": one.run,
        "epoch": one.epoch,
        "owner": owner,
        "sequence": one.sequence,
        "data": one.records[0],
    }
    if one.status is None:
        return session.execute(texts[statements.APPEND_ONE], values).rowcount == 1
    values |= {"status": str(one.status), "is_over": one.status.is_over}
    values |= {"version": one.version, "compensated": one.compensated}
    return session.execute(texts[statements.APPEND_LAST], values).rowcount == 1


def _append_piece(session: Session, texts: Statements, owner: str, piece: list[Append]) -> list[bool]:
    listed = [(one.run, number, data) for one in piece for number, data in enumerate(one.records, one.sequence)]
    values = {
        "owner": owner,
        "runs": [one.run for one in piece],
        "epochs": [one.epoch for one in piece],
        "sequences": [one.sequence for one in piece],
        "counts": [len(one.records) for one in piece],
        "statuses": [one.status and str(one.status) for one in piece],
        "overs": [one.status is not None and one.status.is_over for one in piece],
        "versions": [one.version for one in piece],
        "flags": [one.compensated for one in piece],
        "places": [run for run, _, _ in listed],
        "numbers": [number for _, number, _ in listed],
        "records": [data for _, _, data in listed],
    }
    stored = {run for (run,) in session.execute(texts[statements.APPEND], values)}
    return [one.run in stored for one in piece]


def _is_stored(session: Session, texts: Statements, owner: str, one: Append) -> bool:
    """Whether an earlier try, whose answer was lost, did store this: the same bytes, under the same epoch."""
    values = {"run": one.run, "epoch": one.epoch, "sequence": one.sequence, "end": one.sequence + len(one.records)}
    with session.cursor(binary=True) as cursor:
        found = cursor.execute(texts[statements.READ_BACK], values).fetchone()
    if found is None:
        return False
    length, status, version, compensated, holder, records = found
    if one.records:  # an epoch has one owner, so that nobody else can have written them
        return tuple(records) == one.records
    # Nothing but what stands beside records: stored if the run stands as it was to be.
    freed = one.status is not None and one.status.is_over
    asked = ((one.status, status), (one.version, version), (one.compensated, compensated))
    is_as_asked = all(wanted in (None, stands) for wanted, stands in asked)
    return length == one.sequence and is_as_asked and holder == (None if freed else owner)
