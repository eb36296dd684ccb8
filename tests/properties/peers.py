"""What pubgrub-py says of a registry: asked where it can be installed, else read from what it said.

It has wheels for Python 3.12 alone, so it lives in an environment of its own, which `make test` builds where there is
such a Python. `python -m tests.properties.peers` asks it again and records what it says.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from tests.properties.registries import RANGES, small

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "peer" / ("Scripts" if os.name == "nt" else "bin") / "python"
RECORD = Path(__file__).with_name("peer_verdicts.txt")
REGISTRIES = 3000
# Runs in the other environment: one registry a line; its answer, or null, and the seconds for that.
SCRIPT = """
import json, sys, time
from pubgrub_py import ResolutionError, Resolver
for line in sys.stdin:
    available, request = json.loads(line)
    resolver = Resolver()
    for name, versions in available.items():
        for version, needs in versions.items():
            resolver.add_package(name, version, needs)
    began = time.perf_counter()
    try:
        found = resolver.resolve(request)
    except ResolutionError:
        found = None
    print(json.dumps([found, time.perf_counter() - began]))
"""


def is_here():
    """Whether pubgrub-py can be asked."""
    return PYTHON.exists()


def asked(registries):
    """What pubgrub-py answers to each registry, with its seconds."""
    lines = "\n".join(map(json.dumps, registries))
    done = subprocess.run([PYTHON, "-c", SCRIPT], input=lines, capture_output=True, text=True, check=True, timeout=300)
    return [json.loads(line) for line in done.stdout.splitlines()]


def as_packages(case):
    """A case in the terms of pubgrub-py: each slot is a package, and a yanked version is left out of most ranges."""
    named = {need.slot: str(need.range.exact) for need in case.request if need.range.exact}
    agenda, available = [need.slot for need in case.request], {}

    def spelled(needs):
        merged = {}
        for need in needs:
            agenda.append(need.slot)
            free = [named.get(need.slot), str(case.preferred.get(need.slot))]
            yanked = [str(one.version) for one in case.stock.candidates(need.slot.name) if one.yanked]
            refused = [] if need.range.exact else [f"!={one}" for one in yanked if one not in free]
            merged.setdefault(package(need.slot), []).extend([comparators(need.range), *refused])
        return {name: ",".join(ranges) for name, ranges in merged.items()}

    request = spelled(case.request)
    while agenda:
        slot = agenda.pop()
        if package(slot) not in available:
            rows = case.stock.rows.get(slot.name, {})
            available[package(slot)] = {}
            available[package(slot)] = {str(version): spelled(needs) for version, (_, needs) in rows.items()}
    return available, request


def comparators(versions_range):
    """A range as pubgrub-py reads it; of `hard` the only form is a caret with two numbers."""
    major, _, minor = versions_range.text.removeprefix("^").partition(".")
    return RANGES.get(versions_range.text) or f">={major}.{minor}.0,<{int(major) + 1}.0.0"


def package(slot):
    return "--".join(filter(None, slot))


def fingerprint(registries):
    """So that a record is not compared with what other registries come to."""
    return hashlib.sha256(json.dumps(registries, sort_keys=True).encode()).hexdigest()


def recorded(registries):
    """What pubgrub-py said of the first registries: whether each has an answer."""
    digest, bits = RECORD.read_text("ascii").split()
    assert digest == fingerprint(registries), "other registries: record anew with `python -m tests.properties.peers`"
    return [bit == "1" for bit in f"{int(bits, 16):0{REGISTRIES}b}"]


def main():
    registries = [as_packages(small(seed)) for seed in range(REGISTRIES)]
    bits = "".join("0" if answer is None else "1" for answer, _ in asked(registries))
    RECORD.write_text(f"{fingerprint(registries)}\n{int(bits, 2):x}\n", "ascii")


if __name__ == "__main__":
    main()
