"""HTML, Markdown and plain text: what becomes a heading, what becomes text, and in which charset."""

from __future__ import annotations

import pytest

from knows_knowledge_ingestion import errors, stored_passages
from knows_knowledge_ingestion.html import read_html
from knows_knowledge_ingestion.markdown import read_markdown
from knows_knowledge_ingestion.text import read_text


def headings(document):
    return [(block.level, block.title) for block in document.blocks if block.level]


def bodies(document):
    return [document.text[block.start : block.end].strip() for block in document.blocks if not block.level]


# ------------------------------------------------------------------ HTML


def html(tmp_path, markup: str):
    return read_html(markup.encode(), tmp_path / "a.html")


def test_html_blocks(tmp_path):
    """Headings, paragraphs, list items, rows, definitions and code are blocks; scripts, styles, navigation are not."""
    document = html(
        tmp_path,
        """<!doctype html><title>Chiller
        manual</title><style>p {}</style><nav><p>Menu</nav><div role=navigation>Crumbs</div>
        <h1>Chiller <em>CW-20</em></h1><p>It   cools&nbsp;water.<br>Twice.<p>Unclosed
        <script>alert("<p>no</p>")</script><ul><li>one<li>two</ul>
        <h2>Limits</h2><table><tr><th>P1<th>Low</tr><tr><td><p>8</p></td><td></td><td>l/min</td></tr></table>
        <dl><dt>A01<dd>Low level</dl><pre>  SHOW
    ALL</pre>Loose words<div>in a div</div>""",
    )
    assert document.title == "Chiller manual"
    assert headings(document) == [(1, "Chiller CW-20"), (2, "Limits")]
    assert bodies(document) == [
        "It cools water.\nTwice.", "Unclosed", "one", "two", "P1 | Low", "8 | | l/min", "A01", "Low level",
        "SHOW\n    ALL", "Loose words", "in a div",
    ]  # fmt: skip
    assert (
        "one\ntwo\n\nLimits\n\nP1 | Low\n8 | | l/min\nA01\nLow level\n\n  SHOW\n    ALL\n\nLoose words" in document.text
    )


def test_html_labels_are_no_headings(tmp_path):
    """The word Note, set as a heading, begins no section."""
    assert headings(html(tmp_path, "<h2>Faults</h2><div><h3>Note</h3><p>x</div><h3>Notes on use</h3>")) == [
        (2, "Faults"),
        (3, "Notes on use"),
    ]


def test_html_layout_tables(tmp_path):
    """A page that is laid out as one table keeps its headings and paragraphs."""
    long = "word " * 60
    document = html(tmp_path, f"<table><tr><td><h1>Top</h1><p>{long}<p>{long}</td></tr></table>")
    assert headings(document) == [(1, "Top")]
    assert bodies(document) == [long.strip(), long.strip()]


def test_html_without_words(place):
    """A page of scripts alone holds no text."""
    with pytest.raises(errors.DocumentWithoutText, match="holds no text"):
        place.ingest(place.file("a.html", "<html><script>1</script><nav>Menu</nav></html>"), "html")


@pytest.mark.parametrize(
    ("content", "declared", "charset", "origin"),
    [
        ("<p>höhe".encode(), None, "utf-8", "UTF-8 throughout"),
        ("\ufeff<p>höhe".encode(), "iso-8859-1", "utf-8", "byte order mark"),
        ("<p>höhe".encode("utf-16"), None, "utf-16-le", "byte order mark"),
        ("\ufeff<p>höhe".encode("utf-32-be"), None, "utf-32-be", "byte order mark"),
        ('<meta charset="iso-8859-1"><p>höhe'.encode("latin-1"), None, "cp1252", "declared"),
        ('<meta http-equiv=x content="text/html; charset=cp437"><p>höhe'.encode("cp437"), None, "cp437", "declared"),
        ('<?xml version="1.0" encoding="cp437"?><p>höhe'.encode("cp437"), None, "cp437", "declared"),
        ("<p>höhe".encode("cp437"), "cp437", "cp437", "declared"),
        ("<meta charset=utf-16><p>höhe".encode(), None, "utf-8", "declared"),
        ("<meta charset=no-such><p>höhe".encode(), None, "utf-8", "UTF-8 throughout"),
        ("<meta charset=utf-8><p>höhe".encode("cp1252"), None, "cp1252", "a guess"),
        ("<p>höhe".encode("cp1252"), None, "cp1252", "a guess"),
        ("<meta charset=zip><p>höhe".encode(), None, "utf-8", "UTF-8 throughout"),
    ],
)
def test_charsets(tmp_path, content, declared, charset, origin):
    """Byte order mark, then the declaration, then UTF-8, then a guess."""
    document = read_html(content, tmp_path / "a.html", declared)
    assert (document.text, document.charset, document.charset_from) == ("höhe", charset, origin)


def test_guessed_charset_is_reported(place):
    """The quality report says that a charset was guessed."""
    result = place.ingest(place.file("a.txt", "Höhe über Null".encode("cp1252")), "text")
    assert result.quality.notes == ("charset cp1252 is a guess: the document declares none and is not UTF-8",)
    declared = place.ingest(place.file("a.txt", "Höhe über Null".encode("cp1252")), "text/plain; charset=cp1252")
    assert declared.quality.notes == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x81\x8d words that are nothing", "neither UTF-8 nor Windows-1252"),
        ("words".encode("utf-16-le"), "5 of its 10 characters are NUL"),
        (b"\xff\xfea", "its byte order mark says utf-16-le"),
    ],
)
def test_undecodable(place, content, reason):
    """Bytes that are no text are refused with the reason."""
    with pytest.raises(errors.TextUndecodable, match="cannot be decoded as text") as caught:
        place.ingest(place.file("a.txt", content), "text")
    assert reason in str(caught.value)


# ------------------------------------------------------------------ Markdown


def markdown(tmp_path, source: str):
    return read_markdown(source.encode(), tmp_path / "a.md")


def test_markdown_headings(tmp_path):
    """Both kinds of headings count, without their markup; a # inside a fence does not."""
    document = markdown(
        tmp_path,
        "Top *of* it\n===\n\n## `kwf` [run](x) <b>now</b> ##\n\n```sh\n# comment\n```\n\n    # code\n\n> # quoted\n\n"
        "Sub\n---\n",
    )
    assert headings(document) == [(1, "Top of it"), (2, "kwf run now"), (2, "Sub")]
    assert bodies(document) == ["```sh\n# comment\n```", "# code", "> # quoted"]


def test_markdown_keeps_the_source_text(tmp_path):
    """The stored text is the source, and every line of it is in one block: also link definitions and HTML."""
    source = "[a]: http://x\n\n- one\n\n  still one\n- two\n\n|a|b|\n|-|-|\n|1|2|\n\n<div>\nx\n</div>\n\nend"
    document = markdown(tmp_path, source)
    assert document.text == source
    assert bodies(document) == [
        "[a]: http://x", "- one\n\n  still one", "- two", "|a|b|\n|-|-|\n|1|2|", "<div>\nx\n</div>", "end",
    ]  # fmt: skip


def test_markdown_front_matter(tmp_path):
    """Front matter gives the title and is no heading; a document may also begin with a rule."""
    document = markdown(tmp_path, "---\ntitle: 'Pump'\nx: 1\n---\n# One\n\ntext\n")
    assert (document.title, headings(document)) == ("Pump", [(1, "One")])
    assert bodies(document) == ["---\ntitle: 'Pump'\nx: 1\n---", "text"]
    assert headings(markdown(tmp_path, "---\n\n# One\n\n---\n")) == [(1, "One")]


def test_markdown_line_ends(tmp_path):
    """Line ends of every system are one character, so that spans mean the same everywhere."""
    assert markdown(tmp_path, "# A\r\n\r\ntext\rmore").text == "# A\n\ntext\nmore"


def test_markdown_of_too_many_lines(place):
    """A file that would need a token for millions of lines is refused before it is parsed."""
    with pytest.raises(errors.DocumentTooLarge, match="it has 100,002 lines, the limit is 100,000"):
        place.ingest(place.file("a.md", "x\n" * 100_001), "markdown")


# ------------------------------------------------------------------ text


def text(tmp_path, source: str):
    return read_text(source.encode(), tmp_path / "a.txt")


def test_text_headings(tmp_path):
    """A line underlined in about its own length is a heading; the first character used ranks highest."""
    document = text(
        tmp_path, "PUMP DP-80\n==========\nA dry pump.\n\nFaults\n------\n\nP1\nFirst.\n\nEnd\n===\n\n-----\nno title\n"
    )
    assert headings(document) == [(1, "PUMP DP-80"), (2, "Faults"), (1, "End")]
    assert bodies(document) == ["A dry pump.", "P1\nFirst.", "-----\nno title"]


@pytest.mark.parametrize(
    "source", ["a | b\n-----------------\n1 | 2", "...\n---", "x" * 200 + "\n" + "-" * 200, "--\n--"]
)
def test_text_rules_are_no_headings(tmp_path, source):
    """A table rule, a row of dots or an overlong line is no heading."""
    assert headings(text(tmp_path, source)) == []


def test_text_without_blank_lines(place):
    """A long list without a blank line is cut into passages like any other text."""
    result = place.ingest(place.file("a.txt", "".join(f"entry {number}\n" for number in range(3000))), "text")
    assert result.passages > 15
    assert result.quality.coverage == 1


def test_white_space_is_no_text(place):
    """A file of white space holds no text."""
    for content_type in ("text", "markdown"):
        with pytest.raises(errors.DocumentWithoutText):
            place.ingest(place.file("a", " \n\t\n"), content_type)


def test_title(place):
    """The title comes from the document: its own field, or the heading that it begins with."""
    for content, content_type, title in (
        ("<title>A</title><h1>B</h1>", "html", "A"),
        ("<h1>B</h1>text", "html", "B"),
        ("# C\n\ntext", "markdown", "C"),
        ("text\n\n# C\n", "markdown", ""),
        ("D\n=\nlines\n", "text", ""),
    ):
        assert place.ingest(place.file("a", content), content_type).title == title


def test_nul_is_replaced(place):
    """A stray NUL becomes the replacement character: no store keeps it."""
    place.ingest(place.file("a.txt", "word " * 100 + "\0 end"), "text")
    assert stored_passages(place.store, "manual")[-1].text.endswith("\ufffd end")
