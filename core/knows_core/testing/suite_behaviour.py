"""Runs and their records: created, appended to in order, fenced by epoch, ended, listed and deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from knows_core.backend import Append, StateBackend
from knows_core.errors import RunExists, UnknownRun
from knows_core.errors.backend import RunBusy
from knows_core.run import RunStatus
from knows_core.testing.suite_opening import MOMENT, OpensBackends, row

if TYPE_CHECKING:
    from pathlib import Path


class BehaviourContract(OpensBackends):
    """What one object does with its own runs."""

    def test_it_is_a_state_backend(self, backend: StateBackend) -> None:
        """The object has every method of the port."""
        assert isinstance(backend, StateBackend)

    def test_looking_makes_nothing(self, tmp_path: Path) -> None:
        """At an empty place nothing is listed, renewed, released or deleted, and nothing comes into being."""
        before = sorted(tmp_path.rglob("*"))
        backend = self.open_backend(tmp_path)
        assert backend.rows() == []
        assert list(backend.append([])) == []
        assert list(backend.append([Append("r", 1, 0, (b"x",))])) == [False]
        backend.renew()
        backend.release("r", 1)
        assert backend.delete("r", 1) is False
        assert backend.cancelling(["r"]) == set()
        backend.close()
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_run_comes_back_as_written(self, backend: StateBackend) -> None:
        """A run has its row and its records in order, and the list that is loaded belongs to the caller."""
        epoch = backend.create(row(), [b"first", b"second"])
        assert list(backend.append([Append("r", epoch, 2, (b"third", b"last"))])) == [True]
        found, records = backend.load("r")
        assert records == [b"first", b"second", b"third", b"last"]
        assert (found.run, found.template, found.version, found.epoch) == ("r", "etch", "1.2.3", epoch)
        assert (found.status, bool(found.owner)) == (RunStatus.RUNNING, True)
        assert (found.cancelling, found.compensated) == (False, False)
        records.clear()
        assert backend.load("r")[1] == [b"first", b"second", b"third", b"last"]

    def test_times_are_kept_to_the_microsecond(self, backend: StateBackend) -> None:
        """A run was created when its row says, in whatever time zone that was told; all times are aware."""
        here = datetime(2026, 7, 1, 1, 2, 3, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
        backend.create(row("a", created=MOMENT), [b"0"])
        backend.create(row("b", created=here), [b"0"])
        assert {one.run: one.created_at for one in backend.rows()} == {"a": MOMENT, "b": here}
        assert backend.load("b")[0].created_at == here
        assert all(one.created_at.tzinfo and one.updated_at.tzinfo for one in backend.rows())

    def test_a_second_run_of_the_same_id_is_refused(self, backend: StateBackend) -> None:
        """Creating a run under a taken id raises RunExists and leaves the first one alone."""
        epoch = backend.create(row(), [b"first"])
        with pytest.raises(RunExists):
            backend.create(row(status=RunStatus.PENDING), [b"second"])
        found, records = backend.load("r")
        assert (found.status, found.epoch, records) == (RunStatus.RUNNING, epoch, [b"first"])

    def test_unknown_runs_are_named(self, backend: StateBackend) -> None:
        """Whoever asks for a run that does not exist hears UnknownRun, whether or not there are others."""
        for _ in range(2):
            for ask in (backend.load, backend.claim, backend.request_cancel):
                with pytest.raises(UnknownRun, match="nobody"):
                    ask("nobody")
            assert list(backend.append([Append("nobody", 1, 0, (b"x",))])) == [False]
            assert backend.delete("nobody", 1) is False
            if not backend.rows():
                backend.create(row(), [b"0"])

    def test_a_gap_or_a_repeat_is_refused(self, backend: StateBackend) -> None:
        """Only the next sequence number is accepted, whatever comes with it."""
        epoch = backend.create(row(), [b"0"])
        answers = [backend.append([Append("r", epoch, at, (b"x",))])[0] for at in (0, 2, 1, 1)]
        assert answers == [False, False, True, False]
        for at in (1, 3):
            wrong = Append("r", epoch, at, (b"y", b"z"), RunStatus.SLEEPING, "9.9.9", compensated=True)
            batch = [wrong, Append("r", epoch, at, ())]
            assert list(backend.append(batch)) == [False, False]
        found, records = backend.load("r")
        assert (found.status, found.version, found.compensated) == (RunStatus.RUNNING, "1.2.3", False)
        assert records == [b"0", b"x"]

    def test_an_old_epoch_is_fenced(self, backend: StateBackend) -> None:
        """After a take-over the former owner can write nothing: no record, no status, no release, no deletion."""
        old = backend.create(row(), [b"0"])
        backend.release("r", old)
        new = backend.claim("r")
        assert new > old
        zombie = [Append("r", old, 1, (b"zombie",), RunStatus.FAILED), Append("r", old, 1, (), RunStatus.FAILED)]
        assert list(backend.append(zombie)) == [False, False]
        backend.release("r", old)
        assert backend.delete("r", old) is False
        with pytest.raises(RunBusy):
            backend.claim("r")
        assert list(backend.append([Append("r", new, 1, (b"mine",))])) == [True]
        found, records = backend.load("r")
        assert (found.status, found.epoch, records) == (RunStatus.RUNNING, new, [b"0", b"mine"])

    def test_an_epoch_to_come_is_fenced(self, backend: StateBackend) -> None:
        """An epoch that nobody was given yet is no right to write."""
        epoch = backend.create(row(), [b"0"])
        assert list(backend.append([Append("r", epoch + 1, 1, (b"x",))])) == [False]
        backend.release("r", epoch + 1)
        assert backend.delete("r", epoch + 1) is False
        assert backend.load("r")[0].owner

    def test_a_released_run_is_nobodys(self, backend: StateBackend) -> None:
        """Who released a run may not write to it, or delete it, before claiming it again."""
        epoch = backend.create(row(), [b"0"])
        backend.release("r", epoch)
        assert backend.load("r")[0].owner is None
        assert list(backend.append([Append("r", epoch, 1, (b"x",))])) == [False]
        assert backend.delete("r", epoch) is False
        again = backend.claim("r")
        assert list(backend.append([Append("r", again, 1, (b"x",))])) == [True]

    def test_a_living_owner_keeps_its_run(self, backend: StateBackend) -> None:
        """A run that is owned cannot be claimed, by its owner neither; the error tells who owns it and for how long."""
        backend.release("r", backend.create(row(), [b"0"]))
        epoch = backend.claim("r")
        with pytest.raises(RunBusy, match="r is owned by") as busy:
            backend.claim("r")
        assert busy.value.owner == backend.load("r")[0].owner
        assert 0 <= busy.value.age < 60
        assert list(backend.append([Append("r", epoch, 1, (b"x",))])) == [True]

    def test_a_refused_run_does_not_fail_its_neighbours(self, backend: StateBackend) -> None:
        """One batch answers per run: the fenced one is refused, the others are written."""
        first, second = backend.create(row("a"), [b"0"]), backend.create(row("b"), [b"0"])
        batch = [
            Append("a", first + 7, 1, (b"no",)),
            Append("b", second, 1, (b"yes",), RunStatus.SLEEPING),
            Append("nobody", 1, 0, (b"no",)),
            Append("a", first, 1, (b"a",)),
            Append("a", first, 2, (b"b",), RunStatus.COMPLETED),
            Append("a", first, 3, (b"over",)),
        ]
        assert list(backend.append(batch)) == [False, True, False, True, True, False]
        assert (backend.load("a")[1], backend.load("b")[1]) == ([b"0", b"a", b"b"], [b"0", b"yes"])
        assert {one.run: one.status for one in backend.rows()} == {"a": RunStatus.COMPLETED, "b": RunStatus.SLEEPING}

    @pytest.mark.parametrize("status", list(RunStatus))
    def test_the_status_is_stored_with_its_records(self, backend: StateBackend, status: RunStatus) -> None:
        """Every status is kept, with the moment it came; one that is over frees the run in the same commit."""
        epoch = backend.create(row(), [b"0"])
        backend.append([Append("r", epoch, 1, (b"end",), status)])
        found = backend.load("r")[0]
        assert (found.status, found.owner is None) == (status, status.is_over)
        assert abs(found.updated_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert list(backend.append([Append("r", epoch, 2, (), RunStatus.RUNNING)])) == [not status.is_over]
        if status.is_over:
            assert backend.load("r")[0].status is status
            assert backend.claim("r") > epoch

    def test_a_version_is_stored_with_its_records(self, backend: StateBackend) -> None:
        """The version of a migrated template replaces the one before; appends that name none leave it."""
        epoch = backend.create(row(), [b"0"])
        backend.append([Append("r", epoch, 1, (b"migrated",), version="2.0.0")])
        backend.append([Append("r", epoch, 2, (b"more",), RunStatus.SLEEPING)])
        assert [(one.version, one.status) for one in backend.rows()] == [("2.0.0", RunStatus.SLEEPING)]
        assert backend.load("r")[0].version == "2.0.0"

    def test_a_compensated_failure_is_told_from_a_plain_one(self, backend: StateBackend) -> None:
        """The flag is stored with the append that gives it, alone or in a batch, and loaded and listed with the run."""
        ends = {run: Append(run, backend.create(row(run), [b"0"]), 1, (b"end",), RunStatus.FAILED) for run in "abcd"}
        assert list(backend.append([ends["a"]._replace(compensated=True)])) == [True]
        assert list(backend.append([ends["b"]])) == [True]
        both = [ends["c"]._replace(compensated=False), ends["d"]._replace(compensated=True)]
        assert list(backend.append(both)) == [True, True]
        expected = {"a": True, "b": False, "c": False, "d": True}
        assert {one.run: one.compensated for one in backend.rows(RunStatus.FAILED)} == expected
        assert {run: backend.load(run)[0].compensated for run in ends} == expected
        assert all(one.owner is None for one in backend.rows())

    @pytest.mark.parametrize("records", [(), (b"1",)])
    def test_the_compensated_flag_stays_until_another_is_given(
        self, backend: StateBackend, records: tuple[bytes, ...]
    ) -> None:
        """Whatever else happens to a run leaves its flag, and the flag leaves all else; given anew, it is as given."""
        epoch = backend.create(row(), [b"0"])

        def add(**more: Any) -> bool:
            at = len(backend.load("r")[1])
            assert list(backend.append([Append("r", epoch, at, records, **more)])) == [True]
            return backend.load("r")[0].compensated

        before = backend.load("r")[0]
        assert add(compensated=True) is True
        assert backend.load("r")[0] == replace(before, compensated=True)
        backend.request_cancel("r")
        assert [add(), add(version="2.0.0"), add(status=RunStatus.SLEEPING), add(status=RunStatus.FAILED)] == [True] * 4
        epoch = backend.claim("r")
        assert [one.compensated for one in backend.rows()] == [True]
        backend.release("r", epoch)
        assert backend.load("r")[0].compensated is True
        epoch = backend.claim("r")
        assert [add(compensated=False), add(status=RunStatus.RUNNING)] == [False, False]
        assert add(status=RunStatus.FAILED, compensated=True) is True

    def test_runs_are_listed_newest_first(self, backend: StateBackend) -> None:
        """Rows tells every run, the youngest first, or those of one status in the same order."""
        for number in (3, 1, 4, 2, 0):
            run = row(f"r{number}", created=MOMENT + timedelta(microseconds=number))
            epoch = backend.create(run, [b"0"])
            if number % 2:
                backend.append([Append(f"r{number}", epoch, 1, (b"1",), RunStatus.COMPLETED)])
        assert [one.run for one in backend.rows()] == ["r4", "r3", "r2", "r1", "r0"]
        assert [one.run for one in backend.rows(RunStatus.COMPLETED)] == ["r3", "r1"]
        assert [one.run for one in backend.rows(RunStatus.RUNNING)] == ["r4", "r2", "r0"]
        assert backend.rows(RunStatus.STUCK) == []

    def test_a_deleted_run_leaves_nothing(self, backend: StateBackend) -> None:
        """A deleted run is unknown, its neighbour stays, and its id begins anew: other records, no old request."""
        first = backend.create(row("a"), [b"0", b"1"])
        backend.create(row("b"), [b"0"])
        backend.append([Append("a", first, 2, (), compensated=True)])
        backend.request_cancel("a")
        backend.release("a", first)
        assert backend.delete("a", backend.claim("a")) is True
        assert backend.cancelling(["a", "b"]) == set()
        assert [one.run for one in backend.rows()] == ["b"]
        with pytest.raises(UnknownRun):
            backend.load("a")
        assert list(backend.append([Append("a", first, 2, (b"late",))])) == [False]
        epoch = backend.create(row("a"), [b"new"])
        assert list(backend.append([Append("a", epoch, 1, (b"next",))])) == [True]
        found, records = backend.load("a")
        assert (found.epoch, found.cancelling, found.compensated) == (epoch, False, False)
        assert records == [b"new", b"next"]
        assert backend.load("b")[1] == [b"0"]

    def test_closing_twice_is_closing(self, tmp_path: Path) -> None:
        """A backend may be closed more than once, used or not."""
        unused, used = self.open_backend(tmp_path / "unused"), self.open_backend(tmp_path)
        used.create(row(), [b"0"])
        for opened in (unused, used):
            opened.close()
            opened.close()
