"""Measures how good passages are, and decides whether they may be stored."""

from __future__ import annotations

import hashlib
import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from knows_knowledge_ingestion.charset import GUESSED
from knows_knowledge_ingestion.document import one_line
from knows_knowledge_ingestion.errors import QualityTooLow
from knows_knowledge_ingestion.models import Finding, Passage, Piece, QualityReport
from knows_knowledge_ingestion.passages import page_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from knows_knowledge_ingestion.document import Document

LEAST_COVERAGE = 0.9
MOST_GARBAGE = 0.05
MOST_DUPLICATES = 0.5
MOST_PAGES_WITHOUT_TEXT = 0.5
MOST_PIECES = 20  # in a report, which stays in the journal; all are counted
_PIECES_IN_ERROR = 5
_FEW_PASSAGES = 10  # with fewer, a repeated warning is already half of the document

# Control, private-use, replacement and non-characters: what a broken font or charset leaves behind.
_GARBAGE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufdd0-\ufdef\ufffd-\uffff\U000f0000-\U0010ffff]",
)
_SPACE = re.compile(r"\s+")


def report(document: Document, passages: Sequence[Passage]) -> QualityReport:
    """Shares and findings of one document."""
    words = _letters(document.text, 0, len(document.text))
    covered = sum(_letters(document.text, passage.start, passage.end) for passage in passages)
    bad = list(_with_garbage(document, passages))
    same = list(_duplicates(document, passages))
    empty = list(_empty_sections(document))
    blank = list(_pages_without_text(document))
    found = list(chain(bad, blank, same, empty))
    garbage = sum(1 for _ in _GARBAGE.finditer(document.text))
    return QualityReport(
        coverage=_share(covered, words),
        garbage=_share(garbage, words),
        duplicates=_share(len(same), len(passages)),
        pages_without_text=_share(len(blank), len(document.page_starts)),
        findings=len(found),
        pieces=tuple(found[:MOST_PIECES]),
        notes=tuple(_notes(document)),
    )


def check(quality: QualityReport, passages: int, path: Path) -> None:
    """Raise QualityTooLow, with the reasons and the first pieces, for what is not worth storing."""
    reasons = list(_reasons(quality, passages))
    if reasons:
        pieces = "; ".join(map(_described, islice(quality.pieces, _PIECES_IN_ERROR))) or "the whole text"
        more = quality.findings - _PIECES_IN_ERROR
        raise QualityTooLow(
            path=path, reasons=", ".join(reasons), pieces=pieces + (f"; and {more} more" if more > 0 else "")
        )


def _reasons(quality: QualityReport, passages: int) -> Iterator[str]:
    if quality.coverage < LEAST_COVERAGE:
        yield f"passages cover {quality.coverage:.0%} of it (at least {LEAST_COVERAGE:.0%})"
    if quality.garbage > MOST_GARBAGE:
        yield f"{quality.garbage:.0%} of it is unreadable characters (at most {MOST_GARBAGE:.0%})"
    if quality.duplicates > MOST_DUPLICATES and passages > _FEW_PASSAGES:
        yield f"{quality.duplicates:.0%} of its passages repeat others (at most {MOST_DUPLICATES:.0%})"
    if quality.pages_without_text > MOST_PAGES_WITHOUT_TEXT:
        yield (
            f"{quality.pages_without_text:.0%} of its pages have no text (at most {MOST_PAGES_WITHOUT_TEXT:.0%}), "
            "are they scans?"
        )


def _described(piece: Piece) -> str:
    where = " > ".join(piece.heading_path)
    page = f"page {piece.page}" if piece.page else ""
    span = f"characters {piece.start}..{piece.end}" if piece.end > piece.start else ""
    return f"{piece.finding} at {', '.join(filter(None, (page, where, span)))}"


def _with_garbage(document: Document, passages: Iterable[Passage]) -> Iterator[Piece]:
    for passage in passages:
        bad = sum(1 for _ in _GARBAGE.finditer(document.text, passage.start, passage.end))
        if bad > MOST_GARBAGE * _letters(document.text, passage.start, passage.end):
            yield _piece("garbage", passage)


def _duplicates(document: Document, passages: Iterable[Passage]) -> Iterator[Piece]:
    seen: set[bytes] = set()
    for passage in passages:
        words = one_line(document.text[passage.start : passage.end]).casefold()
        digest = hashlib.sha256(words.encode()).digest()
        if digest in seen:
            yield _piece("duplicate", passage)
        seen.add(digest)


def _piece(finding: Finding, passage: Passage) -> Piece:
    return Piece(
        finding=finding,
        heading_path=passage.heading_path,
        page=passage.page,
        start=passage.start,
        end=passage.end,
    )


def _empty_sections(document: Document) -> Iterator[Piece]:
    """Headings that are followed by one of their own or a higher level, or by the end."""
    for heading, follows in zip(document.blocks, [*document.blocks[1:], None], strict=True):
        # An outline entry that was not found on its page says nothing about what stands below it.
        if not heading.level or heading.start == heading.end:
            continue
        if follows is None or 0 < follows.level <= heading.level:
            page = page_of(document, heading.start)
            yield Piece(
                finding="empty section", heading_path=(heading.title,), page=page, start=heading.start, end=heading.end
            )


def _pages_without_text(document: Document) -> Iterator[Piece]:
    ends = [*document.page_starts[1:], len(document.text)]
    for number, (start, end) in enumerate(zip(document.page_starts, ends, strict=bool(document.page_starts)), 1):
        if not document.text[start:end].strip():
            yield Piece(finding="page without text", heading_path=(), page=number, start=start, end=start)


def _notes(document: Document) -> Iterator[str]:
    if document.charset_from == GUESSED:
        yield f"charset {document.charset} is a guess: the document declares none and is not UTF-8"
    if document.running_lines:
        yield f"{document.running_lines} repeated page headers and footers were left out"


def _letters(text: str, start: int, end: int) -> int:
    """Characters that are not white space."""
    return end - start - sum(found.end() - found.start() for found in _SPACE.finditer(text, start, end))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
