"""For tests against a real server: one that starts by itself, fresh databases, and a way to it that can be cut."""

from __future__ import annotations

from knows_postgres.testing.proxy import Proxy
from knows_postgres.testing.server import database, server

__all__ = ["Proxy", "database", "server"]
