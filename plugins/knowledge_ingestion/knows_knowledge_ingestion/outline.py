"""Where on its page a heading of the outline stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from knows_knowledge_ingestion.document import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# "2.17 ", "A.3. ", "Chapter 4: " before a title that the outline gives bare
_NUMBER = r"(?:(?:chapter|appendix|part|section)[ \t]+)?(?:(?:\d{1,3}|[A-Z]|[IVXLC]{1,6})(?:\.\d{1,3})*[.:)]?[ \t]*)?"


class Entry(NamedTuple):
    """A line of the outline: its depth from 1, its title, and the page it points at, from 0."""

    level: int
    title: str
    page: int | None


def heading_spans(page: str, entries: Sequence[Entry]) -> Iterator[Block]:
    """Heading blocks of one page in reading order.

    A title that is not found in the words of the page stands, with an empty span, right after the one before it.
    """
    position = 0
    for entry in entries:
        found = _whole_line(entry.title).search(page, position) or _line_start(entry.title).search(page, position)
        start, position = found.span() if found else (position, position)
        yield Block(start, position, entry.level, entry.title)


def _whole_line(title: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{_NUMBER}{_words(title)}[ \t]*$", re.MULTILINE | re.IGNORECASE)


def _line_start(title: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{_NUMBER}{_words(title)}(?!\w)", re.MULTILINE | re.IGNORECASE)


def _words(title: str) -> str:
    return r"\s*".join(re.escape(word) for word in title.split())
