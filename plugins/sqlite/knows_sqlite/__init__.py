"""The embedded state backend of Knows Workflows: journals in one SQLite file."""

from __future__ import annotations

from knows_sqlite import plugin
from knows_sqlite.backend import SQLiteBackend

__all__ = ["SQLiteBackend", "plugin"]
