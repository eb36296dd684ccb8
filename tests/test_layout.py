"""The house: names, borders, budgets, and that nothing public is undocumented or untested."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import knows_core
from knows_core import WorkflowSettings, hooks
from knows_core.errors import error_kinds
from knows_registry.cli import COMMANDS
from tests.error_rooms import load_error_rooms

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MEMBERS = PROJECT["tool"]["knows-house"]["members"]
PLUGINS = [member for member in MEMBERS if member.startswith("plugins/")]


def tracked():
    """The files under version control; none where there is no git, as in a copy made from an archive."""
    try:
        done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - whichever git is there
    except FileNotFoundError:
        return []
    return done.stdout.split()


TRACKED = tracked()


def package_of(member):
    return f"knows_{Path(member).name}"


def sources(member):
    return sorted((ROOT / member / package_of(member)).rglob("*.py"))


CODE = [source for member in MEMBERS for source in sources(member)]
TREES = {source: ast.parse(source.read_text("utf-8")) for source in CODE}
TEST_FILES = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "plugins").glob("*/tests/*.py")]
TESTS = "\n".join(test.read_text("utf-8") for test in TEST_FILES if test != Path(__file__))


def test_the_top_level_has_the_six_names():
    """pyproject.toml, core, plugins, registry, tests, docs, and what stands beside them."""
    beside = {".ci", ".gitignore", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "constraints.txt"}
    found = {name.split("/")[0] for name in TRACKED} or {one.name for one in ROOT.iterdir()} & beside
    assert found - beside == ({"pyproject.toml", "core", "plugins", "registry", "tests", "docs"} if TRACKED else set())


def test_every_distribution_is_listed_once():
    """The list of members names every folder with a distribution, and no other."""
    folders = [ROOT / "core", ROOT / "registry", *(ROOT / "plugins").iterdir()]
    assert sorted(MEMBERS) == sorted(
        str(folder.relative_to(ROOT)) for folder in folders if (folder / "pyproject.toml").exists()
    )
    assert len(MEMBERS) == len(set(MEMBERS))


@pytest.mark.parametrize("member", MEMBERS)
def test_folder_distribution_and_import_have_one_name(member):
    """Folder `x` is the distribution `knows-x` is the import `knows_x`, typed and with a documented first page."""
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == package_of(member).replace("_", "-")
    assert project["requires-python"] == ">=3.11"
    assert (ROOT / member / package_of(member) / "py.typed").exists()
    package = importlib.import_module(package_of(member))
    assert package.__doc__
    assert list(package.__all__) == sorted(package.__all__)


@pytest.mark.parametrize("member", PLUGINS)
def test_plugins_use_public_names_only(member):
    """A plugin imports `from knows_core` what is in its `__all__`, and neither the registry nor another plugin."""
    foreign = [package_of(other) for other in MEMBERS if other != member]
    for source in sources(member):
        for node in ast.walk(TREES[source]):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                if module.split(".")[0] not in foreign:
                    continue
                assert module in ("knows_core", "knows_core.testing"), f"{source}: {module}"
                assert isinstance(node, ast.ImportFrom)
                assert {one.name for one in node.names} <= set(knows_core.__all__), source


@pytest.mark.parametrize("member", PLUGINS)
def test_plugins_have_tests_of_their_own(member):
    """A plugin is a distribution that a stranger could have written, its tests included."""
    assert list((ROOT / member / "tests").glob("test_*.py"))


def functions():
    for source, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno
                yield f"{source.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_rooms_and_functions_are_small():
    """No file above 300 lines, no function above 60, nine of ten functions at most 30."""
    long_files = [str(source) for source in [*CODE, *TEST_FILES] if len(source.read_text("utf-8").splitlines()) > 300]
    lengths = sorted(length for _, length in functions())
    assert long_files == []
    assert [name for name, length in functions() if length > 60] == []
    assert lengths[int(len(lengths) * 0.9)] <= 30


def imports(tree, *, known):
    """The modules of ours that a module imports when it or its functions run; annotations alone do not count."""
    found, waiting = set(), [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{one.name}" for one in node.names}
            found |= names & known or {node.module}
        waiting += ast.iter_child_nodes(node)
    return found & known


def test_no_room_imports_itself_in_a_circle():
    """Rooms have an order, and so have houses: following imports, those inside functions too, never leads back."""
    names = {
        source: ".".join(source.relative_to(ROOT / member).with_suffix("").parts).removesuffix(".__init__")
        for member in MEMBERS
        for source in sources(member)
    }
    known = set(names.values())
    edges = {names[source]: imports(TREES[source], known=known) - {names[source]} for source in CODE}
    assert circles(edges) == []
    assert circles(among_houses(edges)) == []


def test_the_order_of_houses_sees_a_circle():
    """Two houses that import each other are a circle, though their rooms are none; one room and itself is not."""
    edges = {"k.a.x": {"k.b.y"}, "k.b.y": set(), "k.b.z": {"k.a.w"}, "k.a.w": set(), "k.door": {"k.a.x"}, "k": set()}
    assert circles(edges) == []
    assert circles(among_houses(edges)) == ["k.a -> k.b -> k.a"]


def circles(edges):
    """Where following the edges leads back, each circle as a text."""
    found, done = [], set()

    def walk(name, path):
        if name in path:
            found.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for other in sorted(edges[name]):
                walk(other, [*path, name])
            done.add(name)

    for name in sorted(edges):
        walk(name, [])
    return found


def among_houses(edges):
    """The same edges between what stands on one level: packages inside a distribution, and modules in none."""
    houses: dict[str, set[str]] = {}
    for name, others in edges.items():
        house = ".".join(name.split(".")[:2])
        houses.setdefault(house, set()).update(".".join(other.split(".")[:2]) for other in others)
    return {house: others - {house} for house, others in houses.items()}


def test_the_import_check_sees_a_circle():
    """An import inside a function counts, one for annotations does not."""
    tree = ast.parse("if TYPE_CHECKING:\n    import b\ndef f():\n    from a import c\n")
    assert imports(tree, known={"a.c", "a", "b"}) == {"a.c"}


@pytest.mark.parametrize("name", [name for name in vars(hooks) if name.startswith("knows_")])
def test_every_hook_is_tested(name):
    """A test implements the hook."""
    assert f"def {name}(" in TESTS


@pytest.mark.parametrize("name", WorkflowSettings.model_fields)
def test_every_setting_is_tested(name):
    """A test names the setting."""
    assert name in TESTS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_tested(command):
    """A test calls the command."""
    assert re.search(rf'"{command}"', TESTS)


load_error_rooms()  # those that nothing else has loaded yet

# Tests define errors too, which are none of the project's.
ERRORS = {code: kind for code, kind in error_kinds().items() if kind.__module__.startswith("knows_")}


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_is_tested(code):
    """A test names the error by its class or code: each is raised somewhere but for the roots of families."""
    kind = ERRORS[code]
    is_root = bool(kind.__subclasses__())
    assert is_root or re.search(rf"\b{kind.__name__}\b|[\"']{code}[\"']", TESTS)


def test_pins_are_exact_hashed_and_name_no_host():
    """constraints.txt holds `name==version` with hashes, and no address."""
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 20
    assert all(re.match(r"[a-z0-9._-]+==\S+", block) and "--hash=sha256:" in block for block in blocks)


def test_the_two_commands_are_what_ci_runs():
    """.ci/run calls `make check` and `make test`; the Makefile has its six targets."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert [line for line in script.splitlines() if line.startswith("make")] == ["make check", "make test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(
        re.search(rf"^{target}:", makefile, re.MULTILINE)
        for target in ["install", "demo", "test", "check", "bench", "nightly"]
    )


def test_every_change_has_a_fragment():
    """docs/changes is not empty, and each fragment has a heading."""
    fragments = list((ROOT / "docs" / "changes").glob("*.md"))
    assert fragments
    assert all(fragment.read_text("utf-8").startswith("# ") for fragment in fragments)
