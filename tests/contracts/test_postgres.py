"""The published backend contract over PostgreSQL, on a server of its own."""

from __future__ import annotations

import hashlib

import pytest

from knows_core.testing.backend_suite import SharedBackendContract
from knows_postgres import PostgresBackend
from knows_postgres.testing import database, server


@pytest.fixture(scope="module")
def url():
    with server() as running, database(running) as fresh:
        yield fresh


class TestPostgres(SharedBackendContract):
    @pytest.fixture(autouse=True)
    def _on(self, url):
        self.url = url

    def open_backend(self, place, lease=15.0):
        schema = f"knows_{hashlib.sha256(str(place).encode()).hexdigest()[:16]}"
        return PostgresBackend(self.url, lease=lease, schema=schema)
