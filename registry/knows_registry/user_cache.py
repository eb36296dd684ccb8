"""The folder of what may be forgotten, one for all environments of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def cache_folder() -> Path:
    """Where it is on this platform; it need not exist."""
    from platformdirs import user_cache_path  # nearly half of what its callers cost, and not each of them gets here

    return user_cache_path("knows-workflows", appauthor=False)
