"""A description does not depend on the version of pydantic: the oldest supported one against the newest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.core.described_types import ANNOTATIONS

ROOT = Path(__file__).parents[2]
FLOOR = ROOT / ".venv" / "floor" / ("Scripts" if os.name == "nt" else "bin") / "python"
PINS = ROOT / "tests" / "core" / "floor.txt"
SCRIPT = """
import json, pydantic
from knows_core.contract import digest_of
from knows_core.describing.descriptors import described, described_together
from tests.core.described_types import ANNOTATIONS
found = {name: described(one) for name, one in ANNOTATIONS.items()}
lineage = {name: described_together({"it": one}).lineage for name, one in ANNOTATIONS.items()}
print(json.dumps([pydantic.VERSION, found, {name: digest_of(one) for name, one in found.items()}, lineage]))
"""


def printed_by(python):
    """The version of pydantic, the descriptions and their digests in another environment."""
    assert python.exists(), f"{python} is missing: `make test` builds it from {PINS.relative_to(ROOT)}."
    done = subprocess.run([python, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def both():
    return printed_by(FLOOR), printed_by(Path(sys.executable))


def test_every_description_is_equal_under_the_oldest_and_the_newest_pydantic(both):
    """The same annotations give the same text, digest and lineage, name by name, under two versions that differ."""
    (oldest, old, old_digests, old_lineage), (newest, new, new_digests, new_lineage) = both
    assert oldest != newest
    assert f"pydantic=={oldest} " in PINS.read_text("utf-8")
    assert len(new) == len(ANNOTATIONS) >= 60
    assert [name for name in new if old[name] != new[name]] == []
    assert old_digests == new_digests
    assert old_lineage == new_lineage
    assert any(new_lineage.values())


def test_a_missing_environment_says_who_builds_it():
    """Called without `make`, the comparison fails with the next move; it is never skipped."""
    with pytest.raises(AssertionError, match=r"is missing: `make test` builds it from tests/core/floor\.txt"):
        printed_by(ROOT / ".venv" / "nowhere" / "python")


def test_the_floor_is_what_core_promises():
    """Each lower bound of core's dependencies is pinned exactly, with hashes, and no address."""
    text = PINS.read_text("utf-8")
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    pins = dict(block.split()[0].split("==") for block in blocks)
    project = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text("utf-8"))["project"]
    for dependency in project["dependencies"]:
        name, lowest = dependency.split(">=")
        assert re.fullmatch(rf"{re.escape(lowest)}(\.0)*", pins[name]), dependency
