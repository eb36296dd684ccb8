"""The documentation is true: its code runs, its pages match the code, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def reference():
    spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_blocks(language):
    pages = [page for page in PAGES if any(kind == language for kind, _ in BLOCK.findall(page.read_text("utf-8")))]
    return pytest.mark.parametrize("page", pages, ids=[str(page.relative_to(ROOT)) for page in pages])


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_blocks(page, workplace):
    """Run a page from top to bottom: Python in one namespace, `$ kwf` lines in processes."""
    namespace = {"__name__": "__docs__"}
    outputs = []
    for kind, text in BLOCK.findall(page.read_text("utf-8")):
        if kind == "python":
            named = re.match(r"# (\w+\.py)\n", text)
            if named:
                (workplace / named[1]).write_text(text)
            exec(compile(text, str(page), "exec", dont_inherit=True), namespace)  # noqa: S102 - our own pages
        elif kind == "console":
            outputs += [run_line(line[2:], workplace) for line in text.splitlines() if line.startswith("$ ")]
    return outputs


def run_line(line, workplace):
    """Run a `kwf` line of a page; `# exit N` at its end says what it ends with."""
    command, _, expected = line.partition("# exit ")
    words = shlex.split(command)
    if words[0] != "kwf":
        return ""
    done = subprocess.run(
        [sys.executable, "-m", "knows_registry.cli", *words[1:]],
        cwd=workplace, capture_output=True, text=True, timeout=120, check=False, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == int(expected or 0), (line, done.stdout, done.stderr)
    return done.stdout


@with_blocks("python")
def test_every_page_with_code_runs(page, workplace):
    """The blocks of a page, in order, do what the page says."""
    run_blocks(page, workplace)


@pytest.mark.parametrize("name", reference().PAGES)
def test_reference_pages_match_the_code(name):
    """Every command, error, hook and setting is documented as it is: run `python tests/docs/reference.py`."""
    module = reference()
    assert (module.FOLDER / name).read_text("utf-8") == module.MADE + module.PAGES[name]()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    """A relative link names a file that is there."""
    broken = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert broken == []


def test_every_page_is_reached_from_the_index():
    """No page is lost: index.md links to every page of the documentation, decisions and changes by their folder."""
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES if (ROOT / "docs") in page.parents]
    lost = [page for page in pages if page not in index and not page.startswith("changes/") and page != "index.md"]
    assert lost == []
