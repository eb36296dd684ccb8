"""Headings and blocks of Markdown. The stored text is the source text itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from knows_knowledge_ingestion.charset import decode
from knows_knowledge_ingestion.document import Block, Document, gathered, one_line
from knows_knowledge_ingestion.errors import too_large

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MOST_LINES = 100_000  # the parser keeps a few objects of 500 bytes for every line

# A key has to follow: a document may also begin with a rule.
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?=[\w-]+[ \t]*:)(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|$)")
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)
# Deeper lists are not taken apart: a piece is found in its outermost items, and hostile nesting stays cheap.
_DEEPEST = 4
_LONGEST_TITLE = 1_000


def read_markdown(content: bytes, path: Path, declared: str | None = None) -> Document:
    """Headings of both kinds, never those inside a code fence; blocks are list items, tables, fences and paragraphs."""
    decoded = decode(content, path, declared)
    text = decoded.text
    lines = text.count("\n") + 1
    if lines > MOST_LINES:
        raise too_large(path, lines, MOST_LINES, "lines")
    front = _FRONT_MATTER.match(text)
    title = _FRONT_TITLE.search(front[0]) if front else None
    return Document(
        text,
        gathered(_blocks(text, front[0].count("\n") if front else 0), path),
        title[1].strip(" \t\"'") if title else "",
        charset=decoded.charset,
        charset_from=decoded.charset_from,
    )


def _blocks(text: str, front_lines: int) -> Iterator[Block]:
    """Every line that is not blank lies in exactly one block, also where the parser sees none (link definitions)."""
    starts = [0, *(found.end() for found in re.finditer("\n", text)), len(text) + 1]

    def body(first: int, stop: int) -> Iterator[Block]:
        if text[starts[first] : starts[stop]].strip():
            yield Block(starts[first], min(starts[stop], len(text)))

    yield from body(0, front_lines)
    done = front_lines
    for first, stop, level, title in _parsed(text, front_lines):
        yield from body(done, max(first, done))
        if level:
            yield Block(starts[first], min(starts[stop], len(text)), level, title)
        else:
            yield from body(max(first, done), max(stop, done))
        done = max(stop, done)
    yield from body(done, len(starts) - 1)


def _parsed(text: str, front_lines: int) -> Iterator[tuple[int, int, int, str]]:
    """First line, line after the last, heading level and title of each top-level block and list item."""
    parser = _parser()
    # Blank lines in place of the front matter keep the line numbers, and its --- from making a heading of it.
    tokens = parser.parse("\n" * front_lines + text.split("\n", front_lines)[front_lines] if front_lines else text)
    parser.enable("inline")
    for index, token in enumerate(tokens):
        if token.map is None or not _stands_alone(token):
            continue
        first, stop = token.map
        is_heading = token.type == "heading_open"
        title = _plain(parser, tokens[index + 1].content) if is_heading else ""
        yield first, stop, int(token.tag[1:]) if is_heading else 0, title


def _parser() -> MarkdownIt:
    # Heavy for those who read PDF or HTML only.
    from markdown_it import MarkdownIt

    # Inline markup is parsed for headings alone: it is most of the work and most of the memory.
    return MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table").disable("inline")


def _stands_alone(token: Token) -> bool:
    """Whether the token opens a block of its own: top-level, but an item rather than the whole list."""
    if token.level == 0:
        return token.nesting >= 0 and not token.type.endswith("_list_open")
    return token.level == 1 and token.type == "list_item_open"


def _plain(parser: MarkdownIt, source: str) -> str:
    """The words of a heading without their markup."""
    children = parser.parseInline(source[:_LONGEST_TITLE])[0].children or []
    words = (
        " " if child.type.endswith("break") else child.content for child in children if child.type != "html_inline"
    )
    return one_line("".join(words))
