"""Bytes to text: byte order mark, then what is declared, then UTF-8, then Windows-1252 as a guess that is reported."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

from knows_knowledge_ingestion.document import storable
from knows_knowledge_ingestion.errors import TextUndecodable

if TYPE_CHECKING:
    from pathlib import Path

GUESSED = "a guess"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The declaration has to stand near the top (HTML standard: within 1024 bytes; real exports put it a little later).
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
_HEAD = 4096
_MOST_NULS = 0.01


class Decoded(NamedTuple):
    """A text, the charset it was written in, and how that is known."""

    text: str
    charset: str
    charset_from: str


def decode(content: bytes, path: Path, declared: str | None = None) -> Decoded:
    """Decode a text document; raises TextUndecodable for bytes that are no text.

    `declared` is the charset parameter of the content type, if one was given.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _with_mark(content[len(mark) :], name, path)
    claimed = _known(declared)
    candidates = [(claimed, "declared")] if claimed else []
    for charset, origin in (*candidates, ("utf-8", "UTF-8 throughout"), ("cp1252", GUESSED)):
        try:
            text = content.decode(charset)
        except (UnicodeError, LookupError):
            continue
        _refuse_binary(text, path)
        return Decoded(storable(text.removeprefix("\ufeff")), charset, origin)
    raise TextUndecodable(path=path, reason="it is neither UTF-8 nor Windows-1252, and no other charset is declared")


def declared_in_html(content: bytes) -> str | None:
    """The charset that a page or an XML declaration claims for itself."""
    found = _DECLARED.search(content[:_HEAD])
    name = found and _known(found[1].decode("ascii"))
    # A page whose declaration can be read byte by byte is not UTF-16 (HTML standard, "prescan a byte stream").
    return "utf-8" if name and name.startswith(("utf-16", "utf-32")) else name


def _with_mark(content: bytes, name: str, path: Path) -> Decoded:
    try:
        return Decoded(storable(content.decode(name)), name, "byte order mark")
    except UnicodeError as error:
        raise TextUndecodable(path=path, reason=f"its byte order mark says {name}, but {error}") from error


def _known(name: str | None) -> str | None:
    """Python's name for a charset, or None if it has none; browsers read Latin-1 and ASCII labels as Windows-1252."""
    if not name:
        return None
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return "cp1252" if found in {"iso8859-1", "ascii"} else found


def _refuse_binary(text: str, path: Path) -> None:
    nuls = text.count("\0")
    if nuls > _MOST_NULS * len(text):
        raise TextUndecodable(path=path, reason=f"{nuls:,} of its {len(text):,} characters are NUL")
