"""Passages: where they are cut, and that they always read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from knows_knowledge_ingestion import errors, passages
from knows_knowledge_ingestion.document import Block, Document
from knows_knowledge_ingestion.html import read_html
from knows_knowledge_ingestion.markdown import read_markdown
from knows_knowledge_ingestion.passages import AIM, LIMIT, cut
from knows_knowledge_ingestion.text import read_text

PATH = Path("manual")


def cut_markdown(source: str):
    document = read_markdown(source.encode(), PATH)
    return [(passage.heading_path, document.text[passage.start : passage.end]) for passage in cut(document, PATH)]


def test_sections_are_kept_apart():
    """A passage never holds words of two sections, and has the whole path of its heading."""
    assert cut_markdown("intro\n\n# A\n\none\n\n## B\n\ntwo\n\n### C\n\nthree\n\n## D\n\nfour\n") == [
        ((), "intro"),
        (("A",), "# A\n\none"),
        (("A", "B"), "## B\n\ntwo"),
        (("A", "B", "C"), "### C\n\nthree"),
        (("A", "D"), "## D\n\nfour"),
    ]


def test_headings_without_text():
    """A heading above a deeper one goes into its passage; an empty section is a passage of its own."""
    assert cut_markdown("# A\n\n## B\n\ntext\n\n## Empty\n\n## C\n\nmore\n\n# End\n") == [
        (("A", "B"), "# A\n\n## B\n\ntext"),
        (("A", "Empty"), "## Empty"),
        (("A", "C"), "## C\n\nmore"),
        (("End",), "# End"),
    ]


def test_skipped_levels():
    """A document that skips levels, or begins with a deep one, still has sensible paths."""
    assert [path for path, _ in cut_markdown("#### deep\n\nx\n\n# A\n\nx\n\n### B\n\nx\n\n## C\n\nx\n")] == [
        ("deep",),
        ("A",),
        ("A", "B"),
        ("A", "C"),
    ]


def test_paragraphs_are_packed_to_the_aim():
    """Paragraphs go together up to the size aimed at, and are not cut if they fit."""
    paragraph = "A sentence of a manual. " * 15
    sizes = [len(text) for _, text in cut_markdown("# A\n\n" + f"{paragraph}\n\n" * 20)]
    assert all(AIM / 2 < size <= AIM for size in sizes)


def test_long_paragraphs_are_cut_at_sentences():
    """A paragraph above the limit is cut where a sentence ends."""
    pieces = [text for _, text in cut_markdown("The filter of the pump is full of dust. " * 200)]
    assert len(pieces) > 4
    assert all(piece.startswith("The filter") and piece.endswith("dust.") for piece in pieces)


def test_words_are_cut_only_without_any_choice():
    """Words without sentences are cut between words; only an endless word is cut inside."""
    assert {word for _, text in cut_markdown("word " * 2000) for word in text.split()} == {"word"}
    assert [len(text) for _, text in cut_markdown("x" * 4500)] == [LIMIT, LIMIT, 500]


def test_short_rest_goes_back():
    """A few words at the end of a section do not become a passage of their own."""
    paragraph = "A sentence of a manual. " * 40
    assert len(cut_markdown(f"{paragraph}\n\nThe end.")) == 1


def test_too_many_passages(monkeypatch):
    """A document of endless tiny sections is refused rather than held."""
    monkeypatch.setattr(passages, "MOST_PASSAGES", 3)
    with pytest.raises(errors.DocumentTooLarge, match="it has 4 passages, the limit is 3"):
        cut_markdown("# A\n\nx\n\n" * 5)


def test_too_many_blocks(tmp_path):
    """A document of endless tiny paragraphs is refused in every format."""
    many = 200_001
    for read, content in ((read_text, b"x\n\n" * many), (read_html, b"<p>x" * many)):
        with pytest.raises(errors.DocumentTooLarge, match=r"it has 200,001 headings and paragraphs"):
            read(content, tmp_path / "a")


def test_pages_bound_passages():
    """Blocks of two pages never share a passage, however short they are."""
    document = Document("one\n\ftwo", [Block(0, 3), Block(5, 8)], page_starts=[0, 5])
    assert [(passage.page, passage.start, passage.end) for passage in cut(document, PATH)] == [(1, 0, 3), (2, 5, 8)]


# ------------------------------------------------------------------ properties

LINES = st.sampled_from(
    ["# A", "## B", "text", "===", "---", "```", "- item", "  - deep", "> quote", "|a|b|", "|-|-|", "", "", "[a]: x",
     "\t", "---\nt: 1\n---", "<div>", "long word " * 150, "x" * 2100, "é\u0301 ﬁ 😀", "\x1d", "\x0b\x85"]
)  # fmt: skip
WORDS = st.characters(exclude_characters="\0")  # a short text of NULs is refused
MARKDOWN = st.one_of(st.lists(LINES, max_size=30).map("\n".join), st.text(WORDS))
TAGS = st.sampled_from(
    ["<h1>", "</h1>", "<h3>", "<p>", "</p>", "<li>", "<td>", "<tr>", "</table>", "<table>", "<pre>", "</pre>", "<br>",
     "<nav>", "</nav>", "<script>", "</script>", "<title>", "</title>", "<dl><dt>", "<dd>", "<!-- ", " -->", "&nbsp;",
     "&#0;", "words ", "long word " * 150, "x" * 2100, "<svg>", "</svg>", "</div>", "<div role=navigation>", "\n"]
)  # fmt: skip
HTML = st.lists(st.one_of(TAGS, st.text(WORDS, max_size=5)), max_size=40).map("".join)


def check_rules(document: Document) -> None:
    """The promises about passages."""
    found = cut(document, PATH)
    covered = "".join(document.text[passage.start : passage.end] for passage in found)
    assert "".join(covered.split()) == "".join(document.text.split())
    position = 0
    for passage in found:
        assert position <= passage.start < passage.end <= len(document.text)
        words = document.text[passage.start : passage.end]
        assert words == words.strip()
        assert len(words) <= LIMIT
        assert passage.section == (passage.heading_path[-1] if passage.heading_path else "")
        position = passage.end


@given(MARKDOWN)
@example("\n")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_markdown(source):
    """Passages never overlap, hold every word, stay below the limit, and have no white space at their ends."""
    check_rules(read_markdown(source.encode(errors="replace"), PATH))


@given(MARKDOWN)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text(source):
    """Passages never overlap, hold every word, stay below the limit, and have no white space at their ends."""
    check_rules(read_text(source.encode(errors="replace"), PATH))


@given(HTML)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_html(source):
    """Passages never overlap, hold every word, stay below the limit, and have no white space at their ends."""
    check_rules(read_html(source.encode(errors="replace"), PATH))
