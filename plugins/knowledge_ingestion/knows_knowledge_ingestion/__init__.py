"""Documents in, searchable passages out: the template `knowledge_ingestion` and the search over what it stored."""

from __future__ import annotations

from knows_core import pipeline, step
from knows_knowledge_ingestion import models
from knows_knowledge_ingestion.models import IngestionState
from knows_knowledge_ingestion.query import read_back, search, stored_passages, stored_sources
from knows_knowledge_ingestion.steps import (
    extract_content,
    store_knowledge,
    structure_knowledge,
    validate_quality,
    validate_source,
)

knowledge_ingestion = pipeline(
    step(validate_source) | extract_content | structure_knowledge | validate_quality | store_knowledge,
    name="knowledge_ingestion",
    version="1.0.0",
    state=IngestionState,
    summary="Reads a PDF, HTML, Markdown or text document and stores its passages for search.",
)

__all__ = ["knowledge_ingestion", "models", "read_back", "search", "stored_passages", "stored_sources"]
