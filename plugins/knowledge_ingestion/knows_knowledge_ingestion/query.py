"""Reading the store: search, citations, and what it holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knows_knowledge_ingestion.errors import BadSpan, SourceUnknown
from knows_knowledge_ingestion.models import Hit, StoredPassage, StoredSource
from knows_knowledge_ingestion.store import opened

if TYPE_CHECKING:
    import os
    import sqlite3

MOST_WORDS = 64  # SQLite limits the depth of an expression; nobody types more
_LONGEST_WORD = 200
_NOT_IN_QUERY = re.compile('[\x00-\x1f"\ud800-\udfff]+')
_WORD = re.compile(r"[^\W_][\w'’]*")  # noqa: RUF001 - both apostrophes
_SNIPPET_WORDS = 24

_COLUMNS = 'source_id, uri, text_sha256, passages.headings, page, "start", "end"'


def search(store: str | os.PathLike[str], query: str, limit: int = 10) -> list[Hit]:
    """The passages that answer `query` best, best first.

    Any text will do: each of its words may occur, in the headings or the text; a word with a digit and punctuation
    inside, such as an error code, has to occur as it is. The order is BM25's.
    Raises StoreMissing, StoreUnusable or StoreBusy.
    """
    if limit < 1:
        raise ValueError(f"limit: expected 1 or more, found {limit}")
    match = _match(query)
    if not match:
        return []
    with opened(Path(store)) as database:
        # ORDER BY rank is done inside the index, so that words are fetched for the best hits only.
        rows = database.execute(
            f"""SELECT {_COLUMNS}, snippet(passage_index, 1, '', '', '…', {_SNIPPET_WORDS}), rank, passage_index.text
                FROM passage_index CROSS JOIN passages ON passages.id = passage_index.rowid
                     CROSS JOIN sources USING (source_id)
                WHERE passage_index MATCH ? ORDER BY rank LIMIT ?""",  # noqa: S608 - constants of this module
            (match, limit),
        ).fetchall()
    return [Hit(**_passage(row[:7], row[9]), snippet=" ".join(row[7].split()), score=-row[8]) for row in rows]


def read_back(store: str | os.PathLike[str], source_id: str, start: int, end: int) -> str:
    """The characters `start` to `end` of the stored text: the check of a citation.

    Raises SourceUnknown for another source_id than those stored, BadSpan for characters that it does not have.
    """
    with opened(Path(store)) as database:
        text = _text(database, store, source_id)
    if not 0 <= start <= end <= len(text):
        raise BadSpan(start=start, end=end, length=len(text), source_id=source_id)
    return text[start:end]


def stored_passages(store: str | os.PathLike[str], source_id: str) -> list[StoredPassage]:
    """Every passage of one source, in reading order; raises SourceUnknown."""
    with opened(Path(store)) as database:
        text = _text(database, store, source_id)
        rows = database.execute(
            f'SELECT {_COLUMNS} FROM passages JOIN sources USING (source_id) WHERE source_id = ? ORDER BY "start"',  # noqa: S608
            (source_id,),
        ).fetchall()
    return [StoredPassage(**_passage(row, text[row[5] : row[6]])) for row in rows]


def stored_sources(store: str | os.PathLike[str]) -> list[StoredSource]:
    """Every source, in the order of their names."""
    with opened(Path(store)) as database:
        rows = database.execute(
            """SELECT source_id, uri, media_type, title, pages, sha256, text_sha256,
                      (SELECT count(*) FROM passages WHERE passages.source_id = sources.source_id)
               FROM sources ORDER BY source_id"""
        ).fetchall()
    return [StoredSource(**dict(zip(StoredSource.model_fields, row, strict=True))) for row in rows]


def _text(database: sqlite3.Connection, store: str | os.PathLike[str], source_id: str) -> str:
    row = database.execute(
        "SELECT text FROM texts JOIN sources ON texts.sha256 = text_sha256 WHERE source_id = ?", (source_id,)
    ).fetchone()
    if row is None:
        raise SourceUnknown(path=store, source_id=source_id)
    text: str = row[0]
    return text


def _match(query: str) -> str:
    """The query as an FTS5 expression in which nothing that was typed has a meaning of its own."""
    kept: dict[str, None] = {}  # each once, in the order they were typed
    for word in _NOT_IN_QUERY.sub(" ", query).split():
        is_code = any(map(str.isdigit, word))  # E-104, 13.56, P/N-7: its parts alone would mean something else
        parts = [word] if is_code else _WORD.findall(word)
        kept |= dict.fromkeys(part[:_LONGEST_WORD] for part in parts)
    return " OR ".join(f'"{word}"' for word in list(kept)[:MOST_WORDS])


def _passage(row: tuple[Any, ...], text: str) -> dict[str, Any]:
    source_id, uri, text_sha256, headings, page, start, end = row
    path: tuple[str, ...] = tuple(json.loads(headings))
    return {
        "source_id": source_id,
        "uri": uri,
        "text_sha256": text_sha256,
        "heading_path": path,
        "section": path[-1] if path else "",
        "page": page,
        "start": start,
        "end": end,
        "text": text,
    }
