"""The five steps, as plain functions.

No step hands the text or the passages on: they would be journaled again and again. Each derives them from the file,
whose SHA-256 was pinned by the first step, so a resumed run sees the same words or says what changed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from knows_core import StepContext  # noqa: TC001 - the engine resolves the annotations of a step
from knows_knowledge_ingestion import quality, store
from knows_knowledge_ingestion.models import Assessed, Extracted, Ingested, IngestionState, Source, Structured
from knows_knowledge_ingestion.passages import cut
from knows_knowledge_ingestion.reading import cut_again, digest, digest_of_cuts, read, read_again
from knows_knowledge_ingestion.source import check_type, content_of, located, media_type_of, path_of


def validate_source(state: IngestionState) -> Source:
    """Check place, size and type of the document before anything is made of it, and pin its content."""
    media_type, charset = media_type_of(state.content_type)
    path = located(state.uri, state.root)
    content = content_of(path, media_type)
    check_type(content, media_type, path)
    # Absolute from here on: a resumed run may start in another folder.
    place = Path(state.store).expanduser().absolute() if state.store else store.default_path()
    return Source(
        source_id=state.source_id,
        uri=path.as_uri(),
        media_type=media_type,
        charset=charset,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        store=str(place),
    )


def extract_content(source: Source, context: StepContext) -> Extracted:
    """Read the document once, to learn whether and as what it can be read."""
    document = read(source, lambda done, total: context.progress(done, total, "pages"))
    return Extracted(
        source=source,
        text_sha256=digest(document.text),
        characters=len(document.text),
        pages=len(document.page_starts) or None,
        title=document.title or document.blocks[0].title,
        charset=document.charset,
        charset_from=document.charset_from,
        running_lines=document.running_lines,
    )


def structure_knowledge(extracted: Extracted, context: StepContext) -> Structured:
    """Cut the text into passages."""
    passages = cut(read_again(extracted), path_of(extracted.source.uri))
    context.progress(len(passages), len(passages), "passages")
    return Structured(extracted=extracted, passages=len(passages), passages_sha256=digest_of_cuts(passages))


def validate_quality(structured: Structured, context: StepContext) -> Assessed:
    """Measure the passages; hold the document back rather than store what nobody can search."""
    report = quality.report(*cut_again(structured))
    quality.check(report, structured.passages, path_of(structured.extracted.source.uri))
    context.progress(1, 1, f"coverage {report.coverage:.0%}")
    return Assessed(structured=structured, quality=report)


def store_knowledge(assessed: Assessed, context: StepContext) -> Ingested:
    """Put text and passages into the store in one transaction; what is there already is not written again."""
    structured = assessed.structured
    extracted, source = structured.extracted, structured.extracted.source
    document, passages = cut_again(structured)
    outcome = store.keep(structured, passages, document.text, written_by=context.idempotency_key)
    context.progress(len(passages), len(passages), outcome)
    return Ingested(
        outcome=outcome,
        source_id=source.source_id,
        uri=source.uri,
        media_type=source.media_type,
        title=extracted.title,
        store=source.store,
        sha256=source.sha256,
        text_sha256=extracted.text_sha256,
        passages=structured.passages,
        pages=extracted.pages,
        characters=extracted.characters,
        quality=assessed.quality,
    )
