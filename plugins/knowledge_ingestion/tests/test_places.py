"""Where relative paths count from."""

from __future__ import annotations

from knows_core import LocalEngine, MemoryBackend
from knows_knowledge_ingestion import knowledge_ingestion


def test_relative_paths_count_from_where_the_run_was_created(tmp_path, monkeypatch):
    """A run that failed and is resumed from another folder reads, stores and is limited where it was meant to."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "later.txt").write_text("Another document of the same name.")
    engine = LocalEngine(MemoryBackend())
    state = {"source_id": "s", "content_type": "text", "uri": "later.txt", "store": "k.db", "root": "."}
    monkeypatch.chdir(tmp_path)
    failed = engine.run(knowledge_ingestion, state=state, run_id="r")
    assert failed.error is not None
    monkeypatch.chdir(tmp_path / "sub")
    assert engine.resume("r", knowledge_ingestion).status == "failed"
    assert not (tmp_path / "sub" / "k.db").exists()
    (tmp_path / "later.txt").write_text("The document that was meant, with a few words in it.")
    resumed = engine.resume("r", knowledge_ingestion)
    assert (resumed.status, resumed.result.store) == ("completed", str(tmp_path / "k.db"))
