"""An import costs only what is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import knows_core

DEAR = ("pydantic", "pydantic_core", "asyncio", "pluggy", "packaging", "json", "hashlib", "logging")
RUN = """
from knows_core import PipelineWorkflow, WorkflowState
def a(result, state): state["n"] = 1
def b(result, state): return state["n"]
def c(result): return result + 1
assert PipelineWorkflow([a, b, c]).execute(WorkflowState()) == 2
"""


def loaded_by(code):
    """The modules that a fresh interpreter holds after the code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import knows_core", RUN], ids=["import", "a 3-step run"])
def test_the_short_way_loads_nothing_dear(code):
    """Importing core and running plain functions leave the heavy libraries out."""
    assert loaded_by(code).isdisjoint(DEAR)


def test_an_async_step_alone_brings_asyncio():
    """The sync driver imports asyncio only when the flow holds an async step."""
    code = RUN.replace("def b(", "async def b(")
    assert "asyncio" in loaded_by(code)


def test_every_public_name_is_there():
    """`__all__` is sorted, and each name of it can be imported."""
    assert list(knows_core.__all__) == sorted(knows_core.__all__)
    assert all(getattr(knows_core, name) is not None for name in knows_core.__all__)
    assert set(knows_core.__all__) == set(knows_core._ROOM_OF)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        knows_core.absent  # noqa: B018
