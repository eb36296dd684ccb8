"""What every test gets: a home of its own, so that no test reads or writes the settings and data of a person."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in [one for one in os.environ if one.startswith("KNOWS_WORKFLOW_")]:
        monkeypatch.delenv(name)
    return home


@pytest.fixture
def root():
    """The root of the repository."""
    return Path(__file__).parent.parent
