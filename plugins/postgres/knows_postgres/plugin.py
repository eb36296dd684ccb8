"""The hook under which state backends are offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core import StateBackend, hookimpl
from knows_postgres.backend import PostgresBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@hookimpl
def knows_state_backends() -> Mapping[str, Callable[[str], StateBackend]]:
    """Offer `postgresql://…` and its short form `postgres://…`."""
    return {"postgresql": PostgresBackend.from_url, "postgres": PostgresBackend.from_url}
