"""A stage with pumps, and plants that use them, to be locked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from knows_registry.locking.lock import Lock, read

PUMP = """
from knows_core import pipeline, step
@step
def work({input}) -> str: return "pump {version}"
pump = pipeline(work, name="pump", version="{version}")
"""
PLANT = """
from knows_core import pipeline, use
plant = pipeline(use("pump", "{wanted}"), name="{name}", version="{version}")
"""


@dataclass(frozen=True)
class Factory:
    """Installs pumps and plants on a stage, each distribution with a RECORD as pip writes it."""

    stage: Any

    @property
    def site(self) -> Path:
        return Path(self.stage.site)

    @property
    def lock(self) -> Lock:
        return read(self.site / "knows.lock")

    @property
    def versions(self) -> dict[str, str]:
        """What is locked, by slot."""
        return {str(row.slot): str(row.version) for row in self.lock.templates}

    def pump(self, version, distribution="knows-pumps", input=""):
        """A distribution of that version with that version of the template."""
        module = f"{distribution}_{version}".translate(str.maketrans("-.", "__"))
        source = PUMP.format(version=version, input=input)
        entry = {f"pump@{version}": f"{module}:pump"}
        return self.stage.install(distribution, version, templates=entry, modules={module: source}, recorded=True)

    def plant(self, wanted, name="plant", version="1.0.0"):
        """A distribution with a template that uses a range of pumps."""
        source = PLANT.format(wanted=wanted, name=name, version=version)
        entry, modules = {f"{name}@{version}": f"{name}_module:plant"}, {f"{name}_module": source}
        return self.stage.install(f"knows-{name}", version, templates=entry, modules=modules, recorded=True)

    def record(self, folder, module):
        """Write RECORD anew, as if what is there now had been installed."""
        files = [folder / "METADATA", folder / "entry_points.txt", self.site / f"{module}.py"]
        (folder / "RECORD").write_text("".join(map(self.stage.row_of_record, files)) + f"{folder.name}/RECORD,,\n")

    def kwf(self, *words):
        """Run the command line."""
        return self.stage.kwf(*words)

    def answer(self, *words):
        """What a command prints with --json."""
        return self.stage.answer(*words)

    def run(self, *words):
        """The exit code and the answer of a run that nobody keeps."""
        done = self.kwf("run", *words, "--backend", "memory:", "--json")
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def factory(stage):
    return Factory(stage)
