"""The template on the engine: durable, resumable, and with a state that is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import knows_knowledge_ingestion
from knows_core import LocalEngine, MemoryBackend, RunStatus, StateMismatch
from knows_knowledge_ingestion import demo, knowledge_ingestion, search, stored_passages, stored_sources
from knows_knowledge_ingestion.models import Ingested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_core import Append

STEPS = ["validate_source", "extract_content", "structure_knowledge", "validate_quality", "store_knowledge"]


def values(place, name: str, content_type: str, **more: str) -> dict[str, str]:
    given = {"source_id": name, "content_type": content_type, "uri": str(place.folder / name)}
    return {**given, "store": str(place.store), **more}


def test_template():
    """The template is sound, and says what it needs."""
    assert (knowledge_ingestion.name, knowledge_ingestion.version) == ("knowledge_ingestion", "1.0.0")
    assert knowledge_ingestion.check() == []
    assert knowledge_ingestion.get_required_state() == ["source_id", "content_type", "uri"]


def test_public_names():
    """The public names are sorted and there."""
    names = knows_knowledge_ingestion.__all__
    assert names == sorted(names)
    assert all(hasattr(knows_knowledge_ingestion, name) for name in names)


@pytest.mark.parametrize("content_type", ["pdf", "html", "markdown", "text"])
def test_run(place, content_type):
    """A run of every type ends completed, with five recorded steps and a result that tells what was stored."""
    content = {"pdf": place.pdf("Pump words."), "html": "<h1>Pump</h1>words"}.get(content_type, "Pump words.")
    place.file("manual", content)
    run = LocalEngine(MemoryBackend()).run(knowledge_ingestion, state=values(place, "manual", content_type))
    assert run.status is RunStatus.COMPLETED
    assert isinstance(run.result, Ingested)
    assert (run.result.outcome, run.result.passages) == ("stored", 1)
    assert [entry.content["path"] for entry in run.history if entry.kind == "StepDone"] == STEPS


def test_refused_document(place):
    """A refused document fails its run under the error's own code, and nothing is stored."""
    place.file("manual", "<html><body>no</body></html>")
    run = LocalEngine(MemoryBackend()).run(knowledge_ingestion, state=values(place, "manual", "pdf"))
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert (run.error["code"], run.error["step"]) == ("document-type-mismatch", "validate_source")
    assert not place.store.parent.exists()


@pytest.mark.parametrize("wrong", [{"colour": "red"}, {"source_id": ""}, {"content_type": 3}, {"root": ""}])
def test_wrong_state(place, wrong):
    """An unknown key, an empty name or a wrong type is refused before anything runs."""
    with pytest.raises(StateMismatch):
        LocalEngine().run(knowledge_ingestion, state=values(place, "manual", "text") | wrong)


class PowerCut(BaseException):
    """Everything stops; nothing may handle it."""


class FailingPower(MemoryBackend):
    """A journal whose machine dies instead of taking an append: the step's work is done, its record is not."""

    def __init__(self, appends: int) -> None:
        super().__init__()
        self.left = appends

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        self.left -= 1
        if self.left == 0:
            raise PowerCut
        return super().append(batch)


def test_power_cut_before_any_record(place):
    """A run that died between any step's work and its record ends with the result of an undisturbed one."""
    place.file("manual", "# Pump\n\nwords\n")
    undisturbed = LocalEngine().run(knowledge_ingestion, state=values(place, "manual", "markdown")).result
    cuts = 0
    for appends in range(1, 50):
        place.store.unlink()
        engine = LocalEngine(FailingPower(appends))
        try:
            engine.run(knowledge_ingestion, state=values(place, "manual", "markdown"), run_id="r")
        except PowerCut:
            cuts += 1
            assert engine.resume("r", knowledge_ingestion).result == undisturbed
        else:
            break
    assert cuts >= len(STEPS)
    assert [passage.heading_path for passage in stored_passages(place.store, "manual")] == [("Pump",)]


def test_document_that_vanishes_while_the_run_is_down(place):
    """A resumed run whose document is gone or edited says so, and stores nothing."""
    for change, code in (
        (lambda path: path.unlink(), "source-missing"),
        (lambda p: p.write_text("x"), "source-changed"),
    ):
        path = place.file("manual", "# Pump\n\nwords\n")
        engine = LocalEngine(FailingPower(3))
        with pytest.raises(PowerCut):
            engine.run(knowledge_ingestion, state=values(place, "manual", "markdown"), run_id="r")
        change(path)
        error = engine.resume("r", knowledge_ingestion).error
        assert error is not None
        assert error["code"] == code
    assert not place.store.exists()


# ------------------------------------------------------------------ the demonstration


@pytest.mark.parametrize("manual", sorted(demo.MANUALS.iterdir()), ids=lambda path: path.name)
def test_shipped_manual(place, manual):
    """Every manual that ships is clean, has headings throughout, and its pages if it is a PDF."""
    result = place.ingest(manual, demo.CONTENT_TYPES[manual.suffix])
    passages = stored_passages(place.store, "manual")
    assert result.quality.findings == 0
    assert len(passages) >= 6
    assert all(passage.heading_path for passage in passages)
    assert all(passage.page is not None for passage in passages) == (manual.suffix == ".pdf")


@pytest.mark.parametrize(
    ("question", "source", "section"),
    [
        (demo.QUESTIONS[0], "etch-chamber", "EC-101 Pressure unstable"),
        (demo.QUESTIONS[1], "rf-generator", "E-204 Reflected power limit"),
        (demo.QUESTIONS[2], "chiller", "A02 Low coolant flow"),
        (demo.QUESTIONS[3], "vacuum-pump", "P2 Casing too hot"),
    ],
)
def test_demo_questions(place, question, source, section):
    """The first answer to each question of the demonstration is the right one."""
    for manual in demo.MANUALS.iterdir():
        place.ingest(manual, demo.CONTENT_TYPES[manual.suffix], source_id=manual.stem)
    best = search(place.store, question)[0]
    assert (best.source_id, best.section) == (source, section)


def test_demo(place, capsys):
    """The demonstration ends well, in a folder of its own, and shows what it did and what to type next."""
    assert demo.main([str(place.folder / "demo")]) == 0
    shown = capsys.readouterr().out
    assert shown.count("stored, ") == len(list(demo.MANUALS.iterdir()))
    assert "chiller.html         unchanged" in shown
    assert "refused, exit 1" in shown
    assert "its end mark %%EOF is missing" in shown
    assert "rf-generator, page 2, characters " in shown
    assert "kwf runs --backend sqlite:///" in shown
    assert len(stored_sources(place.folder / "demo" / "knowledge.db")) == 5


def test_demo_that_fails(place, capsys):
    """A run that fails ends the demonstration with its exit code and its sentence."""
    place.folder.joinpath("demo").mkdir()
    place.file("demo/knowledge.db", "no store " * 20)
    assert demo.main([str(place.folder / "demo")]) == 1
    assert "cannot be used: file is not a database" in capsys.readouterr().out
