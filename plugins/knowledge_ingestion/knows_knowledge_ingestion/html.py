"""Text and headings of an HTML page, from parser events: no tree is kept, so memory follows the text."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from knows_knowledge_ingestion.charset import declared_in_html, decode
from knows_knowledge_ingestion.document import Document, Draft, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_SKIPPED = {"script", "style", "nav", "template", "svg", "noscript", "iframe", "object"}
_NAVIGATION = {"navheader", "navfooter"}  # the page furniture of DocBook, older than the nav element
_LIST_LIKE = {"li", "tr", "dt", "dd"}  # these follow each other on single lines
_CELLS = {"td", "th"}
_SOFT_IN_CELL = {"p", "div", "section"}
_BLOCKS = {
    *_HEADINGS, *_LIST_LIKE, *_SOFT_IN_CELL, "address", "article", "aside", "blockquote", "body", "caption", "center",
    "details", "dl", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "legend", "main", "ol",
    "option", "pre", "summary", "table", "tbody", "tfoot", "thead", "ul",
}  # fmt: skip
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_LABELS = {"note", "tip", "warning", "caution", "important", "danger"}  # set as headings, but they begin no section
_LONG_CELL = 200  # characters: a longer cell is layout, not a value, and its paragraphs stand alone
_LINE_BREAK = "\r"  # cannot occur in the text, whose line ends were made uniform


def read_html(content: bytes, path: Path, declared: str | None = None) -> Document:
    """Headings, paragraphs, list items, table rows and preformatted text, without scripts, styles and navigation."""
    decoded = decode(content, path, declared or declared_in_html(content))
    # Loads libxml2 (15 MB), which only HTML needs; by name, because it ships no types.
    etree: Any = importlib.import_module("lxml.etree")
    walker = _Walker(path)
    parser = etree.HTMLParser(target=walker, encoding="utf-8", huge_tree=True)
    parser.feed(decoded.text.encode())
    parser.close()
    draft = walker.draft
    return Document(
        draft.text(),
        draft.blocks,
        one_line("".join(walker.title)),
        charset=decoded.charset,
        charset_from=decoded.charset_from,
    )


class _Walker:
    """Receives the events of the parser and writes blocks into a draft."""

    def __init__(self, path: Path) -> None:
        self.draft = Draft(path)
        self.title: list[str] = []
        self._words: list[str] = []
        self._level = 0
        self._kind = ""
        self._written = ""  # the kind of the block before, which decides the gap between them
        self._skipping: list[str] = []
        self._cells = self._pres = self._cell_start = 0
        self._in_title = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._skipping or _is_furniture(tag, attributes):
            if tag not in _VOID:
                self._skipping.append(tag)
        elif tag == "title":
            self._in_title = True
        elif tag == "br":
            self._words.append("\n" if self._pres else _LINE_BREAK)
        elif tag in _CELLS:
            self._cells += 1
            self._separate_cell()
        elif tag in _BLOCKS:
            self._break(tag)
            self._level = _HEADINGS.get(tag, self._level)
            self._kind = tag if tag in _LIST_LIKE else self._kind
            self._pres += tag == "pre"

    def end(self, tag: str) -> None:
        if self._skipping:
            if tag not in _VOID:
                self._skipping.pop()
        elif tag == "title":
            self._in_title = False
        elif tag in _CELLS:
            self._cells -= 1
        elif tag in _BLOCKS:
            self._break(tag)
            self._level = 0 if tag in _HEADINGS else self._level
            self._kind = "" if tag in _LIST_LIKE else self._kind
            self._pres -= tag == "pre"

    def data(self, text: str) -> None:
        if self._in_title:
            self.title.append(text)
        elif not self._skipping:
            self._words.append(text)

    def close(self) -> None:
        self._flush()

    def _break(self, tag: str) -> None:
        if self._cells and tag in _SOFT_IN_CELL and sum(map(len, self._words)) < _LONG_CELL:
            self._words.append(" ")
        else:
            self._flush()

    def _separate_cell(self) -> None:
        if any(not word.isspace() for word in self._words):
            self._words.append(" | ")

    def _flush(self) -> None:
        raw = "".join(self._words)
        self._words.clear()
        text = raw.strip("\n").rstrip() if self._pres else _normalised(raw)
        if not text.strip(" |\n\t"):
            return
        level = 0 if text.rstrip(":!").casefold() in _LABELS else self._level
        near = self._kind in _LIST_LIKE and self._written in _LIST_LIKE
        self.draft.add(text, gap="\n" if near else "\n\n", level=level)
        self._written = self._kind


def _is_furniture(tag: str, attributes: Mapping[str, str]) -> bool:
    return (
        tag in _SKIPPED
        or attributes.get("role") == "navigation"
        or not _NAVIGATION.isdisjoint(attributes.get("class", "").split())
    )


def _normalised(raw: str) -> str:
    """White space as a browser shows it: single spaces, and a new line only where the page asks for one."""
    return "\n".join(line for line in map(one_line, raw.split(_LINE_BREAK)) if line)
