"""`kwf list` with 100 installed distributions against a bare interpreter, bytecode compiled: looked up, and remembered.

Each distribution has a manifest, since reading those is part of looking.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from knows_core import pipeline, step
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of
from tests.benchmarks.pairs import line, paired

DISTRIBUTIONS = 100
LONG_AGO = 1_600_000_000  # seconds: a listing of what changed just now is not remembered


@step
def weigh(lots: dict[str, list[int]]) -> list[float]:
    return [sum(weights) / len(weights) for weights in lots.values()]


def install(site):
    for number in range(DISTRIBUTIONS):
        name, package = f"bench-{number}", site / f"bench_{number}"
        folder = site / f"bench_{number}-1.0.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        (folder / "entry_points.txt").write_text(f"[knows.templates]\nbench_{number}@1.0.0 = bench_{number}:template\n")
        template = pipeline([weigh] * 1, name=f"bench_{number}", version="1.0.0", summary="Weighs every lot.")
        package.mkdir()
        (package / "__init__.py").write_text("raise SystemExit('imported')")
        (package / file_name(name)).write_text(text_of(Manifest(name, (profile_of(template.definition),))))
    for place in (*site.rglob("*"), site):
        os.utime(place, (LONG_AGO, LONG_AGO))


def main():
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        install(Path(folder))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": folder, "XDG_CACHE_HOME": cache}
        script = Path(sys.executable).with_name("kwf")
        for name in ("click", "knows_core", "knows_registry", "platformdirs"):
            compileall.compile_dir(str(Path(__import__(name).__file__ or "").parent), quiet=2)

        def start(*words):
            subprocess.run([*words], env=environment, stdout=subprocess.DEVNULL, check=True)

        for title, words, goal in (("looked up", ["--refresh"], 7), ("remembered", [], 5)):
            measured = paired(
                lambda: start(sys.executable, "-c", "pass"),
                lambda words=words: start(sys.executable, script, "list", *words),
                rounds=31,
            )
            yield line(f"kwf list, 100 distributions, {title} / python -c pass", "ms", 1e3, measured, goal)
        assert list(Path(cache).rglob("listing-*")), "nothing was remembered"
