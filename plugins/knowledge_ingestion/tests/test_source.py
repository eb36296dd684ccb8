"""Where a document may come from, and what it may be."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from knows_core import KnowsError, PermanentError
from knows_knowledge_ingestion import errors, steps
from knows_knowledge_ingestion.source import media_type_of, path_of

TEXT = "Check the coolant level.\n"
PAGE = "<!doctype html><html><body><p>Check the coolant level.</p></body></html>"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("pdf", ("application/pdf", None)),
        ("html", ("text/html", None)),
        ("markdown", ("text/markdown", None)),
        ("text", ("text/plain", None)),
        ("application/pdf", ("application/pdf", None)),
        ("Text/HTML; charset=ISO-8859-1", ("text/html", "ISO-8859-1")),
        ('text/plain;charset="utf-8"', ("text/plain", "utf-8")),
        ("text/markdown; variant=GFM", ("text/markdown", None)),
    ],
)
def test_content_type(given, expected):
    """A content type is a short name or a media type, with or without parameters."""
    assert media_type_of(given) == expected


@pytest.mark.parametrize("given", ["docx", "image/png", ";", "pdfs", "text/"])
def test_unknown_content_type(place, given):
    """An unknown content type is refused with the list of what is accepted."""
    with pytest.raises(errors.ContentTypeUnknown) as caught:
        steps.validate_source(place.state(place.file("a.txt", TEXT), given))
    assert "pdf, html, markdown, text, application/pdf, text/html, text/markdown, text/plain" in str(caught.value)
    assert repr(given) in str(caught.value)


def test_uri_forms(place, monkeypatch: pytest.MonkeyPatch):
    """A path, a relative path, a ~ path, and file: URLs with percent-encoding name the same file."""
    path = place.file("höhe 1#2.txt", TEXT)
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("HOME", str(place.folder))
    encoded = "h%C3%B6he%201%232.txt"
    for uri in (path, path.name, f"~/{path.name}", f"file://{place.folder}/{encoded}"):
        assert steps.validate_source(place.state(uri, "text")).uri == path.as_uri()
    assert path_of(f"FILE://LocalHost{place.folder}/{encoded}") == path
    assert path_of(f"file:{place.folder}/{encoded}") == path


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://host.invalid/manual.pdf", "scheme 'https'"),
        ("file://server/share/manual.pdf", "host 'server'"),
        ("file:relative.txt", "file:///absolute/path"),
        ("file:///manual.pdf#page=2", "%23"),
        ("file:///manual.pdf?x", "%3F"),
        ("file:///a%00b", "file:///absolute/path"),
        ("a\0b", "NUL"),
    ],
)
def test_bad_uri(place, uri, reason):
    """A URL that names no file of this machine is refused with the reason."""
    with pytest.raises(errors.BadUri, match="expected a path or a file: URL") as caught:
        steps.validate_source(place.state(uri, "text"))
    assert reason in str(caught.value)


def test_everything_is_made_absolute(place, monkeypatch: pytest.MonkeyPatch):
    """Relative places are resolved once, so that a run can be resumed from another folder."""
    place.file("a.txt", TEXT)
    monkeypatch.chdir(place.folder)
    source = steps.validate_source(place.state("a.txt", "text", store="k.db"))
    assert (source.uri, source.store) == ((place.folder / "a.txt").as_uri(), str(place.folder / "k.db"))


def test_default_store_is_in_the_data_folder(place, monkeypatch: pytest.MonkeyPatch):
    """Without a store the user's data folder is taken; nothing is made there before a document is good."""
    monkeypatch.setenv("XDG_DATA_HOME", str(place.folder / "data"))
    monkeypatch.setenv("HOME", str(place.folder))
    state = place.state(place.file("a.txt", TEXT), "text").model_copy(update={"store": None})
    store = Path(steps.validate_source(state).store)
    assert store.is_relative_to(place.folder)
    assert store.name == "knowledge.db"
    assert not store.parent.exists()


def test_root_allows_what_is_below_it(place):
    """A file below the allowed folder is taken, also through a link that stays inside."""
    path = place.file("a.txt", TEXT)
    link = place.folder / "link.txt"
    link.symlink_to(path)
    for uri in (path, link):
        assert steps.validate_source(place.state(uri, "text", root=str(place.folder))).uri == path.as_uri()


def test_root_is_checked_with_links_followed(place):
    """A path that leaves the allowed folder by .., by a link, or by a common prefix is refused."""
    outside = place.file("secret.txt", TEXT)
    root = place.folder / "sec"
    root.mkdir()
    (root / "link.txt").symlink_to(outside)
    for uri in (outside, root / ".." / "secret.txt", root / "link.txt", root / ".." / "missing.txt"):
        with pytest.raises(errors.SourceOutsideRoot, match="lies outside the allowed folder"):
            steps.validate_source(place.state(uri, "text", root=str(root)))


def test_missing_file(place):
    """A file that is not there is named with its absolute path."""
    with pytest.raises(errors.SourceMissing, match=r"there is no file at /.*/nope\.pdf"):
        steps.validate_source(place.state(place.folder / "nope.pdf", "pdf"))
    with pytest.raises(errors.SourceMissing):
        steps.validate_source(place.state(place.file("a.txt", TEXT) / "inside", "text"))


def test_not_a_regular_file(place):
    """A folder or a pipe is refused, and the pipe is not waited for."""
    os.mkfifo(place.folder / "pipe")
    for uri, found in ((place.folder, "a folder"), (place.folder / "pipe", "a device, pipe or socket")):
        with pytest.raises(errors.SourceNotAFile, match=f"expected a regular file, found {found}"):
            steps.validate_source(place.state(uri, "text"))


def test_unreadable(place):
    """What the operating system refuses is passed on with its reason."""
    loop = place.folder / "loop"
    loop.symlink_to(loop)
    for uri in (loop, place.folder / ("x" * 5000)):
        with pytest.raises(errors.SourceUnreadable, match="cannot be read: "):
            steps.validate_source(place.state(uri, "text"))


def test_forbidden(place, monkeypatch: pytest.MonkeyPatch):
    """A file without read permission is an error of its own, not a missing file."""
    path = place.file("a.txt", TEXT)
    path.chmod(0)

    def refuse(*_: object, **__: object) -> None:  # root may read everything, so the refusal is played
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(errors.SourceUnreadable, match="cannot be read: Permission denied"):
        steps.validate_source(place.state(path, "text"))


def test_empty_file(place):
    """A file of no bytes is refused, whatever it is declared to be."""
    for content_type in ("pdf", "html", "markdown", "text"):
        with pytest.raises(errors.DocumentEmpty, match=r"is empty \(0 bytes\)"):
            steps.validate_source(place.state(place.file("a", b""), content_type))


def test_too_large(place):
    """A file of 200 MB is refused by its size alone."""
    path = place.folder / "big"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    for content_type, limit in (("pdf", "100,000,000"), ("text", "20,000,000")):
        with pytest.raises(errors.DocumentTooLarge, match=f"it has 200,000,000 bytes, the limit is {limit}"):
            steps.validate_source(place.state(path, content_type))


@pytest.mark.parametrize(
    ("content", "declared", "found"),
    [
        (PAGE, "pdf", "text/html"),
        ("<!-- %PDF-1.4 -->" + PAGE, "pdf", "text/html"),
        (PAGE.encode("utf-16"), "pdf", "text/html"),
        (TEXT, "pdf", "no PDF header"),
        (b"%PDF-1.7\nrest", "html", "application/pdf"),
        (b"%PDF-1.7\nrest", "text", "application/pdf"),
        (PAGE, "markdown", "text/html"),
        ("\ufeff\n<?xml version='1.0'?><!-- a --><!-- b -->" + PAGE, "text", "text/html"),
        (TEXT, "html", "text without a single tag"),
        (b"PK\x03\x04rest", "pdf", "a ZIP container"),
        (b"\x89PNG\r\n\x1a\nrest", "text", "a PNG image"),
        (b"\x1f\x8b\x08rest", "markdown", "a gzip archive"),
    ],
)
def test_type_mismatch(place, content, declared, found):
    """The content decides what a document is; the name of the file counts for nothing."""
    with pytest.raises(errors.TypeMismatch) as caught:
        steps.validate_source(place.state(place.file("manual.pdf", content), declared))
    assert f"found {found}" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (b"junk before\n%PDF-1.7\nrest", "pdf"),
        ("<p>a fragment", "html"),
        ("<div align=center>\n\n# Title\n</div>", "markdown"),
        ("# Title", "text"),
        (PAGE.encode("utf-16"), "html"),
        ("<!--" + "-" * 60_000, "text"),
    ],
)
def test_type_fits(place, content, declared):
    """What does not contradict its declared type is let in."""
    assert steps.validate_source(place.state(place.file("x.bin", content), declared)).size > 0


def test_hostile_start_is_judged_in_no_time(place):
    """A run of comments at the top is looked at once, not in every grouping."""
    state = place.state(place.file("x.md", "<!---->" * 9_000 + "text"), "markdown")
    assert steps.validate_source(state).media_type == "text/markdown"


def test_file_that_changes_under_way(place):
    """A document that is edited between two steps ends the run with both digests, and nothing is stored."""
    path = place.file("a.txt", TEXT)
    source = steps.validate_source(place.state(path, "text"))
    path.write_text("Other words.\n")
    with pytest.raises(errors.SourceChanged, match="changed while the run was under way") as caught:
        steps.extract_content(source, place.context())
    assert source.sha256 in str(caught.value)
    path.unlink()
    with pytest.raises(errors.SourceMissing):
        steps.extract_content(source, place.context())


def test_reader_that_changes_under_way(place):
    """A run whose plugin was updated while it was down does not mix two ways of reading or cutting."""
    here = place.context()
    extracted = steps.extract_content(steps.validate_source(place.state(place.file("a.txt", TEXT), "text")), here)
    structured = steps.structure_knowledge(extracted, here)
    for use in (
        lambda: steps.structure_knowledge(extracted.model_copy(update={"text_sha256": "0"}), here),
        lambda: steps.validate_quality(structured.model_copy(update={"passages_sha256": "0"}), here),
    ):
        with pytest.raises(errors.ReadingChanged, match="since this plugin was updated: expected SHA-256 0,"):
            use()


def test_every_refusal_is_final_and_has_its_own_code():
    """All named errors but the busy store are permanent, with exit code 1, a sentence, a remedy and a code."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PermanentError)]
    named = [kind for kind in kinds if kind.sentence and kind.__module__ == errors.__name__]
    assert len(named) >= 20
    assert len({kind.code for kind in named}) == len(named)
    assert all(kind.exit_code == 1 and kind.remedy for kind in named)


def test_every_error_is_documented():
    """The README tells every code, and no other."""
    documented = Path(__file__).parents[1].joinpath("README.md").read_text().partition("## Errors")[2]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KnowsError)]
    codes = {kind.code for kind in kinds if kind.sentence and kind.__module__ == errors.__name__}
    assert set(re.findall(r"`([a-z]+-[a-z-]+)`", documented)) == codes
