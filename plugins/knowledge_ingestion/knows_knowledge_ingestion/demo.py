"""Ingests the manuals that ship with this plugin, each as one durable run of `kwf`, and searches them.

`python -m knows_knowledge_ingestion.demo [FOLDER]` keeps the runs and the knowledge store in FOLDER; without one it
makes a temporary folder and says where.
"""

# ruff: noqa: T201 - a demonstration talks to a person

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .query import search

if TYPE_CHECKING:
    from .models import Hit

MANUALS = Path(__file__).with_name("manuals")
CONTENT_TYPES = {".pdf": "pdf", ".html": "html", ".md": "markdown", ".txt": "text"}
QUESTIONS = ("pressure unstable during etch", "E-204", "chuck too warm, coolant flow low", "pump casing is hot")
HITS = 2
WIDTH = 100


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; returns the exit code of the first run that failed, or 0."""
    parser = argparse.ArgumentParser(prog="python -m knows_knowledge_ingestion.demo", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="default: a new temporary folder")
    given: Path | None = parser.parse_args(arguments).folder
    folder = (given or Path(tempfile.mkdtemp(prefix="knows-demo-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Runs and knowledge of this demonstration are kept in {folder}\n")
    failed = _ingest_all(folder)
    if failed:
        return failed
    store = folder / "knowledge.db"
    for question in QUESTIONS:
        print(f"\n? {question}")
        for hit in search(store, question, HITS):
            print(_shown(hit))
    print(_next_steps(folder, store))
    return 0


def _ingest_all(folder: Path) -> int:
    manuals = sorted(MANUALS.iterdir())
    print(f"Ingesting {len(manuals)} manuals, each as one durable run of five recorded steps:")
    for number, manual in enumerate(manuals, 1):
        print(f"  [{number}/{len(manuals)}] {manual.name:26}", end="", flush=True)
        started = time.perf_counter()
        answer, exit_code, complaint = _run(manual, folder)
        if exit_code:
            print(f"failed\n{complaint}")
            return exit_code
        result = answer["result"]
        seconds = time.perf_counter() - started
        print(f"{result['outcome']}, {result['passages']} passages, {seconds:.1f} s  (run {answer['run']})")
    return 0


def _run(manual: Path, folder: Path) -> tuple[dict[str, Any], int, str]:
    """What `kwf run ... --json` answers: its object, its exit code, and what it says in words."""
    state = {
        "source_id": manual.stem,
        "content_type": CONTENT_TYPES[manual.suffix],
        "uri": str(manual),
        "store": str(folder / "knowledge.db"),
    }
    sets = [word for key, value in state.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "knows_registry.cli", "run", "knowledge_ingestion", *sets]
    finished = subprocess.run(  # noqa: S603 - our own command line, with arguments made here
        [*command, "--backend", _backend(folder), "--json"], capture_output=True, text=True, check=False
    )
    answer: dict[str, Any] = json.loads(finished.stdout) if finished.stdout.startswith("{") else {}
    return answer, finished.returncode, finished.stderr or finished.stdout


def _backend(folder: Path) -> str:
    return f"sqlite:///{folder / 'runs.db'}"


def _shown(hit: Hit) -> str:
    page = f", page {hit.page}" if hit.page else ""
    where = f"  {hit.source_id}{page}, characters {hit.start} to {hit.end}: {' > '.join(hit.heading_path)}"
    words = textwrap.fill(hit.snippet, WIDTH, initial_indent="    | ", subsequent_indent="    | ")
    return f"{where}\n{words}"


def _next_steps(folder: Path, store: Path) -> str:
    backend = _backend(folder)
    return f"""
What to type next (kwf stands in .venv/bin):
  kwf runs --backend {backend}
      lists these runs; `kwf history RUN --backend ...` shows the recorded steps of one.
  kwf run knowledge_ingestion --set source_id=mine --set content_type=pdf --set uri=FILE.pdf --set store={store}
      ingests a document of your own; `kwf resume RUN` continues it if it is interrupted.
  python -c "from knows_knowledge_ingestion import search; print(search('{store}', 'YOUR WORDS'))"
      searches from Python."""


if __name__ == "__main__":
    sys.exit(main())
