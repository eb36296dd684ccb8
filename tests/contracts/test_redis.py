"""The published backend contract over Redis."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from knows_core.testing.backend_suite import SharedBackendContract
from knows_redis import RedisBackend
from knows_redis.testing import forget, server


@pytest.fixture(scope="session")
def redis_url():
    """One server for all tests here; it may be somebody's, so that the names of keys are never those of another day."""
    with server() as url:
        day = uuid.uuid4().hex
        yield url, day
        forget(url, f"test-{day}")


class TestRedis(SharedBackendContract):
    @pytest.fixture(autouse=True)
    def _server(self, redis_url):
        self.url, self.day = redis_url

    def open_backend(self, place, lease=15.0):
        name = hashlib.sha256(str(place).encode()).hexdigest()[:16]
        return RedisBackend(self.url, lease=lease, prefix=f"test-{self.day}-{name}")
