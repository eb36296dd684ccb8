"""The published backend contract over the backends of this repository that need no server."""

from __future__ import annotations

from knows_core import MemoryBackend
from knows_core.testing.backend_suite import BackendContract, SharedBackendContract
from knows_sqlite import SQLiteBackend


class TestMemory(BackendContract):
    def open_backend(self, place, lease=15.0):
        return MemoryBackend()


class TestSQLite(SharedBackendContract):
    def open_backend(self, place, lease=15.0):
        return SQLiteBackend(place / "journals.db", lease=lease)
