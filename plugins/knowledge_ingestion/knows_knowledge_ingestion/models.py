"""The types that cross from one step to the next, into the journal and out to whoever searches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from knows_knowledge_ingestion.source import is_url

MediaType = Literal["application/pdf", "text/html", "text/markdown", "text/plain"]
Outcome = Literal["stored", "replaced", "unchanged"]
Finding = Literal["garbage", "duplicate", "empty section", "page without text"]
Filled = Annotated[str, Field(min_length=1)]


class IngestionState(BaseModel):
    """What a run is told: which document, of which type, into which store."""

    model_config = ConfigDict(strict=True, extra="forbid")

    source_id: Filled = Field(description="Your name for the document; the same name again replaces it.")
    content_type: Filled = Field(description="pdf, html, markdown, text, or the media type.")
    uri: Filled = Field(description="The file to read: a path or a file: URL.")
    store: Filled | None = Field(default=None, description="SQLite file; default in your data folder.")
    root: Filled | None = Field(default=None, description="Allowed folder; unset means no limit.")

    @field_validator("uri", "store", "root")
    @classmethod
    def from_where_it_began(cls, value: str | None) -> str | None:
        """Relative paths count from the folder in which the run was created, wherever it is resumed."""
        return value if value is None or is_url(value) else str(Path(value).expanduser().absolute())


class Seam(BaseModel):
    """What all seam types share: frozen, strict, and nothing unknown gets in."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Source(Seam):
    """A checked document: all places are absolute, and the SHA-256 pins what the later steps may read."""

    source_id: str
    uri: str
    media_type: MediaType
    charset: str | None
    sha256: str
    size: int
    store: str


class Extracted(Seam):
    """What the text of the document is, without the text: every step derives it again from the pinned file."""

    source: Source
    text_sha256: str
    characters: int
    pages: int | None
    title: str
    charset: str | None
    charset_from: str | None
    running_lines: int


class Passage(Seam):
    """A piece to find and to cite: characters `start` to `end` (exclusive) of the stored text.

    `page` counts from 1 and is set for every PDF; `section` is the innermost heading, or empty.
    """

    heading_path: tuple[str, ...]
    section: str
    page: int | None
    start: int
    end: int


class Structured(Seam):
    """How the text was cut; `passages_sha256` pins the cuts as `text_sha256` pins the text."""

    extracted: Extracted
    passages: int
    passages_sha256: str


class Piece(Seam):
    """One thing that the quality check noticed, and where."""

    finding: Finding
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int


class QualityReport(Seam):
    """How good the passages are. Shares are 0 to 1; `pieces` names the first twenty findings, `findings` counts all."""

    coverage: float
    garbage: float
    duplicates: float
    pages_without_text: float
    findings: int
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...]


class Assessed(Seam):
    """Passages that passed the quality check."""

    structured: Structured
    quality: QualityReport


class Ingested(Seam):
    """The result of a run. `outcome` tells whether the store was changed."""

    outcome: Outcome
    source_id: str
    uri: str
    media_type: MediaType
    title: str
    store: str
    sha256: str
    text_sha256: str
    passages: int
    pages: int | None
    characters: int
    quality: QualityReport


class StoredSource(Seam):
    """A document as the store knows it; `text_sha256` names the text that its spans count in."""

    source_id: str
    uri: str
    media_type: MediaType
    title: str
    pages: int | None
    sha256: str
    text_sha256: str
    passages: int


class StoredPassage(Passage):
    """A passage with its words, the document it is from, and the text that its span counts in."""

    source_id: str
    uri: str
    text_sha256: str
    text: str


class Hit(StoredPassage):
    """A passage that answers a search. A higher `score` is a better answer; scores compare within one search only."""

    snippet: str
    score: float
