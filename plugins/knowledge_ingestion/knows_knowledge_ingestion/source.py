"""The guard at the door: where a document may come from, how large it may be, and whether it is what it claims."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from knows_knowledge_ingestion.errors import (
    BadUri,
    ContentTypeUnknown,
    DocumentEmpty,
    SourceChanged,
    SourceMissing,
    SourceNotAFile,
    SourceOutsideRoot,
    SourceUnreadable,
    TypeMismatch,
    too_large,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_knowledge_ingestion.models import MediaType, Source

Answer = TypeVar("Answer")

PDF: MediaType = "application/pdf"
HTML: MediaType = "text/html"
MARKDOWN: MediaType = "text/markdown"
TEXT: MediaType = "text/plain"
MEDIA_TYPES: dict[str, MediaType] = {"pdf": PDF, "html": HTML, "markdown": MARKDOWN, "text": TEXT}
_BY_NAME: dict[str, MediaType] = {**MEDIA_TYPES, **{media_type: media_type for media_type in MEDIA_TYPES.values()}}

# A text of 20 MB is some ten thousand pages; larger ones are logs or dumps, and would not fit into bounded memory.
MOST_BYTES: dict[MediaType, int] = {PDF: 100_000_000, HTML: 20_000_000, MARKDOWN: 20_000_000, TEXT: 20_000_000}

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|file:", re.IGNORECASE)
_HEAD = 65_536
_PDF_HEADER_WITHIN = 1024  # as Acrobat and pdfium: the header may follow some junk
# Possessive and atomic: a hostile run of comments must not be tried in every grouping.
_HTML_START = re.compile(
    r"(?:\s|<\?xml[^>]*>|<!--(?>.*?-->))*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[a-z!/?]", re.IGNORECASE)
_MAGIC = {
    b"PK\x03\x04": "a ZIP container (DOCX, XLSX, EPUB, ...)",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x7fELF": "a program",
    b"{\\rtf": "an RTF document",
    b"%!PS": "a PostScript document",
    b"SQLite format 3\0": "an SQLite database",
}


def media_type_of(content_type: str) -> tuple[MediaType, str | None]:
    """The media type and the declared charset, from a short name or a media type with parameters."""
    name, *parameters = (part.strip() for part in content_type.split(";"))
    media_type = _BY_NAME.get(name.lower())
    if media_type is None:
        raise ContentTypeUnknown(found=content_type, accepted=", ".join(_BY_NAME))
    pairs = (parameter.partition("=") for parameter in parameters)
    charset = next((value.strip(" \"'") for key, _, value in pairs if key.strip().lower() == "charset"), None)
    return media_type, charset or None


def is_url(text: str) -> bool:
    """Whether a text is meant as a URL rather than as a path."""
    return _URL.match(text) is not None


def path_of(uri: str) -> Path:
    """The local path that a path or a file: URL names; it may be relative and need not exist."""
    if "\0" in uri:
        raise BadUri(found=uri, reason="it holds a NUL character")
    if not is_url(uri):
        return Path(uri).expanduser()
    parts = urlsplit(uri)
    if parts.scheme.lower() != "file":
        raise BadUri(found=uri, reason=f"scheme {parts.scheme!r}")
    if parts.netloc.lower() not in {"", "localhost"}:
        raise BadUri(found=uri, reason=f"host {parts.netloc!r}")
    if parts.query or parts.fragment:
        raise BadUri(found=uri, reason="a query or fragment names no file; write ? as %3F and # as %23")
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if not path.startswith("/") or "\0" in path:
        raise BadUri(found=uri, reason="expected file:///absolute/path")
    return Path(path)


def located(uri: str, root: str | None) -> Path:
    """The file that `uri` names: absolute, links followed, regular, and below `root` if one is given."""
    path = _asked(path_of(uri), Path.resolve)
    allowed = _asked(Path(root).expanduser(), Path.resolve) if root is not None else None
    # Before anything else is said about the file: a refusal must not tell whether it exists.
    if allowed is not None and not path.is_relative_to(allowed):
        raise SourceOutsideRoot(path=path, root=allowed)
    mode = _asked(path, Path.stat).st_mode
    if not stat.S_ISREG(mode):
        raise SourceNotAFile(path=path, found="a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket")
    return path


def _asked(path: Path, ask: Callable[[Path], Answer]) -> Answer:
    """What the file system answers about a path."""
    try:
        return ask(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceMissing(path=path.absolute()) from error
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise SourceUnreadable(path=path.absolute(), reason=_reason(error)) from error


def content_of(path: Path, media_type: MediaType) -> bytes:
    """All bytes of the file; refuses an empty one, and a large one before reading it."""
    limit = MOST_BYTES[media_type]
    size = _asked(path, Path.stat).st_size
    # The second look is for a file that grows meanwhile, or that tells no size.
    content = b"" if size > limit else _asked(path, lambda file: _first_bytes(file, limit + 1))
    if max(size, len(content)) > limit:
        raise too_large(path, max(size, len(content)), limit, "bytes")
    if not content:
        raise DocumentEmpty(path=path)
    return content


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def pinned_content(source: Source) -> bytes:
    """The bytes that validate_source saw, or SourceChanged."""
    path = path_of(source.uri)
    content = content_of(path, source.media_type)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise SourceChanged(path=path, expected=source.sha256, found=found)
    return content


def check_type(content: bytes, media_type: MediaType, path: Path) -> None:
    """Raise TypeMismatch unless the content can be what it is declared to be."""
    found = found_type(content, media_type)
    if found != media_type:
        raise TypeMismatch(path=path, declared=media_type, found=found)


def found_type(content: bytes, declared: MediaType) -> str:
    """What the first bytes say, which is the declared type wherever they do not contradict it."""
    head = content[:_HEAD]
    if head.lstrip().startswith(b"%PDF-"):
        return PDF
    if found := next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None):
        return found
    is_page = _HTML_START.match(_ascii_view(head)) is not None
    if declared == PDF:
        if b"%PDF-" in head[:_PDF_HEADER_WITHIN] and not is_page:
            return PDF
        return HTML if is_page else "no PDF header"
    if is_page:
        return HTML
    if declared == HTML and not _TAG.search(_ascii_view(head)):
        return "text without a single tag"
    return declared


def _ascii_view(head: bytes) -> str:
    """Enough of the text to see tags, also in UTF-16 and UTF-32; which charset it is matters later."""
    return head.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe").decode("latin-1")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
