"""The quality report, and what is held back."""

from __future__ import annotations

import pytest

from knows_knowledge_ingestion import errors

WORDS = "The pump runs warm because the cooling water is missing."


def test_good_document(place):
    """A clean document has full coverage and nothing to report."""
    quality = place.ingest(place.file("a.md", f"# A\n\n{WORDS}\n"), "markdown").quality
    assert (quality.coverage, quality.garbage, quality.duplicates, quality.findings) == (1, 0, 0, 0)
    assert quality.pieces == quality.notes == ()


def test_garbage_is_held_back(place):
    """A text of unreadable characters is held back; the error names the share, the bar and the pieces."""
    content = f"# Good\n\n{WORDS}\n\n# Bad\n\n" + "\ue001\ue002\ufffd " * 30
    with pytest.raises(errors.QualityTooLow) as caught:
        place.ingest(place.file("a.md", content), "markdown")
    assert "is held back, its text is not good enough: 62% of it is unreadable characters (at most 5%)" in str(
        caught.value
    )
    assert "Pieces: garbage at Bad, characters " in str(caught.value)
    assert not place.store.parent.exists()


def test_some_garbage_is_reported(place):
    """A damaged piece of a long good document is stored, and named in the report."""
    paragraphs = "\n\n".join(f"{number}. {WORDS}" for number in range(200))
    quality = place.ingest(place.file("a.md", f"# Good\n\n{paragraphs}\n\n# Bad\n\n\ufffd\ufffd"), "markdown").quality
    assert 0 < quality.garbage < 0.05
    assert [(piece.finding, piece.heading_path) for piece in quality.pieces] == [("garbage", ("Bad",))]


def test_duplicates(place):
    """Repeated passages are reported; where they are most of a long document, it is held back."""
    section = f"# A\n\n{WORDS}\n\n"
    quality = place.ingest(place.file("a.md", section * 3), "markdown").quality
    assert quality.duplicates == pytest.approx(0.6667)
    assert [piece.finding for piece in quality.pieces] == ["duplicate", "duplicate"]
    with pytest.raises(errors.QualityTooLow, match=r"95% of its passages repeat others \(at most 50%\)") as caught:
        place.ingest(place.file("a.md", section * 20), "markdown")
    assert "and 14 more" in str(caught.value)


def test_empty_sections(place):
    """Sections without a word are reported, and no reason to refuse."""
    quality = place.ingest(place.file("a.md", f"# A\n\n## Empty\n\n## B\n\n{WORDS}\n\n# End\n"), "markdown").quality
    assert [(piece.finding, piece.heading_path) for piece in quality.pieces] == [
        ("empty section", ("Empty",)),
        ("empty section", ("End",)),
    ]


def test_report_is_bounded(place):
    """All findings are counted, and the first twenty are named: the report stays in the journal for good."""
    sections = "".join(f"# Empty {number}\n\n" for number in range(50))
    quality = place.ingest(place.file("a.md", sections + WORDS), "markdown").quality
    assert (quality.findings, len(quality.pieces)) == (49, 20)
