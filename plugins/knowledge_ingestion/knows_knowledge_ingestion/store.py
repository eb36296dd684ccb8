"""The knowledge store: one SQLite file with texts, sources, passages and their full-text index.

A text is kept once for all sources that hold it. The index has no copy of the words; it reads them through the view
`passage_text`. Every change is one transaction, so a reader sees a document as it was or as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from knows_knowledge_ingestion.errors import StoreBusy, StoreMissing, StoreTooNew, StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from knows_knowledge_ingestion.models import Outcome, Passage, Structured

SCHEMA = 1
WAIT = 30.0  # seconds that a locked store is waited for
_OURS = 0x4B574B53  # application_id, "KWKS": tells our files from other SQLite databases
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

_TABLES = (
    "CREATE TABLE texts (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL)",
    """CREATE TABLE sources (
        source_id TEXT PRIMARY KEY, uri TEXT NOT NULL, media_type TEXT NOT NULL, title TEXT NOT NULL, pages INTEGER,
        sha256 TEXT NOT NULL, text_sha256 TEXT NOT NULL REFERENCES texts (sha256), passages_sha256 TEXT NOT NULL,
        outcome TEXT NOT NULL, written_by TEXT NOT NULL,
        stored_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))""",
    """CREATE TABLE passages (
        id INTEGER PRIMARY KEY, source_id TEXT NOT NULL REFERENCES sources (source_id), headings TEXT NOT NULL,
        page INTEGER, "start" INTEGER NOT NULL, "end" INTEGER NOT NULL)""",
    "CREATE INDEX passages_of_source ON passages (source_id)",
    "CREATE INDEX sources_of_text ON sources (text_sha256)",
    """CREATE VIEW passage_text AS
        SELECT id, headings, substr(text, "start" + 1, "end" - "start") AS text
        FROM passages JOIN sources USING (source_id) JOIN texts ON texts.sha256 = text_sha256""",
    """CREATE VIRTUAL TABLE passage_index USING fts5 (
        headings, text, content = 'passage_text', content_rowid = 'id', tokenize = 'porter unicode61')""",
    # A word in a heading says more about a passage than the same word below it.
    "INSERT INTO passage_index (passage_index, rank) VALUES ('rank', 'bm25(2.0, 1.0)')",
    f"PRAGMA application_id = {_OURS}",
    f"PRAGMA user_version = {SCHEMA}",
)

_UPSERT = """
    INSERT INTO sources
      (source_id, uri, media_type, title, pages, sha256, text_sha256, passages_sha256, outcome, written_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source_id) DO UPDATE SET
      uri = excluded.uri, media_type = excluded.media_type, title = excluded.title, pages = excluded.pages,
      sha256 = excluded.sha256, text_sha256 = excluded.text_sha256, passages_sha256 = excluded.passages_sha256,
      outcome = excluded.outcome, written_by = excluded.written_by, stored_at = excluded.stored_at"""


def default_path() -> Path:
    """Where knowledge is kept when nobody says otherwise: the data folder of the user."""
    return user_data_path("knows-workflows") / "knowledge.db"


def keep(
    structured: Structured, passages: Sequence[Passage], text: str, *, written_by: str, wait: float = WAIT
) -> Outcome:
    """Store the text and the passages of one source, replacing what it had; returns what that changed.

    `written_by` names the attempt: if its write was committed but its answer got lost, it is told the same answer.
    """
    extracted, source = structured.extracted, structured.extracted.source
    wanted = (
        source.uri,
        source.media_type,
        extracted.title,
        extracted.pages,
        source.sha256,
        extracted.text_sha256,
        structured.passages_sha256,
    )
    path = Path(source.store)
    _make_file(path)
    with opened(path, writing=True, wait=wait) as database:
        row = database.execute(
            """SELECT uri, media_type, title, pages, sha256, text_sha256, passages_sha256, outcome, written_by
               FROM sources WHERE source_id = ?""",
            (source.source_id,),
        ).fetchone()
        if row and row[:7] == wanted:
            first: Outcome = row[7]
            return first if row[8] == written_by else "unchanged"
        outcome: Outcome = "replaced" if row else "stored"
        if row:
            _drop_passages(database, source.source_id)
        database.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (extracted.text_sha256, text))
        database.execute(_UPSERT, (source.source_id, *wanted, outcome, written_by))
        _insert_passages(database, source.source_id, passages, text)
        database.execute("DELETE FROM texts WHERE sha256 NOT IN (SELECT text_sha256 FROM sources)")
    return outcome


@contextmanager
def opened(path: Path, *, writing: bool = False, wait: float = WAIT) -> Generator[sqlite3.Connection]:
    """An open store; with `writing` inside one transaction, which is undone if the block raises.

    Raises StoreMissing, StoreUnusable, StoreTooNew or StoreBusy.
    """
    _check_exists(path)
    try:
        # Not mode=ro for readers: the first one after a crash may have to roll an unfinished write back.
        with closing(_connected(path, wait)) as database:
            database.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            _check_schema(database, path, writing=writing)
            yield database
            database.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED:
            raise StoreBusy(path=path, seconds=wait) from error
        raise StoreUnusable(path=path, reason=str(error)) from error


def _check_exists(path: Path) -> None:
    try:
        exists = path.exists()
    except OSError as error:
        raise StoreUnusable(path=path, reason=error.strerror) from error
    if not exists:
        raise StoreMissing(path=path)


def _connected(path: Path, wait: float) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait, isolation_level=None)
    try:
        # EXTRA also syncs the folder: a run must not remember a write that a power cut took back.
        database.execute("PRAGMA synchronous = EXTRA")
        database.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        database.close()
        raise
    return database


def _make_file(path: Path) -> None:
    """An empty file that only its owner may read; SQLite would make it readable for all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(IsADirectoryError):  # SQLite says it better
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise StoreUnusable(path=path, reason=reason) from error


def _check_schema(database: sqlite3.Connection, path: Path, *, writing: bool) -> None:
    ours, version = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if (ours, version) == (_OURS, SCHEMA):
        return
    if ours == _OURS:
        raise StoreTooNew(path=path, found=version, known=SCHEMA)
    if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreUnusable(path=path, reason="it is an SQLite database of something else")
    if not writing:
        raise StoreUnusable(path=path, reason="nothing was stored in it yet")
    for statement in _TABLES:
        database.execute(statement)


def _insert_passages(database: sqlite3.Connection, source_id: str, passages: Sequence[Passage], text: str) -> None:
    for passage in passages:
        headings, page, start, end = _row(passage)
        row = database.execute(
            'INSERT INTO passages (source_id, headings, page, "start", "end") VALUES (?, ?, ?, ?, ?)',
            (source_id, headings, page, start, end),
        ).lastrowid
        database.execute(
            "INSERT INTO passage_index (rowid, headings, text) VALUES (?, ?, ?)", (row, headings, text[start:end])
        )


def _drop_passages(database: sqlite3.Connection, source_id: str) -> None:
    """Delete the passages of a source; the index has to be told the very words that it indexed."""
    (text,) = database.execute(
        "SELECT text FROM texts JOIN sources ON texts.sha256 = text_sha256 WHERE source_id = ?", (source_id,)
    ).fetchone()
    # Sliced here rather than read through the view: SQLite would count the whole text from its start for each passage.
    rows = database.execute('SELECT id, headings, "start", "end" FROM passages WHERE source_id = ?', (source_id,))
    database.executemany(
        "INSERT INTO passage_index (passage_index, rowid, headings, text) VALUES ('delete', ?, ?, ?)",
        [(row, headings, text[start:end]) for row, headings, start, end in rows],
    )
    database.execute("DELETE FROM passages WHERE source_id = ?", (source_id,))


def _row(passage: Passage) -> tuple[str, int | None, int, int]:
    return json.dumps(passage.heading_path, ensure_ascii=False), passage.page, passage.start, passage.end
