"""What every room of the backend contract starts from: the one factory, a row, and a wait that ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck
from pydantic_settings import BaseSettings, SettingsConfigDict

from knows_core.backend import RunRow
from knows_core.errors.backend import RunBusy
from knows_core.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from knows_core.backend import StateBackend

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
AT_ONCE: Final = 3.0  # seconds: what a server may need to hear of a death; far below any lease a person sets
GRACE: Final = 3.0  # seconds beyond a lease, for a machine that has other work
QUIET: Final = (HealthCheck.too_slow,)  # a machine that has other work is no fault of the backend


class Level(BaseSettings):
    """How long the contract may take: `KNOWS_TEST_KILLS`, `KNOWS_TEST_EXAMPLES`."""

    model_config = SettingsConfigDict(env_prefix="KNOWS_TEST_")

    kills: int = 30
    examples: int = 30


class OpensBackends:
    """Tests of a backend that a subclass opens."""

    def open_backend(self, place: Path, lease: float = 15.0) -> StateBackend:
        """Open the backend whose journals lie in `place`, as an owner whose lease lasts that many seconds.

        The same place gives the same journals. Child processes of the tests call it too, with all that `self` has.
        """
        raise NotImplementedError

    def tell(self, figure: str) -> None:
        """Print a figure that a test is there to show; `pytest -rP` shows it."""
        print(f"{type(self).__name__}: {figure}")  # noqa: T201

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Generator[StateBackend]:
        """An empty backend."""
        opened = self.open_backend(tmp_path)
        yield opened
        opened.close()


def row(run: str = "r", status: RunStatus = RunStatus.RUNNING, created: datetime = MOMENT) -> RunRow:
    """A row of a run that begins."""
    return RunRow(run, "etch", "1.2.3", status, created, created)


def claimed_within(backend: StateBackend, run: str, seconds: float) -> int:
    """Claim a run as soon as its owner is gone. Raises RunBusy when that takes longer."""
    end = time.monotonic() + seconds
    while True:
        try:
            return backend.claim(run)
        except RunBusy:
            if time.monotonic() > end:
                raise
        time.sleep(0.02)
