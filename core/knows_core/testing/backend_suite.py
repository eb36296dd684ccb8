"""The contract of a state backend as tests: subclass it, give one factory, and pytest runs all of it.

class TestMine(SharedBackendContract):
def open_backend(self, place: Path) -> StateBackend:
return MyBackend(place / "journals")
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from knows_core.backend import Append, RunRow, StateBackend
from knows_core.errors import RunExists, UnknownRun
from knows_core.errors_backend import RunBusy
from knows_core.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def row(run: str = "r", status: RunStatus = RunStatus.RUNNING) -> RunRow:
    """A row of a run that begins."""
    return RunRow(run, "etch", "1.2.3", status, _MOMENT, _MOMENT)


class BackendContract:
    """What every state backend promises."""

    def open_backend(self, place: Path) -> StateBackend:
        """Open the backend whose journals lie in `place`; the same place gives the same journals."""
        raise NotImplementedError

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Generator[StateBackend]:
        """An empty backend."""
        opened = self.open_backend(tmp_path)
        yield opened
        opened.close()

    def test_it_is_a_state_backend(self, backend: StateBackend) -> None:
        """The object has every method of the port."""
        assert isinstance(backend, StateBackend)

    def test_records_come_back_as_written(self, backend: StateBackend) -> None:
        """Records are opaque bytes and come back in order, the empty one and every byte value included."""
        epoch = backend.create(row(), [b"first", b""])
        every = bytes(range(256))
        assert list(backend.append([Append("r", epoch, 2, (every, b"last"))])) == [True]
        found, records = backend.load("r")
        assert records == [b"first", b"", every, b"last"]
        assert (found.template, found.version, found.status) == ("etch", "1.2.3", RunStatus.RUNNING)
        assert found.created_at == _MOMENT

    def test_a_second_run_of_the_same_id_is_refused(self, backend: StateBackend) -> None:
        """Creating a run under a taken id raises RunExists and leaves the first one alone."""
        backend.create(row(), [b"first"])
        with pytest.raises(RunExists):
            backend.create(row(), [b"second"])
        assert backend.load("r")[1] == [b"first"]

    def test_unknown_runs_are_named(self, backend: StateBackend) -> None:
        """Loading and claiming a run that does not exist raise UnknownRun; appending to it is refused."""
        with pytest.raises(UnknownRun):
            backend.load("nobody")
        with pytest.raises(UnknownRun):
            backend.claim("nobody")
        assert list(backend.append([Append("nobody", 1, 0, (b"x",))])) == [False]

    def test_a_gap_or_a_repeat_is_refused(self, backend: StateBackend) -> None:
        """Only the next sequence number is accepted."""
        epoch = backend.create(row(), [b"0"])
        answers = [backend.append([Append("r", epoch, at, (b"x",))])[0] for at in (0, 2, 1, 1)]
        assert answers == [False, False, True, False]
        assert backend.load("r")[1] == [b"0", b"x"]

    def test_an_old_epoch_is_fenced(self, backend: StateBackend) -> None:
        """After a take-over the former owner can write nothing: no record, no status, no release."""
        old = backend.create(row(), [b"0"])
        backend.release("r", old)
        new = backend.claim("r")
        assert new > old
        assert list(backend.append([Append("r", old, 1, (b"zombie",), RunStatus.FAILED)])) == [False]
        backend.release("r", old)
        with pytest.raises(RunBusy):
            backend.claim("r")
        assert list(backend.append([Append("r", new, 1, (b"mine",))])) == [True]
        found, records = backend.load("r")
        assert (found.status, records) == (RunStatus.RUNNING, [b"0", b"mine"])

    def test_a_refused_run_does_not_fail_its_neighbours(self, backend: StateBackend) -> None:
        """One batch answers per run: the fenced one is refused, the others are written."""
        first, second = backend.create(row("a"), [b"0"]), backend.create(row("b"), [b"0"])
        batch = [Append("a", first + 7, 1, (b"no",)), Append("b", second, 1, (b"yes",)), Append("a", first, 1, (b"a",))]
        assert list(backend.append(batch)) == [False, True, True]
        assert (backend.load("a")[1], backend.load("b")[1]) == ([b"0", b"a"], [b"0", b"yes"])

    def test_a_living_owner_keeps_its_run(self, backend: StateBackend) -> None:
        """A run that its owner has not released cannot be claimed."""
        backend.create(row(), [b"0"])
        with pytest.raises(RunBusy, match="r is owned by"):
            backend.claim("r")

    def test_the_end_gives_up_the_ownership(self, backend: StateBackend) -> None:
        """The status is stored with its records, and one that is over frees the run in the same commit."""
        epoch = backend.create(row(), [b"0"])
        backend.append([Append("r", epoch, 1, (b"end",), RunStatus.FAILED)])
        found = backend.load("r")[0]
        assert (found.status, found.owner) == (RunStatus.FAILED, None)
        assert backend.claim("r") > epoch

    def test_runs_are_listed_by_status(self, backend: StateBackend) -> None:
        """Rows tells every run, or those of one status."""
        epoch = backend.create(row("a"), [b"0"])
        backend.create(row("b"), [b"0"])
        backend.append([Append("a", epoch, 1, (b"1",), RunStatus.COMPLETED)])
        assert {one.run for one in backend.rows()} == {"a", "b"}
        assert [one.run for one in backend.rows(RunStatus.COMPLETED)] == ["a"]

    def test_one_of_many_claims_wins(self, backend: StateBackend) -> None:
        """Of eight threads that claim a free run at once, exactly one gets it."""
        backend.release("r", backend.create(row(), [b"0"]))
        start = threading.Barrier(8)

        def claim(_: int) -> bool:
            start.wait(timeout=30)
            try:
                backend.claim("r")
            except RunBusy:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(claim, range(8))) == 1

    def test_threads_do_not_disturb_each_other(self, backend: StateBackend) -> None:
        """Eight threads append to eight runs; every record arrives, in order."""
        epochs = {f"r{number}": backend.create(row(f"r{number}"), [b"0"]) for number in range(8)}

        def work(run: str) -> bool:
            return all(backend.append([Append(run, epochs[run], at, (b"%d" % at,))])[0] for at in range(1, 21))

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(work, epochs))
        assert all(backend.load(run)[1] == [b"%d" % at for at in range(21)] for run in epochs)


class SharedBackendContract(BackendContract):
    """What a backend promises besides, whose journals outlive it and are open to several owners at once."""

    def test_journals_outlive_the_backend(self, tmp_path: Path) -> None:
        """What was written is there after closing and opening again, and a closed owner's run is free at once."""
        first = self.open_backend(tmp_path)
        epoch = first.create(row(), [b"0"])
        first.append([Append("r", epoch, 1, (b"1",))])
        first.close()
        second = self.open_backend(tmp_path)
        assert second.load("r")[1] == [b"0", b"1"]
        assert second.claim("r") > epoch
        second.close()

    def test_two_owners_are_kept_apart(self, tmp_path: Path) -> None:
        """A second backend on the same place sees a living owner's run, and may not take it."""
        first, second = self.open_backend(tmp_path), self.open_backend(tmp_path)
        epoch = first.create(row(), [b"0"])
        with pytest.raises(RunBusy):
            second.claim("r")
        assert list(second.append([Append("r", epoch + 1, 1, (b"x",))])) == [False]
        assert list(first.append([Append("r", epoch, 1, (b"1",))])) == [True]
        first.close()
        second.close()
