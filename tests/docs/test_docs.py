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

from knows_core import KnowsError

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SENTENCE = re.compile(r"[.!?](?=\s|$)")
ERRORS = ROOT / "docs" / "reference" / "errors"
WITHOUT_EXAMPLE = {  # what would have to be there for it
    "access-denied": "an account that may not open a file",
    "backend-busy": "a lock that another program holds for half a minute",
    "backend-full": "a full disk",
    "choices-too-many": "a request on which it takes a quarter of a minute to give up",
    "manifest-broken": "an installed distribution with a damaged manifest",
    "duplicate-plugin": "two installed distributions with one plugin",
    "requirement-unmet": "an installed distribution that was made for another version",
    "plugin-broken": "an installed distribution that cannot be imported",
}
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def reference():
    spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_blocks(language):
    pages = [page for page in PAGES if page.parent != ERRORS]  # those have a test of their own
    pages = [page for page in pages if any(kind == language for kind, _ in BLOCK.findall(page.read_text("utf-8")))]
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
    """Every command, error, hook and setting is documented as it is: run `python -m tests.docs.reference`."""
    module = reference()
    assert (module.FOLDER / name).read_text("utf-8") == module.MADE + module.PAGES[name]()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    """A relative link names a file that is there."""
    broken = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert broken == []


def test_every_error_has_a_page():
    """One page for each code of core and registry, and none for a code that is gone."""
    assert {page.stem for page in ERRORS.glob("*.md")} == set(reference().ours())


@pytest.mark.parametrize("code", reference().ours())
def test_the_page_of_an_error_says_what_to_do(code):
    """Somebody wrote when one meets the error and what to do, in two sentences at least, and how to see it."""
    note = reference().note(code)
    assert len(SENTENCE.findall(BLOCK.sub("", note))) >= 2
    assert bool(BLOCK.search(note)) == (code not in WITHOUT_EXAMPLE)


@pytest.mark.parametrize("code", [code for code in reference().ours() if code not in WITHOUT_EXAMPLE])
def test_the_example_of_an_error_makes_that_error(code, workplace, monkeypatch):
    """The example on the page of an error, or of a family of errors, really comes to one."""
    made, begin = [], KnowsError.__init__

    def noticed(self, *args, **facts):
        made.append(type(self))
        begin(self, *args, **facts)

    monkeypatch.setattr(KnowsError, "__init__", noticed)
    outputs = run_blocks(ERRORS / f"{code}.md", workplace)
    is_made = any(issubclass(one, reference().ours()[code]) for one in made)
    assert is_made or f'"code": "{code}"' in "".join(outputs)


def test_every_page_is_reached_from_the_index():
    """No page is lost: index.md links to all, errors.md to those of errors; changes are named by their folder."""
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    index += (ERRORS.parent / "errors.md").read_text("utf-8").replace("(errors/", "(reference/errors/")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES if (ROOT / "docs") in page.parents]
    lost = [page for page in pages if page not in index and not page.startswith("changes/") and page != "index.md"]
    assert lost == []
