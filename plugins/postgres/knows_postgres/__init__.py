"""The PostgreSQL state backend of Knows Workflows: journals on a server, for many processes on many hosts."""

from __future__ import annotations

from knows_postgres import plugin
from knows_postgres.backend import PostgresBackend

__all__ = ["PostgresBackend", "plugin"]
