"""From a pinned file to its document: the one place that knows which room reads which type."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from knows_knowledge_ingestion.document import MOST_CHARACTERS
from knows_knowledge_ingestion.errors import DocumentWithoutText, ReadingChanged, too_large
from knows_knowledge_ingestion.html import read_html
from knows_knowledge_ingestion.markdown import read_markdown
from knows_knowledge_ingestion.passages import cut
from knows_knowledge_ingestion.pdf import read_pdf
from knows_knowledge_ingestion.source import HTML, MARKDOWN, PDF, path_of, pinned_content
from knows_knowledge_ingestion.text import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from knows_knowledge_ingestion.document import Document
    from knows_knowledge_ingestion.models import Extracted, Passage, Source, Structured

_READERS = {HTML: read_html, MARKDOWN: read_markdown}


def read(source: Source, progress: Callable[[int, int], None] | None = None) -> Document:
    """The document as it was when the run began, or the error that says why there is none."""
    path = path_of(source.uri)
    content = pinned_content(source)
    if source.media_type == PDF:
        document = read_pdf(content, path, progress=progress)
    else:
        document = _READERS.get(source.media_type, read_text)(content, path, source.charset)
    if len(document.text) > MOST_CHARACTERS:
        raise too_large(path, len(document.text), MOST_CHARACTERS, "characters of text")
    if not document.text.strip():
        raise DocumentWithoutText(path=path)
    return document


def read_again(extracted: Extracted) -> Document:
    """The same text that was extracted before, in this process or in one that died."""
    document = read(extracted.source)
    _same(digest(document.text), extracted.text_sha256, extracted)
    return document


def cut_again(structured: Structured) -> tuple[Document, list[Passage]]:
    """The same text and the same passages as before."""
    document = read_again(structured.extracted)
    passages = cut(document, path_of(structured.extracted.source.uri))
    _same(digest_of_cuts(passages), structured.passages_sha256, structured.extracted)
    return document, passages


def _same(found: str, expected: str, extracted: Extracted) -> None:
    if found != expected:  # the file is the same, so this plugin or one of its libraries was updated in between
        raise ReadingChanged(path=path_of(extracted.source.uri), expected=expected, found=found)


def digest(text: str) -> str:
    """The name of a text: the SHA-256 of its UTF-8 form."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_cuts(passages: Iterable[Passage]) -> str:
    """The name of a list of passages: the SHA-256 of their JSON lines."""
    return digest("\n".join(passage.model_dump_json() for passage in passages))
