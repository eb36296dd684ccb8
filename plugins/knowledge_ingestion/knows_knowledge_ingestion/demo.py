"""Ingests the manuals that ship with this plugin, each as one durable run of `kwf`, and searches them.

`python -m knows_knowledge_ingestion.demo [FOLDER]` keeps the runs and the knowledge store in FOLDER; without one it
makes a temporary folder and says where.
"""

# ruff: noqa: T201 - a demonstration talks to a person

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knows_knowledge_ingestion.query import search

if TYPE_CHECKING:
    from knows_knowledge_ingestion.models import Hit

MANUALS = Path(__file__).with_name("manuals")
KWF = Path(sys.executable).with_name("kwf")
CONTENT_TYPES = {".pdf": "pdf", ".html": "html", ".md": "markdown", ".txt": "text"}
QUESTIONS = ("pressure unstable during etch", "E-204", "coolant flow is low", "pump casing is hot")
MOST_LINES = 8
WIDTH = 120


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; returns 0, or the exit code of the run that did not end as it should."""
    parser = argparse.ArgumentParser(prog="python -m knows_knowledge_ingestion.demo", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="default: a new temporary folder")
    given: Path | None = parser.parse_args(arguments).folder
    if not KWF.exists():
        print(f"{KWF} is missing: install knows-workflows, which brings the command line and its journals.")
        return 2
    folder = (given or Path(tempfile.mkdtemp(prefix="knows-demo-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Runs and knowledge of this demonstration are kept in {folder}\n")
    return _ingest_all(folder) or _show_care(folder) or _answer_all(folder)


def _ingest_all(folder: Path) -> int:
    manuals = sorted(MANUALS.iterdir())
    print(f"{len(manuals)} manuals, each ingested by one durable run of five recorded steps:")
    for number, manual in enumerate(manuals, 1):
        print(f"  [{number}/{len(manuals)}] {manual.name:25} ", end="", flush=True)
        started = time.perf_counter()
        exit_code, answer, complaint = _run(manual, folder)
        if exit_code:
            print(f"failed\n{complaint}")
            return exit_code
        seconds = time.perf_counter() - started
        print(f"{answer['result']['outcome']}, {answer['result']['passages']} passages, {seconds:.1f} s")
    return 0


def _show_care(folder: Path) -> int:
    """What is there already is not written again; what is damaged is refused, and nothing of it is kept."""
    print("\nThe same manual again, and a copy of one that was cut off half-way:")
    known = MANUALS / "chiller.html"
    exit_code, answer, complaint = _run(known, folder)
    print(f"  {known.name:20} {answer['result']['outcome'] if exit_code == 0 else complaint}")
    whole = MANUALS / "rf-generator.pdf"
    copy = folder / "half-a-manual.pdf"
    copy.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    refused, answer, complaint = _run(copy, folder)
    sentence = answer["error"]["message"] if refused == 1 else complaint
    print(f"  {copy.name:20} refused, exit {refused}\n{textwrap.indent(sentence, '    ')}")
    return exit_code or refused - 1


def _answer_all(folder: Path) -> int:
    store = folder / "knowledge.db"
    for question in QUESTIONS:
        print(f"\nsearch: {question}")
        for hit in search(store, question, limit=1):
            print(_shown(hit))
    kwf = Path(os.path.relpath(KWF)) if KWF.is_relative_to(Path.cwd()) else KWF
    backend = f"--backend {_backend(folder)}"
    print(f"""
What to type next:
  {kwf} runs {backend}
      lists these runs; `{kwf} history RUN {backend}` shows the steps of one, `{kwf} resume RUN ...` continues it.
  {kwf} run knowledge_ingestion --set source_id=mine --set content_type=pdf --set uri=FILE.pdf --set store={store}
      ingests a document of your own.
  {kwf.with_name("python")} -c "from knows_knowledge_ingestion import search; print(search('{store}', 'WORDS'))"
      searches from Python.""")
    return 0


def _run(manual: Path, folder: Path) -> tuple[int, dict[str, Any], str]:
    """The exit code of `kwf run ... --json`, the object that it answers, and what it says in words."""
    state = {
        "source_id": manual.stem,
        "content_type": CONTENT_TYPES[manual.suffix],
        "uri": str(manual),
        "store": str(folder / "knowledge.db"),
    }
    sets = [word for key, value in state.items() for word in ("--set", f"{key}={value}")]
    command = [str(KWF), "run", "knowledge_ingestion", *sets, "--backend", _backend(folder), "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - arguments made here
    answer: dict[str, Any] = json.loads(finished.stdout) if finished.stdout.startswith("{") else {}
    return finished.returncode, answer, finished.stderr or finished.stdout


def _backend(folder: Path) -> str:
    return f"sqlite:///{folder / 'runs.db'}"


def _shown(hit: Hit) -> str:
    page = f", page {hit.page}" if hit.page else ""
    where = f"  {hit.source_id}{page}, characters {hit.start} to {hit.end}\n  {' > '.join(hit.heading_path)}"
    lines = [part for line in hit.text.splitlines() if line for part in textwrap.wrap(line, WIDTH)]
    more = ["..."] if len(lines) > MOST_LINES else []
    return "\n    | ".join([where, *lines[:MOST_LINES], *more])


if __name__ == "__main__":
    sys.exit(main())
