"""Text, pages and outline of a PDF, by pdfium."""

from __future__ import annotations

import importlib
import re
import threading
from typing import TYPE_CHECKING, Any

from knows_knowledge_ingestion.document import Block, Document, Draft, one_line, storable
from knows_knowledge_ingestion.errors import DocumentDamaged, DocumentEncrypted, NeedsOcr, too_large
from knows_knowledge_ingestion.outline import Entry, heading_spans
from knows_knowledge_ingestion.running import without_running_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

MOST_PAGES = 10_000

_PASSWORD, _SECURITY = 4, 5  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY of fpdfview.h
_IMAGE = 3  # FPDF_PAGEOBJ_IMAGE of fpdf_edit.h
_TAIL = 2048
_SCANNED_PAGE = 50  # characters: a stamp or a page number over a picture is no text of that page
_LONGEST_TITLE = 300
_PAGE_BREAK = "\n\f"
_HYPHEN_AT_LINE_END = re.compile("[\x02\ufffe]")  # how pdfium marks a hyphen that it joined two lines at
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_ITEM = re.compile(r"[•▪●◦–*-]\s|\(?\d{1,3}[.)]\s")  # noqa: RUF001 - the dashes that lists are set with
_SENTENCE_END = (".", ":", "!", "?")

# pdfium keeps process-wide state and is not thread-safe, while runs go on side by side in threads.
_PDFIUM = threading.Lock()


def read_pdf(
    content: bytes, path: Path, *, progress: Callable[[int, int], None] | None = None, most_pages: int = MOST_PAGES
) -> Document:
    """Read every page; `progress(done, total)` is called after each.

    Raises DocumentEncrypted, DocumentDamaged, NeedsOcr, or DocumentTooLarge.
    """
    _refuse_truncated(content, path)
    pages: list[str] = []
    scanned = 0
    with _PDFIUM:
        pdf = _opened(content, path)
        try:
            total = len(pdf)
            if total > most_pages:
                raise too_large(path, total, most_pages, "pages")
            for number in range(total):
                text, is_picture = _page(pdf, number, path)
                pages.append(text)
                scanned += is_picture
                if progress is not None:
                    progress(number + 1, total)
            entries = _outline(pdf)
            labels = [storable(pdf.get_page_label(number)) for number in range(total)]
            title = one_line(storable(pdf.get_metadata_value("Title") or ""))
        finally:
            pdf.close()
    if scanned and all(len(page) < _SCANNED_PAGE for page in pages):
        raise NeedsOcr(path=path, pages=total)
    return _document(pages, labels, entries, title, path)


def _refuse_truncated(content: bytes, path: Path) -> None:
    # pdfium repairs a cut-off file and then shows fewer pages without a word; the end mark tells.
    if b"%%EOF" not in content[-_TAIL:]:
        raise DocumentDamaged(path=path, reason="its end mark %%EOF is missing")


def _opened(content: bytes, path: Path) -> Any:
    pdfium = _pdfium()
    try:
        return pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code in {_PASSWORD, _SECURITY}:
            raise DocumentEncrypted(path=path) from error
        raise DocumentDamaged(path=path, reason="it has no readable page tree") from error


def _page(pdf: Any, number: int, path: Path) -> tuple[str, bool]:
    """The text of a page, and whether the page is a picture."""
    try:
        page = pdf[number]
        try:
            textpage = page.get_textpage()
            text = _readable(textpage.get_text_bounded())
            textpage.close()
            is_picture = len(text) < _SCANNED_PAGE and any(page.get_objects(filter=[_IMAGE], max_depth=3))
        finally:
            page.close()
    except _pdfium().PdfiumError as error:
        raise DocumentDamaged(path=path, reason=f"page {number + 1} cannot be read") from error
    return text, is_picture


def _pdfium() -> Any:
    # Loads a shared library of 7 MB, which only a PDF needs; by name, because it ships no types.
    return importlib.import_module("pypdfium2")


def _readable(text: str) -> str:
    text = storable(_HYPHEN_AT_LINE_END.sub("", text)).translate(_LIGATURES)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def _outline(pdf: Any) -> list[Entry]:
    """The outline in reading order; an entry that only groups others stands where the first of them stands."""
    found: list[Entry] = []
    for bookmark in pdf.get_toc():
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        found.append(Entry(bookmark.level + 1, one_line(storable(bookmark.get_title()))[:_LONGEST_TITLE], page))
    page = None
    placed: list[Entry] = []
    for entry in reversed(found):
        page = page if entry.page is None else entry.page
        if page is not None and entry.title:
            placed.append(entry._replace(page=page))
    placed.reverse()
    return sorted(placed, key=lambda entry: entry.page or 0)


def _document(pages: list[str], labels: list[str], entries: list[Entry], title: str, path: Path) -> Document:
    pages, running_lines = without_running_lines(pages, labels)
    headings: dict[int, list[Entry]] = {}
    for entry in entries:
        headings.setdefault(entry.page or 0, []).append(entry)
    draft = Draft(path)
    starts: list[int] = []
    for number, text in enumerate(pages):
        if starts:
            draft.write(_PAGE_BREAK)
        starts.append(start := draft.write(text))
        for block in _blocks(text, headings.get(number, [])):
            draft.mark(block._replace(start=start + block.start, end=start + block.end))
    return Document(draft.text(), draft.blocks, title, starts, running_lines=running_lines)


def _blocks(text: str, entries: Sequence[Entry]) -> Iterator[Block]:
    """Headings and paragraphs of one page, in order, counted from the start of the page."""
    position = 0
    for heading in heading_spans(text, entries):
        yield from _paragraphs(text, position, heading.start)
        yield heading
        position = heading.end
    yield from _paragraphs(text, position, len(text))


def _paragraphs(text: str, start: int, end: int) -> Iterator[Block]:
    """Groups of lines. A PDF has no paragraphs: a short last line, a list item or a blank line ends one."""
    lines = text[start:end].split("\n")
    width = max(map(len, lines))
    first = position = start
    for number, line in enumerate(lines):
        stop = position + len(line)
        follows = lines[number + 1] if number + 1 < len(lines) else ""
        short_end = line.endswith(_SENTENCE_END) and len(line) < 0.8 * width
        if not follows.strip() or short_end or _ITEM.match(follows):
            if text[first:stop].strip():
                yield Block(first, stop)
            first = stop + 1
        position = stop + 1
