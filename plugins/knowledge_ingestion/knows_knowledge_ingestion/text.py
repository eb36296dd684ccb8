"""Paragraphs and underlined headings of plain text. The stored text is the source text itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from knows_knowledge_ingestion.charset import decode
from knows_knowledge_ingestion.document import Block, Document, gathered, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNDERLINE = re.compile(r"([=\-~*^#+])\1{2,}\s*")
_LONGEST_TITLE = 120
_MOST_LINES = 1_000  # of one paragraph, so that a list without a blank line is not held line by line


def read_text(content: bytes, path: Path, declared: str | None = None) -> Document:
    """Paragraphs between blank lines; a line underlined in its own length is a heading, ranked by its first use."""
    decoded = decode(content, path, declared)
    blocks = gathered(_blocks(decoded.text), path)
    return Document(decoded.text, blocks, charset=decoded.charset, charset_from=decoded.charset_from)


def _blocks(text: str) -> Iterator[Block]:
    ranks: list[str] = []
    for lines in _paragraphs(text):
        body = 0
        for index in range(len(lines) - 1):
            title, underline = text[slice(*lines[index])], text[slice(*lines[index + 1])]
            if index < body or not _underlines(underline, title):
                continue
            if index > body:
                yield Block(lines[body][0], lines[index - 1][1])
            if underline[0] not in ranks:
                ranks.append(underline[0])
            body = index + 2
            yield Block(lines[index][0], lines[index + 1][1], ranks.index(underline[0]) + 1, one_line(title))
        if body < len(lines):
            yield Block(lines[body][0], lines[-1][1])


def _paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """The spans of the lines of each paragraph."""
    lines: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        is_blank = text[start:end].isspace() or start == end
        if lines and (is_blank or len(lines) >= _MOST_LINES):
            yield lines
            lines = []
        if not is_blank:
            lines.append((start, end))
        start = end + 1
    if lines:
        yield lines


def _underlines(line: str, title: str) -> bool:
    """Whether `line` is a rule of one character below `title`, about as long as it."""
    title, line = title.rstrip(), line.rstrip()
    return (
        len(title) <= _LONGEST_TITLE
        and any(map(str.isalnum, title))
        and abs(len(line) - len(title)) <= max(2, len(title) // 4)
        and _UNDERLINE.fullmatch(line) is not None
    )
