"""Documents made on the spot, and one way to run the five steps as plain functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from fpdf import FPDF

from knows_core import StepContext
from knows_knowledge_ingestion import steps
from knows_knowledge_ingestion.models import Ingested, IngestionState

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Workplace:
    """A folder with documents, and the store that they go to."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "stores" / "knowledge.db"

    def context(self, run: str = "run-1") -> StepContext:
        return StepContext(run, "store_knowledge", 1, lambda _event: None)

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def state(self, uri: object, content_type: str, **more: str) -> IngestionState:
        given = {"source_id": "manual", "store": str(self.store), **more}
        return IngestionState.model_validate({"uri": str(uri), "content_type": content_type, **given})

    def ingest(self, uri: object, content_type: str, *, run: str = "run-1", **more: str) -> Ingested:
        here = self.context(run)
        extracted = steps.extract_content(steps.validate_source(self.state(uri, content_type, **more)), here)
        assessed = steps.validate_quality(steps.structure_knowledge(extracted, here), here)
        return steps.store_knowledge(assessed, here)

    @staticmethod
    def pdf(*pages: str, outline: tuple[tuple[int, str, int], ...] = (), title: str = "") -> bytes:
        """A PDF of these page texts; an outline entry is (depth from 0, title, page from 0)."""
        pdf = FPDF()
        pdf.set_creation_date(datetime(2025, 1, 1, tzinfo=UTC))
        pdf.set_title(title)
        pdf.set_font("Helvetica", size=11)
        for number, text in enumerate(pages):
            pdf.add_page()
            for depth, heading, page in outline:
                if page == number:
                    pdf.start_section(heading, level=depth)
            if text:
                pdf.multi_cell(0, 6, text)
        return bytes(pdf.output())


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)
