"""The store: idempotent, atomic, private; and the search over it."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knows_core import TransientError
from knows_knowledge_ingestion import errors, read_back, search, stored_passages, stored_sources
from knows_knowledge_ingestion.store import opened

ONE = "# Pump\n\nThe pump leaks oil at the shaft seal.\n\n## E-104 Low flow\n\nClean the strainer."
TWO = "# Pump\n\nThe pump was replaced by a blower.\n"


def ingest(place, content: str = ONE, *, name: str = "a.md", **more: str):
    return place.ingest(place.file(name, content), "markdown", **more)


def rows(place, query: str):
    with closing(sqlite3.connect(place.store)) as database:
        return database.execute(query).fetchall()


def test_every_passage_reads_back(place):
    """A stored passage is the very characters of the stored text."""
    ingest(place)
    passages = stored_passages(place.store, "manual")
    assert [passage.heading_path for passage in passages] == [("Pump",), ("Pump", "E-104 Low flow")]
    for passage in passages:
        assert read_back(place.store, "manual", passage.start, passage.end) == passage.text
        assert passage.page is None
        assert passage.uri == (place.folder / "a.md").as_uri()


def test_second_ingest_writes_nothing(place):
    """The same document again leaves the file of the store byte-identical and says unchanged."""
    first = ingest(place, run="run-1")
    before, when = place.store.read_bytes(), place.store.stat().st_mtime_ns
    second = ingest(place, run="run-2")
    assert (first.outcome, second.outcome) == ("stored", "unchanged")
    assert (place.store.read_bytes(), place.store.stat().st_mtime_ns) == (before, when)
    assert second == first.model_copy(update={"outcome": "unchanged"})


def test_lost_answer_is_given_again(place):
    """A run that died between its write and its record is told what it would have been told."""
    assert ingest(place, run="run-1") == ingest(place, run="run-1")
    ingest(place, TWO, run="run-2")
    assert ingest(place, TWO, run="run-2").outcome == "replaced"


def test_changed_document_replaces_its_passages(place):
    """A new text under the same name takes the place of the old one, in the index too."""
    ingest(place)
    ingest(place, name="b.md", source_id="other")
    assert ingest(place, TWO, run="run-2").outcome == "replaced"
    assert [passage.text for passage in stored_passages(place.store, "manual")] == [TWO.strip()]
    assert {hit.source_id for hit in search(place.store, "strainer")} == {"other"}
    assert {hit.source_id for hit in search(place.store, "blower")} == {"manual"}
    with opened(place.store, writing=True) as database:
        database.execute("INSERT INTO passage_index (passage_index, rank) VALUES ('integrity-check', 1)")


def test_moved_document_is_replaced(place):
    """The same words at another place are a change: a citation must lead to the file."""
    ingest(place)
    assert ingest(place, name="moved.md", run="run-2").outcome == "replaced"
    assert stored_sources(place.store)[0].uri.endswith("/moved.md")


def test_same_text_is_kept_once(place):
    """Two sources of one content are both kept, their text once; a text that nobody holds any more goes."""
    ingest(place)
    ingest(place, name="b.md", source_id="copy")
    assert [source.source_id for source in stored_sources(place.store)] == ["copy", "manual"]
    assert len(rows(place, "SELECT * FROM texts")) == 1
    for source_id in ("copy", "manual"):
        ingest(place, TWO, source_id=source_id, run="run-2")
    assert len(rows(place, "SELECT * FROM texts")) == 1
    assert {hit.source_id for hit in search(place.store, "blower")} == {"copy", "manual"}


def test_stored_sources(place):
    """What the store holds can be listed."""
    result = ingest(place)
    (source,) = stored_sources(place.store)
    assert (source.source_id, source.media_type, source.passages) == ("manual", "text/markdown", 2)
    assert (source.sha256, source.text_sha256) == (result.sha256, result.text_sha256)


def test_interrupted_write_leaves_the_old_state(place):
    """A write that fails half-way is undone as a whole."""
    ingest(place)
    with closing(sqlite3.connect(place.store)) as database:  # the last table to be written refuses
        database.execute("CREATE TRIGGER full BEFORE INSERT ON passages BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    before = place.store.read_bytes()
    with pytest.raises(errors.StoreUnusable, match="cannot be used: disk is full"):
        ingest(place, TWO, run="run-2")
    assert place.store.read_bytes() == before
    assert search(place.store, "strainer")


def test_store_is_private(place):
    """Only its owner may read a store, or the folder that was made for it."""
    ingest(place)
    assert stat.S_IMODE(place.store.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.store.parent.stat().st_mode) == 0o700


def test_locked_store(place):
    """A store that another process holds is worth another try."""
    ingest(place)
    with closing(sqlite3.connect(place.store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with (
            pytest.raises(errors.StoreBusy, match=r"was locked by another process for 0\.0 s") as caught,
            opened(place.store, writing=True, wait=0.0),
        ):
            pass
    assert isinstance(caught.value, TransientError)


def test_newer_store(place):
    """A store of a later release is neither read nor written."""
    ingest(place)
    with closing(sqlite3.connect(place.store)) as database:
        database.execute("PRAGMA user_version = 2")
    before = place.store.read_bytes()
    for use in (lambda: search(place.store, "pump"), lambda: ingest(place, TWO)):
        with pytest.raises(errors.StoreTooNew, match="has schema 2, this release knows up to 1"):
            use()
    assert place.store.read_bytes() == before


def test_other_files_are_not_stores(place):
    """A foreign database, a text file or a folder is refused and left as it is."""
    foreign = place.folder / "foreign.db"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE t (x)")
    text = place.file("notes.txt", "just words\n" * 100)
    before = foreign.read_bytes()
    for path, reason in ((foreign, "database of something else"), (text, "not a database"), (place.folder, "unable")):
        with pytest.raises(errors.StoreUnusable, match="cannot be used") as caught:
            ingest(place, store=str(path))
        assert reason in str(caught.value)
        with pytest.raises(errors.StoreUnusable):
            search(path, "words")
    assert (foreign.read_bytes(), text.read_text()) == (before, "just words\n" * 100)
    with pytest.raises(errors.StoreUnusable, match=r"Not a directory|File exists"):
        ingest(place, store=str(text / "k.db"))


def test_impossible_store(place):
    """A path that no file can have is refused in the same words, for search and for a run."""
    path = place.folder / ("x" * 5000)
    for use in (lambda: search(path, "pump"), lambda: ingest(place, store=str(path))):
        with pytest.raises(errors.StoreUnusable, match="cannot be used: File name too long"):
            use()


def test_missing_store(place):
    """A search in a store that does not exist says so and makes none."""
    for use in (
        lambda: search(place.store, "pump"),
        lambda: read_back(place.store, "manual", 0, 1),
        lambda: stored_sources(place.store),
    ):
        with pytest.raises(errors.StoreMissing, match="there is no knowledge store at"):
            use()
    assert not place.store.exists()


def test_empty_file_is_an_empty_store(place):
    """A file that a killed first write left behind can be written, and has nothing to search."""
    store = place.file("k.db", b"")
    with pytest.raises(errors.StoreUnusable, match="nothing was stored in it yet"):
        search(store, "pump")
    assert ingest(place, store=str(store)).outcome == "stored"


def test_read_back_checks(place):
    """A span outside the text, or of an unknown source, is an error."""
    ingest(place)
    for start, end in ((-1, 2), (3, 2), (0, len(ONE) + 1)):
        with pytest.raises(errors.BadSpan, match=f"{start}..{end} does not lie within the {len(ONE)} characters"):
            read_back(place.store, "manual", start, end)
    with pytest.raises(errors.SourceUnknown, match="holds no source 'nope'"):
        read_back(place.store, "nope", 0, 1)


# ------------------------------------------------------------------ search


def test_search_finds_and_cites(place):
    """A hit has all that a citation needs, and its words read back."""
    ingest(place)
    hit = search(place.store, "how do I clean the strainer?")[0]
    assert (hit.source_id, hit.heading_path, hit.section) == ("manual", ("Pump", "E-104 Low flow"), "E-104 Low flow")
    assert hit.text == "## E-104 Low flow\n\nClean the strainer."
    assert read_back(place.store, hit.source_id, hit.start, hit.end) == hit.text
    assert "Clean the strainer" in hit.snippet
    assert hit.score > 0


def test_search_ranks(place):
    """Better hits come first, forms of a word count, and a heading counts more than the words below it."""
    place.ingest(
        place.file("a.md", "# Leaks\n\nTighten the nut.\n\n# Other\n\nA leak of oil is a leak.\n\n# Third\n\nNothing."),
        "markdown",
    )
    hits = search(place.store, "LEAKING")
    assert [hit.section for hit in hits] == ["Leaks", "Other"]
    assert hits[0].score > hits[1].score


def test_error_codes_are_phrases(place):
    """A word with punctuation inside is searched as a whole."""
    place.ingest(place.file("a.md", "# A\n\nE-104 is low flow.\n\n# B\n\nE-201 after 104 hours."), "markdown")
    assert [hit.section for hit in search(place.store, "E-104")] == ["A"]


def test_limit(place):
    """The limit bounds the hits, and has to be positive."""
    place.ingest(place.file("a.md", "".join(f"# S{number}\n\npump {number}\n\n" for number in range(20))), "markdown")
    assert [len(search(place.store, "pump")), len(search(place.store, "pump", 3))] == [10, 3]
    for limit in (0, -1):
        with pytest.raises(ValueError, match="limit: expected 1 or more"):
            search(place.store, "pump", limit)


@pytest.mark.parametrize("query", ["", "  ", "***", '"', "()", "\0", "-"])
def test_empty_queries(place, query):
    """A query without a word has no hits."""
    ingest(place)
    assert search(place.store, query) == []


@pytest.mark.parametrize(
    "query",
    ["pump AND", "NEAR(pump", 'say "pump', "pump*", "text:pump", "^pump", "-pump", "pump; DROP TABLE texts", "pump\0x",
     "{pump}", "pump + oil", "NOT pump", "pump " * 5000, "a-b-" * 5000 + " pump", "oil/pump_x", "\ud800 pump"],
)  # fmt: skip
def test_query_syntax_means_nothing(place, query):
    """What a person types is words, never syntax."""
    ingest(place)
    assert search(place.store, query)


@given(st.text())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_query(place, query):
    """Any text can be searched for."""
    if not place.store.exists():
        ingest(place)
    search(place.store, query)


@given(st.text(min_size=1))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_reads_back(place, source):
    """`stored_text[start:end] == passage.text`, through the file of the store and the view of the index."""
    content = "pump " + source
    try:
        place.ingest(place.file("a.txt", content.encode(errors="replace")), "text")
    except (errors.QualityTooLow, errors.TextUndecodable):
        return
    for passage in stored_passages(place.store, "manual"):
        assert read_back(place.store, "manual", passage.start, passage.end) == passage.text
    for hit in search(place.store, "pump"):
        assert read_back(place.store, "manual", hit.start, hit.end) == hit.text


def test_read_only_store_can_be_searched(place):
    """A store on a read-only place is searched all the same."""
    ingest(place)
    place.store.chmod(0o400)
    assert search(place.store, "pump")
