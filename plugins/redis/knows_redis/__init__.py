"""The state backend of Knows Workflows on Redis: journals on a server, for owners on many hosts."""

from __future__ import annotations

from knows_redis import plugin
from knows_redis.backend import RedisBackend

__all__ = ["RedisBackend", "plugin"]
