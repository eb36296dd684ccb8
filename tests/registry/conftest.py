"""A stage for the registry: real little distributions in a folder, seen by real processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

import knows_core
import knows_registry
from knows_registry import Registry
from knows_registry.cli import main
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core import PipelineWorkflow

TEMPLATE = """
class Greeting:
    name = {name!r}
    version = {version!r}
    def execute(self, state): return "hello"
    def validate(self): return True
    def get_required_state(self): return []
"""


STEPS = """
import os
from dataclasses import dataclass
from datetime import datetime
from pydantic import BaseModel
from knows_core import PermanentError, TransientError, pipeline, step

@step
def a() -> int: return 1
@step
def b(value: int, state) -> int:
    state["seen"] = value
    return value + 1
@step
def c(value: int) -> int:
    if not os.path.exists("ok"):
        raise PermanentError("there is no ok")
    return value * 10
@step
def d(value: int) -> int: return value + 5
"""
FLOW = STEPS + 'w = pipeline(a | b | c | d, name="demo", version="1.0")\n'
TYPED = (
    STEPS
    + """
class Lot(BaseModel):
    serial: str
    day: datetime
    size: int = 25
    tags: tuple[str, ...] = ()

@dataclass
class Recipe:
    name: str
    steps: list[int]

@step
def tell(recipe: Recipe, state: Lot) -> dict:
    return {"recipe": recipe.name, "serial": state.serial, "day": state.day.isoformat(), "tags": state.tags}

w = pipeline([tell], name="typed", version="2.1", state=Lot, summary="Tells what it was given.")
"""
)


RECORDED = ("run", "resume", "runs", "history", "decide", "cancel", "purge", "doctor")


@dataclass(frozen=True)
class Stage:
    """A folder of distributions, and processes that find those and no others of ours."""

    site: Path
    cache: Path
    library: Path

    def install(
        self,
        name: str,
        version: str = "1.0.0",
        *,
        templates: Mapping[str, str] | None = None,
        plugins: Mapping[str, str] | None = None,
        modules: Mapping[str, str] | None = None,
        metadata: str = "",
        recorded: bool = False,
    ) -> Path:
        """Write what pip would: a metadata folder with entry points, modules beside it, and RECORD if asked for."""
        folder = self.site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}"
        (folder / "METADATA").write_text(header, encoding="utf-8")
        lines = ["[console_scripts]", "some-tool = some.module:main"]
        for group, entries in (("knows.templates", templates), ("knows.plugins", plugins)):
            lines += ["", f"[{group}]", *(f"{key} = {value}" for key, value in (entries or {}).items())]
        (folder / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        for module, text in (modules or {}).items():
            (self.site / f"{module}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        if recorded:
            files = [*folder.iterdir(), *(self.site / f"{module}.py" for module in modules or {})]
            (folder / "RECORD").write_text("".join(map(self.row_of_record, files)) + f"{folder.name}/RECORD,,\n")
        return folder

    def row_of_record(self, file: Path) -> str:
        """The row of an installed file in RECORD."""
        octets = file.read_bytes()
        digest = urlsafe_b64encode(hashlib.sha256(octets).digest()).rstrip(b"=").decode()
        return f"{file.relative_to(self.site)},sha256={digest},{len(octets)}\n"

    def install_template(
        self, name: str, version: str, *, distribution: str, module: str, recorded: bool = False
    ) -> Path:
        """A distribution that offers one template which works."""
        source = TEMPLATE.format(name=name, version=version) + "greeting = Greeting()\n"
        return self.install(
            distribution,
            templates={f"{name}@{version}": f"{module}:greeting"},
            modules={module: source},
            recorded=recorded,
        )

    def install_unimportable(self, distribution: str, *templates: PipelineWorkflow) -> Path:
        """A distribution that offers these with a manifest, and whose module ends whoever imports it; the manifest."""
        package = distribution.replace("-", "_")
        entries = {f"{one.name}@{one.version}": f"{package}.flows:it" for one in templates}
        self.install(distribution, templates=entries)
        (self.site / package).mkdir()
        (self.site / package / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
        file = self.site / package / file_name(distribution)
        profiles = tuple(profile_of(one.definition) for one in templates)
        file.write_text(text_of(Manifest(distribution, profiles)), encoding="utf-8")
        return file

    def environment(self) -> dict[str, str]:
        """The variables of a process that finds the distributions of this stage and no others of ours."""
        ours = [str(Path(str(package.__file__)).parent.parent) for package in (knows_core, knows_registry)]
        # As on a person's machine, where stdout has a buffer.
        # And without what a command called in this process has set.
        unwanted = ("PYTHONUNBUFFERED", "PYDANTIC_DISABLE_PLUGINS")
        inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
        return inherited | {
            "PYTHONPATH": os.pathsep.join([str(self.site), str(self.library), *ours]),
            "XDG_CACHE_HOME": str(self.cache),
            "XDG_CONFIG_HOME": str(self.cache),
            "HOME": str(self.cache),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def python(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run code there, with a standard input that stays open and says nothing."""
        command = [sys.executable, "-S", "-P", "-c", code, *arguments]
        silence, speaker = os.pipe()
        try:
            return subprocess.run(
                command,
                env=self.environment(),
                cwd=self.site,
                stdin=silence,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        finally:
            os.close(silence)
            os.close(speaker)

    def kwf(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return self.python("import sys; from knows_registry.cli import main; sys.exit(main())", *arguments)

    def answer(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        return json.loads(self.kwf(*arguments, "--json").stdout)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries of this environment without its templates and plugins."""
    folder = tmp_path_factory.mktemp("library")
    installed = Path(click.__file__).parent.parent
    for entry in installed.iterdir():
        entry_points = entry / "entry_points.txt"
        if not (entry_points.is_file() and b"knows." in entry_points.read_bytes()):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture
def stage(tmp_path: Path, library: Path) -> Stage:
    site = tmp_path / "site"
    site.mkdir()
    return Stage(site, tmp_path / "cache", library)


@pytest.fixture
def broken_stage(stage: Stage) -> Stage:
    """Every distribution that must cost only itself, beside one that works."""
    stage.install_template("sound", "1.2.0", distribution="sound-dist", module="sound_module")
    for name, code in {
        "raising": "raise ValueError('the pump is missing')",
        "exiting": "import sys; sys.exit(4)",
    }.items():
        stage.install(
            f"{name}-dist", templates={f"{name}@1.0.0": f"{name}_module:it"}, modules={f"{name}_module": code}
        )
    stage.install("malformed-dist", templates={"malformed@1.0.0": "not a module:it"})
    stage.install("version-dist", templates={"versioned@1.x": "sound_module:greeting"})
    for side in ("left", "right"):
        stage.install_template("twice", "2.0.0", distribution=f"{side}-dist", module=f"{side}_module")
    return stage


@pytest.fixture
def registry(stage, monkeypatch):
    """A registry of this process on the stage's distributions."""
    monkeypatch.syspath_prepend(stage.site)
    return Registry(paths=[str(stage.site)])


# ------------------------------------------------------------------ templates in files


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a template in a file, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "wf.py").write_text(FLOW)
    return tmp_path


@pytest.fixture
def steps():
    """The text of a file with the steps a, b, c and d; c fails where there is no file called ok."""
    return STEPS


@pytest.fixture
def flow():
    """The same with the template `w`, demo@1.0, made of them."""
    return FLOW


@pytest.fixture
def typed():
    """The text of a file with the template `w`, typed@2.1, that declares its state and input."""
    return TYPED


@pytest.fixture
def plain_template():
    """The text of a class of templates that are no pipelines."""
    return """class Plain:
    name, version = "plain", "1.0.0"
    def execute(self, state): return "done"
    def validate(self): return True
    def get_required_state(self): return []
"""


@pytest.fixture
def kwf(here, capfd):
    """Call the command line; the exit code and what stdout holds, read as JSON where that was asked for."""

    def call(*words):
        code = main([*words, *(["--backend", "sqlite:///runs.db"] if words[0] in RECORDED else [])])
        out = capfd.readouterr().out
        return code, json.loads(out) if "--json" in words else out

    return call
