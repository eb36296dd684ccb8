"""`kwf list` with 100 installed distributions against a bare interpreter, bytecode compiled."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.pairs import line, paired

DISTRIBUTIONS = 100


def install(site):
    for number in range(DISTRIBUTIONS):
        folder = site / f"bench_{number}-1.0.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-{number}\nVersion: 1.0.0\n")
        (folder / "entry_points.txt").write_text(f"[knows.templates]\nbench_{number}@1.0.0 = bench_{number}:template\n")


def main():
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": folder, "XDG_CACHE_HOME": folder}
        script = Path(sys.executable).with_name("kwf")
        for name in ("click", "knows_core", "knows_registry", "platformdirs"):
            compileall.compile_dir(str(Path(__import__(name).__file__ or "").parent), quiet=2)

        def start(*words):
            subprocess.run([*words], env=environment, stdout=subprocess.DEVNULL, check=True)

        measured = paired(
            lambda: start(sys.executable, "-c", "pass"), lambda: start(sys.executable, script, "list"), rounds=31
        )
        yield line("kwf list, 100 distributions / python -c pass", "ms", 1e3, measured, 7)
