"""PDF: pages, outline, and everything that can be wrong with one."""

from __future__ import annotations

import io
import itertools

import pikepdf
import pytest
from fpdf import FPDF
from PIL import Image

from knows_knowledge_ingestion import errors, search, steps, stored_passages
from knows_knowledge_ingestion.pdf import read_pdf

LOREM = "The pump runs warm because the cooling water is missing. "


def refused(place, content, kind, content_type="pdf"):
    """The refusal of a document, with the proof that nothing was stored."""
    with pytest.raises(kind) as caught:
        place.ingest(place.file("manual.pdf", content), content_type)
    assert not place.store.parent.exists()
    assert str(place.folder / "manual.pdf") in str(caught.value)
    assert str(caught.value).endswith(kind.remedy)
    return str(caught.value)


def test_pages_and_outline(place):
    """Every passage has its page, and the outline gives it its heading path."""
    content = place.pdf(
        "Overview\nThis pump is dry.",
        "Faults\nP1 Motor hot\nClean the filter.\nP2 Low flow\nOpen the valve.",
        "The valve is on the left side.",
        outline=((0, "Overview", 0), (0, "Faults", 1), (1, "P1 Motor hot", 1), (1, "P2 Low flow", 1)),
        title="Pump manual",
    )
    result = place.ingest(place.file("pump.pdf", content), "pdf")
    assert (result.pages, result.title, result.outcome) == (3, "Pump manual", "stored")
    found = [(passage.page, passage.heading_path, passage.text) for passage in stored_passages(place.store, "manual")]
    assert found == [
        (1, ("Overview",), "Overview\nThis pump is dry."),
        (2, ("Faults", "P1 Motor hot"), "Faults\nP1 Motor hot\nClean the filter."),
        (2, ("Faults", "P2 Low flow"), "P2 Low flow\nOpen the valve."),
        (3, ("Faults", "P2 Low flow"), "The valve is on the left side."),
    ]
    assert search(place.store, "valve open")[0].page == 2


def test_outline_titles_are_found_with_their_numbers(place):
    """A title that the page shows with a number or in capitals is found; one that it does not show counts by page."""
    content = place.pdf(
        "2.1 COOLING  WATER\nFour litres.\nAppendix A: Parts\nA filter.",
        "Nothing but words.",
        outline=((0, "Cooling water", 0), (0, "Parts", 0), (0, "Not on the page", 1)),
    )
    place.ingest(place.file("a.pdf", content), "pdf")
    found = [(passage.section, passage.text.split("\n")[0]) for passage in stored_passages(place.store, "manual")]
    assert found == [
        ("Cooling water", "2.1 COOLING WATER"),
        ("Parts", "Appendix A: Parts"),
        ("Not on the page", "Nothing but words."),
    ]


def test_outline_entries_without_a_target(place):
    """An entry that only groups others stands where the first of them stands; one that leads nowhere is left out."""
    pdf = pikepdf.open(io.BytesIO(place.pdf("First.", "Second.")))
    with pdf.open_outline() as outline:
        group = pikepdf.OutlineItem("Group")
        group.children.append(pikepdf.OutlineItem("Second", 1))
        outline.root.extend([group, pikepdf.OutlineItem("Nowhere")])
    saved = io.BytesIO()
    pdf.save(saved)
    place.ingest(place.file("a.pdf", saved.getvalue()), "pdf")
    assert [passage.heading_path for passage in stored_passages(place.store, "manual")] == [(), ("Group", "Second")]


def test_passages_stay_on_one_page(place):
    """Long pages are cut, and no passage runs over a page break."""
    place.ingest(place.file("a.pdf", place.pdf(LOREM * 60, LOREM * 3)), "pdf")
    passages = stored_passages(place.store, "manual")
    assert {passage.page for passage in passages} == {1, 2}
    assert all(len(passage.text) <= 2000 and "\f" not in passage.text for passage in passages)
    assert sum(passage.page == 1 for passage in passages) >= 3


def test_running_lines_are_left_out(place):
    """A line with the page's own number on top of every page is kept once; numbers that mean something stay."""
    pages = [f"Pump manual {number}\nAlarm {100 + number}\nWords about {100 + number}." for number in range(1, 7)]
    result = place.ingest(place.file("a.pdf", place.pdf(*pages)), "pdf")
    passages = stored_passages(place.store, "manual")
    assert [passage.text.split("\n")[0] for passage in passages][:3] == ["Pump manual 1", "Alarm 102", "Alarm 103"]
    assert result.quality.notes == ("5 repeated page headers and footers were left out",)


def test_alarm_numbers_on_top_of_pages_stay(place):
    """Fault pages that begin with following alarm numbers have no running lines."""
    pages = [f"Alarm {100 + number}\nWords about {100 + number}." for number in range(1, 7)]
    place.ingest(place.file("a.pdf", place.pdf(*pages)), "pdf")
    assert [hit.page for hit in search(place.store, "105")] == [5]


def test_encrypted(place):
    """A PDF with a password is refused; one that anybody can open is not."""
    for user, owner in (("open sesame", "o"), ("", "o")):
        saved = io.BytesIO()
        pdf = pikepdf.open(io.BytesIO(place.pdf("Secret words.")))
        pdf.save(saved, encryption=pikepdf.Encryption(user=user, owner=owner))
        if user:
            assert "is encrypted and asks for a password" in refused(place, saved.getvalue(), errors.DocumentEncrypted)
        else:
            assert place.ingest(place.file("a.pdf", saved.getvalue()), "pdf").passages == 1


def test_truncated(place):
    """A PDF that is cut off anywhere is refused, also where its reader would repair it in silence."""
    content = place.pdf(*itertools.repeat(LOREM * 20, 4))
    for length in (9, 200, len(content) // 2, len(content) - 30, len(content) - 3):
        message = refused(place, content[:length], errors.DocumentDamaged)
        assert "is a damaged or truncated PDF: its end mark %%EOF is missing" in message


def test_damaged(place):
    """A PDF with a hole, or without anything between its marks, is refused."""
    content = place.pdf(*itertools.repeat(LOREM * 20, 4))
    assert "it has no readable page tree" in refused(place, b"%PDF-1.4\n%%EOF\n", errors.DocumentDamaged)
    assert "page 2 cannot be read" in refused(place, content[:400] + content[2000:], errors.DocumentDamaged)


def test_html_named_pdf(place):
    """An HTML page that is named .pdf is a type mismatch."""
    message = refused(place, "<html><body>Sorry, please log in</body></html>", errors.TypeMismatch)
    assert "expected application/pdf, found text/html" in message


def image_pdf(stamp: str, pages: int) -> bytes:
    pdf = FPDF()
    pdf.set_font("Helvetica", size=11)
    for _ in range(pages):
        pdf.add_page()
        pdf.image(Image.new("L", (200, 280), 200), x=0, y=0, w=210)
        if stamp:
            pdf.text(10, 10, stamp)
    return bytes(pdf.output())


@pytest.mark.parametrize("stamp", ["", "Scanned 2024"])
def test_image_only(place, stamp):
    """A PDF of scans needs OCR, also when each page bears a small stamp."""
    assert "needs OCR: its 3 page(s) are images with no text" in refused(place, image_pdf(stamp, 3), errors.NeedsOcr)


def test_short_pages_are_no_scans(place):
    """A page with few words and no picture is a page."""
    assert place.ingest(place.file("a.pdf", place.pdf("Hello")), "pdf").passages == 1


def test_blank_pages(place):
    """Blank pages alone are no document; between others they are reported."""
    assert "holds no text" in refused(place, place.pdf("", ""), errors.DocumentWithoutText)
    result = place.ingest(place.file("a.pdf", place.pdf("First page.", "", "Third page.")), "pdf")
    assert result.quality.pages_without_text == pytest.approx(0.3333)
    assert [(piece.finding, piece.page) for piece in result.quality.pieces] == [("page without text", 2)]
    assert [passage.page for passage in stored_passages(place.store, "manual")] == [1, 3]


def test_mostly_blank_pages_are_held_back(place):
    """A document that is blank for more than half is held back, with the pages named."""
    message = refused(place, place.pdf("Only page.", "", "", ""), errors.QualityTooLow)
    assert "75% of its pages have no text (at most 50%)" in message
    assert "page without text at page 2" in message


def test_too_many_pages(place):
    """The limit of pages is checked before any page is read."""
    path = place.folder / "a.pdf"
    with pytest.raises(errors.DocumentTooLarge, match="it has 3 pages, the limit is 2"):
        read_pdf(place.pdf("a", "b", "c"), path, most_pages=2)


def test_progress_tells_every_page(place):
    """Whoever waits for a long document is told each page."""
    told: list[tuple[int, int]] = []
    read_pdf(place.pdf("a", "b"), place.folder / "a.pdf", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_ligatures_and_hyphens_are_resolved(place):
    """Words are stored as they are searched for, not as they were set."""
    from knows_knowledge_ingestion.pdf import _readable

    assert _readable("The ﬁlter over\x02ﬂow\r\nis  open \r\n") == "The filter overflow\nis  open"


def test_documents_are_read_one_at_a_time(place):
    """Many runs side by side may read PDFs, although pdfium itself is not thread-safe."""
    from concurrent.futures import ThreadPoolExecutor

    content = place.pdf(*itertools.repeat(LOREM * 20, 4))
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: read_pdf(content, place.folder / "a.pdf").text, range(32)))
    assert len(texts) == 1


def test_extracted_is_what_the_run_records(place):
    """The journal gets facts about the text, never the text."""
    source = steps.validate_source(place.state(place.file("a.pdf", place.pdf(LOREM * 50)), "pdf"))
    extracted = steps.extract_content(source, place.context())
    assert len(extracted.model_dump_json()) < 1000
    assert extracted.characters > 2500
