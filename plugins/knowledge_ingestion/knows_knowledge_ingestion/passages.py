"""Cuts a document into passages: first by heading, then by paragraph, then by sentence, never across a page."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from knows_knowledge_ingestion.errors import too_large
from knows_knowledge_ingestion.models import Passage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from knows_knowledge_ingestion.document import Block, Document

AIM = 1_000  # characters: about what a person reads at a glance, and what ranks well
LIMIT = 2_000
SHORT = 200  # too short to stand alone where it has a neighbour in its section
MOST_PASSAGES = 50_000
_LONGEST_HEADING = 200

# In order of preference. The last character of each match is where the next piece may begin.
_CUTS = (
    re.compile(r"\n[ \t]*\n"),
    re.compile(r"[.!?:;][\"')\]]*\s"),
    re.compile(r"\n"),
    re.compile(r"\s"),
)


class Span(NamedTuple):
    """Characters `start` to `end` of the text, without white space at either end."""

    start: int
    end: int


def cut(document: Document, path: Path) -> list[Passage]:
    """All passages in reading order; they never overlap, and together hold every word of the document."""
    passages: list[Passage] = []
    for headings, spans in _sections(document):
        for span in _merged(list(_packed(spans, document)), document):
            page = page_of(document, span.start)
            passages.append(
                Passage(
                    heading_path=headings,
                    section=headings[-1] if headings else "",
                    page=page,
                    start=span.start,
                    end=span.end,
                )
            )
        if len(passages) > MOST_PASSAGES:
            raise too_large(path, len(passages), MOST_PASSAGES, "passages")
    return passages


def page_of(document: Document, position: int) -> int | None:
    """The page that holds a character, from 1; None where the format has no pages."""
    return bisect_right(document.page_starts, position) if document.page_starts else None


def _sections(document: Document) -> Iterator[tuple[tuple[str, ...], list[Span]]]:
    """The heading path and the pieces of each section.

    A heading with nothing below it but a deeper heading goes into the passage of the deeper one.
    """
    above: list[Block] = []
    spans: list[Span] = []
    has_body = False
    for block in document.blocks:
        if block.level:
            if spans and (has_body or not above or block.level <= above[-1].level):
                yield _titles(above), spans
                spans = []
            while above and above[-1].level >= block.level:
                above.pop()
            above.append(block)
        has_body = not block.level
        spans += _pieces(document.text, block.start, block.end)
    if spans:
        yield _titles(above), spans


def _titles(above: Sequence[Block]) -> tuple[str, ...]:
    return tuple(block.title[:_LONGEST_HEADING] for block in above)


def _packed(spans: Sequence[Span], document: Document) -> Iterator[Span]:
    """Neighbouring pieces together, until the size aimed at."""
    start, end = spans[0]
    for piece in spans[1:]:
        most = LIMIT if end - start < SHORT else AIM
        if piece.end - start > most or page_of(document, piece.start) != page_of(document, start):
            yield Span(start, end)
            start = piece.start
        end = piece.end
    yield Span(start, end)


def _merged(spans: list[Span], document: Document) -> list[Span]:
    """A short rest goes back to the passage before it."""
    if len(spans) > 1 and spans[-1].end - spans[-1].start < SHORT and spans[-1].end - spans[-2].start <= LIMIT:
        before, rest = spans[-2:]
        if page_of(document, before.start) == page_of(document, rest.start):
            return [*spans[:-2], Span(before.start, rest.end)]
    return spans


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """A block as one piece, or as several of about the size aimed at if it is above the limit."""
    start, end = _trimmed(text, start, end)
    while end - start > LIMIT:
        stop = _cut_position(text, start)
        yield Span(*_trimmed(text, start, stop))
        start, end = _trimmed(text, stop, end)
    if start < end:
        yield Span(start, end)


def _cut_position(text: str, start: int) -> int:
    for low, high in ((start + AIM // 2, start + AIM), (start + AIM, start + LIMIT)):
        for pattern in _CUTS:
            ends = [found.end() for found in pattern.finditer(text, low, high)]
            if ends:
                return ends[-1]
    return start + LIMIT


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
