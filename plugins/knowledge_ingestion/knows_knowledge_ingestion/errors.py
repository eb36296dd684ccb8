"""Why a document, a path or a store is refused.

Every refusal is final: the same call would fail again. The one exception is a store that another process holds.
"""

from __future__ import annotations

from typing import Any

from knows_core import PermanentError, TransientError


class IngestionError(PermanentError):
    """The root of every refusal of this plugin."""

    code = "ingestion"


# ------------------------------------------------------------------ what was asked for


class ContentTypeUnknown(IngestionError, ValueError):
    """A content type that nothing here can read."""

    code = "content-type-unknown"
    sentence = "content_type: expected one of {accepted}, found {found!r}"
    remedy = "Name the type of the document, or convert it to one of these."


class BadUri(IngestionError, ValueError):
    """A place that is neither a path nor a URL of a local file."""

    code = "bad-uri"
    sentence = "uri: expected a path or a file: URL of this machine, found {found!r} ({reason})"
    remedy = "Fetch the document first and name the local file."


class SourceMissing(IngestionError, FileNotFoundError):
    """Nothing is there."""

    code = "source-missing"
    sentence = "there is no file at {path}"
    remedy = "Check the uri; a relative path counts from the folder the run was started in."


class SourceNotAFile(IngestionError):
    """A folder, a device, a pipe."""

    code = "source-not-a-file"
    sentence = "{path}: expected a regular file, found {found}"
    remedy = "Each run takes one file; start one run for each document."


class SourceOutsideRoot(IngestionError, PermissionError):
    """The file is not below the allowed folder, links followed."""

    code = "source-outside-root"
    sentence = "{path} lies outside the allowed folder {root}"
    remedy = "Move the document below that folder, or allow another one with the state key root."


class SourceUnreadable(IngestionError, PermissionError):
    """The operating system refuses to hand the file over."""

    code = "source-unreadable"
    sentence = "{path} cannot be read: {reason}"
    remedy = "Give yourself read access to it and resume the run."


class SourceChanged(IngestionError):
    """The file is no longer what the run began with, so its recorded spans would point at other words."""

    code = "source-changed"
    sentence = "{path} changed while the run was under way: expected SHA-256 {expected}, found {found}"
    remedy = "Start a new run for the document as it is now; nothing was stored."


class ReadingChanged(IngestionError):
    """The file is the same, but this release reads or cuts it in another way than the one the run began with."""

    code = "reading-changed"
    sentence = "{path} reads differently since this plugin was updated: expected SHA-256 {expected}, found {found}"
    remedy = "Start a new run for the document; nothing was stored."


# ------------------------------------------------------------------ what the document is


class DocumentError(IngestionError, ValueError):
    """A document that was found but cannot become passages."""

    code = "document"


class DocumentEmpty(DocumentError):
    """A file of no bytes."""

    code = "document-empty"
    sentence = "{path} is empty (0 bytes)"
    remedy = "Copy or export the document again."


class DocumentTooLarge(DocumentError):
    """More than is read into memory for one run."""

    code = "document-too-large"
    sentence = "{path} is too large: it has {found}, the limit is {limit}"
    remedy = "Split the document and give each part a source_id of its own."


class TypeMismatch(DocumentError):
    """The content is something else than its declared type; the file's name counts for nothing."""

    code = "document-type-mismatch"
    sentence = "{path}: expected {declared}, found {found}"
    remedy = "Set content_type to what the file holds, or get the right file."


class DocumentEncrypted(DocumentError):
    """A PDF that asks for a password."""

    code = "document-encrypted"
    sentence = "{path} is encrypted and asks for a password"
    remedy = "Save a copy without the password and ingest that."


class DocumentDamaged(DocumentError):
    """A PDF that is cut off or broken inside."""

    code = "document-damaged"
    sentence = "{path} is a damaged or truncated PDF: {reason}"
    remedy = "Copy or download it again; compare its size with the original."


class NeedsOcr(DocumentError):
    """A PDF whose pages are pictures."""

    code = "document-needs-ocr"
    sentence = "{path} needs OCR: its {pages} page(s) are images with no text"
    remedy = "Run a text recognition over it, for example ocrmypdf, and ingest its output."


class DocumentWithoutText(DocumentError):
    """A well-formed document with nothing to read in it."""

    code = "document-without-text"
    sentence = "{path} holds no text"
    remedy = "Check that it is the right document."


class TextUndecodable(DocumentError):
    """Bytes that are not text in any charset that was declared or is likely."""

    code = "document-undecodable"
    sentence = "{path} cannot be decoded as text: {reason}"
    remedy = "Save it as UTF-8, or declare it: content_type 'text/plain; charset=NAME'."


class QualityTooLow(DocumentError):
    """The passages are too poor to be searched; they are held back and nothing is stored."""

    code = "document-quality-too-low"
    sentence = "{path} is held back, its text is not good enough: {reasons}. Pieces: {pieces}"
    remedy = "Export the document again with its fonts or charset intact; nothing was stored."


# ------------------------------------------------------------------ the store


class StoreUnusable(IngestionError):
    """The file named as store is not one, or cannot be opened or written."""

    code = "store-unusable"
    sentence = "knowledge store {path} cannot be used: {reason}"
    remedy = "Name another file with the state key store."


class StoreMissing(StoreUnusable, FileNotFoundError):
    """A search in a store that was never made."""

    code = "store-missing"
    sentence = "there is no knowledge store at {path}"
    remedy = "Ingest a document into it first: `kwf run knowledge_ingestion`."


class StoreTooNew(StoreUnusable):
    """Written by a later release of this plugin."""

    code = "store-too-new"
    sentence = "knowledge store {path} has schema {found}, this release knows up to {known}"
    remedy = "Update knows-knowledge-ingestion."


class StoreBusy(TransientError, TimeoutError):
    """Another process kept the store locked for too long."""

    code = "store-busy"
    sentence = "knowledge store {path} was locked by another process for {seconds} s"
    remedy = "Resume the run when the other one is done."


class SourceUnknown(IngestionError, LookupError):
    """A source_id that the store does not hold."""

    code = "source-unknown"
    sentence = "knowledge store {path} holds no source {source_id!r}"
    remedy = "stored_sources(store) lists what it holds."


class BadSpan(IngestionError, ValueError):
    """A span that does not lie within the stored text."""

    code = "bad-span"
    sentence = "span {start}..{end} does not lie within the {length} characters of source {source_id!r}"
    remedy = "Take spans from a hit or a stored passage; a document that was replaced has other spans."


def too_large(path: Any, found: int, limit: int, unit: str) -> DocumentTooLarge:
    """The same refusal for every unit: bytes, pages, characters, lines, pieces."""
    return DocumentTooLarge(path=path, found=f"{found:,} {unit}", limit=f"{limit:,}")
