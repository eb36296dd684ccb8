"""The hook under which state backends are offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core import StateBackend, hookimpl
from knows_redis.backend import RedisBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@hookimpl
def knows_state_backends() -> Mapping[str, Callable[[str], StateBackend]]:
    """Offer `redis://HOST:PORT/DB`, `rediss://…` and `redis:///PATH/OF/SOCKET`."""
    return {"redis": RedisBackend.from_url, "rediss": RedisBackend.from_url}
