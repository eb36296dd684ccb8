"""A document after reading: one text, and the blocks of that text that are headings or paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from knows_knowledge_ingestion.errors import too_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# Together these keep a run below 500 MB whatever the file holds: a block costs about 150 bytes, a character up to 4.
MOST_CHARACTERS = 20_000_000
MOST_BLOCKS = 200_000

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # SQLite's substr stops at NUL; surrogates have no UTF-8
_NEWLINE = re.compile(r"\r\n?")


class Block(NamedTuple):
    """Characters `start` to `end` of the text. A `level` of 1 or more makes it a heading called `title`.

    A heading that is known to exist but is not found in the text (a PDF outline entry) has an empty span.
    """

    start: int
    end: int
    level: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The extracted text and its structure. `page_starts` holds the first character of each page, PDF only."""

    text: str
    blocks: Sequence[Block]
    title: str = ""
    page_starts: Sequence[int] = ()
    charset: str | None = None
    charset_from: str | None = None
    running_lines: int = 0


class Draft:
    """A text under construction, for formats whose extracted text is not the file itself."""

    def __init__(self, path: Path) -> None:
        self.blocks: list[Block] = []
        self.length = 0
        self._path = path
        self._parts: list[str] = []

    def add(self, text: str, *, gap: str = "\n\n", level: int = 0) -> None:
        """Append a block, after `gap` unless it is the first."""
        text = storable(text)
        start = self.length + (len(gap) if self._parts else 0)
        self._write(gap if self._parts else "", text)
        self.mark(Block(start, self.length, level, one_line(text) if level else ""))

    def mark(self, block: Block) -> None:
        """Add a block whose characters are written already."""
        if len(self.blocks) >= MOST_BLOCKS:
            raise too_large(self._path, len(self.blocks) + 1, MOST_BLOCKS, "headings and paragraphs")
        self.blocks.append(block)

    def write(self, text: str) -> int:
        """Append text that is no block yet, and return where it starts."""
        start = self.length
        self._write(text)
        return start

    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)

    def _write(self, *parts: str) -> None:
        self._parts += parts
        self.length += sum(map(len, parts))
        if self.length > MOST_CHARACTERS:
            raise too_large(self._path, self.length, MOST_CHARACTERS, "characters of text")


def gathered(blocks: Iterable[Block], path: Path) -> list[Block]:
    """The blocks as a list, or a refusal as soon as there are too many to hold."""
    kept: list[Block] = []
    for block in blocks:
        if len(kept) >= MOST_BLOCKS:
            raise too_large(path, len(kept) + 1, MOST_BLOCKS, "headings and paragraphs")
        kept.append(block)
    return kept


def storable(text: str) -> str:
    """The text with line feeds as its only line ends, and a replacement character for what no store can keep."""
    if "\r" in text:
        text = _NEWLINE.sub("\n", text)
    return _NOT_STORABLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())
