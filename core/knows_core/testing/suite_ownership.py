"""Who owns a run among several objects on one place: kept apart, taken over, and followed when a lease has run out."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

import pytest

from knows_core.backend import Append
from knows_core.errors.backend import RunBusy
from knows_core.run import RunStatus
from knows_core.testing.suite_opening import AT_ONCE, GRACE, OpensBackends, claimed_within, row

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from knows_core.backend import StateBackend

_SHORT: Final = 0.3  # seconds of a lease that is meant to run out
_KEPT: Final = 1.0  # seconds of a lease that is meant to be renewed, on a machine that may pause


class OwnershipContract(OpensBackends):
    """What two objects on one place may do to each other's runs."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Generator[tuple[StateBackend, StateBackend]]:
        """Two owners of one place."""
        first, second = self.open_backend(tmp_path), self.open_backend(tmp_path)
        yield first, second
        first.close()
        second.close()

    def test_two_owners_are_kept_apart(self, pair: tuple[StateBackend, StateBackend]) -> None:
        """Another's run can be seen, and neither taken nor written, released or deleted, even by its epoch."""
        first, second = pair
        epoch = first.create(row(), [b"0"])
        assert second.load("r") == first.load("r")
        with pytest.raises(RunBusy):
            second.claim("r")
        stolen = [Append("r", at, 1, (b"x",), RunStatus.FAILED) for at in (epoch, epoch + 1)]
        assert list(second.append(stolen)) == [False, False]
        second.release("r", epoch)
        assert second.delete("r", epoch) is False
        second.renew()
        assert list(first.append([Append("r", epoch, 1, (b"1",))])) == [True]
        found, records = second.load("r")
        assert (found.status, found.epoch, records) == (RunStatus.RUNNING, epoch, [b"0", b"1"])

    def test_whoever_is_refused_hears_of_the_owner(self, pair: tuple[StateBackend, StateBackend]) -> None:
        """Two owners have two names; the busy error tells the holder's, and since how many seconds."""
        first, second = pair
        first.release("a", first.create(row("a"), [b"0"]))
        first.claim("a")
        second.create(row("b"), [b"0"])
        names = {one.run: one.owner for one in second.rows()}
        assert names["a"] != names["b"]
        with pytest.raises(RunBusy) as busy:
            second.claim("a")
        assert (busy.value.run, busy.value.owner) == ("a", names["a"])
        assert 0 <= busy.value.age < 60

    def test_a_released_run_goes_to_another(self, pair: tuple[StateBackend, StateBackend]) -> None:
        """After release the other may claim at once, with a greater epoch, and the first one is fenced for good."""
        first, second = pair
        old = first.create(row(), [b"0"])
        first.release("r", old)
        new = second.claim("r")
        assert new > old
        answers = [list(first.append([Append("r", epoch, 1, (b"x",), RunStatus.FAILED)])) for epoch in (old, new)]
        assert answers == [[False], [False]]
        for epoch in (old, new):
            first.release("r", epoch)
            assert first.delete("r", epoch) is False
        with pytest.raises(RunBusy):
            first.claim("r")
        assert list(second.append([Append("r", new, 1, (b"1",), RunStatus.COMPLETED)])) == [True]
        assert first.claim("r") > new

    def test_a_closed_owner_is_gone_at_once(self, pair: tuple[StateBackend, StateBackend]) -> None:
        """Closing frees all that an object owned, for anybody and at once, and leaves the runs of others alone."""
        first, second = pair
        epochs = [first.create(row(run), [b"0"]) for run in ("a", "b")]
        kept = second.create(row("c"), [b"0"])
        first.close()
        assert {one.run: one.owner is None for one in second.rows()} == {"a": True, "b": True, "c": False}
        assert second.request_cancel("a") is False
        assert [second.claim("a") > epochs[0], second.claim("b") > epochs[1]] == [True, True]
        assert list(second.append([Append("c", kept, 1, (b"1",))])) == [True]

    def test_anybody_may_ask_the_owner_to_stop(self, pair: tuple[StateBackend, StateBackend]) -> None:
        """A request comes from any object, is seen by the owner, and waits for the next owner where this one goes."""
        first, second = pair
        first.create(row(), [b"0"])
        assert second.request_cancel("r") is True
        assert first.cancelling(["r"]) == second.cancelling(["r"]) == {"r"}
        first.close()
        epoch = second.claim("r")
        assert second.cancelling(["r"]) == {"r"}
        second.append([Append("r", epoch, 1, (b"end",), RunStatus.CANCELLED)])
        assert second.cancelling(["r"]) == set()

    def test_a_run_that_another_deleted_is_gone(self, pair: tuple[StateBackend, StateBackend]) -> None:
        """The new owner may delete; to the former one the run is unknown, and its id is free for a run of its own."""
        first, second = pair
        old = first.create(row(), [b"0"])
        first.release("r", old)
        assert second.delete("r", second.claim("r")) is True
        assert list(first.append([Append("r", old, 1, (b"x",))])) == [False]
        assert first.rows() == []
        epoch = second.create(row(), [b"new"])
        assert list(first.append([Append("r", old, 1, (b"x",))])) == [False]
        assert list(second.append([Append("r", epoch, 1, (b"1",))])) == [True]
        assert first.load("r")[1] == [b"new", b"1"]

    def test_the_lease_is_declared(self, tmp_path: Path) -> None:
        """An object declares the lease that it was opened with, or that it needs none."""
        for lease in (7.5, 15.0):
            opened = self.open_backend(tmp_path, lease)
            assert opened.capabilities.lease in (lease, math.inf)
            opened.close()

    def test_a_lease_that_ran_out_ends_the_ownership(self, tmp_path: Path) -> None:
        """Not before it and soon after, others see no owner and may claim; where there is no lease, never."""
        first, second = self.open_backend(tmp_path, _SHORT), self.open_backend(tmp_path, _SHORT)
        before = time.monotonic()
        old = first.create(row(), [b"0"])
        if math.isinf(first.capabilities.lease):
            with pytest.raises(RunBusy):
                claimed_within(second, "r", 3 * _SHORT)
        else:
            while second.load("r")[0].owner is not None:
                assert time.monotonic() - before < _SHORT + GRACE
                time.sleep(0.02)
            assert time.monotonic() - before >= 0.9 * _SHORT
            assert second.request_cancel("r") is False
            new = claimed_within(second, "r", AT_ONCE)
            assert new > old
            _is_fenced(first, old)
            assert second.load("r")[1] == [b"0"]
        first.close()
        second.close()

    def test_a_renewed_lease_does_not_run_out(self, tmp_path: Path) -> None:
        """Who renews in time keeps its runs for as long as it likes, the claimed ones too."""
        first, second = self.open_backend(tmp_path, _KEPT), self.open_backend(tmp_path, _KEPT)
        epochs = {"a": first.create(row("a"), [b"0"])}
        first.release("b", first.create(row("b"), [b"0"]))
        epochs["b"] = first.claim("b")
        end = time.monotonic() + 2.5 * _KEPT
        while time.monotonic() < end:
            time.sleep(_KEPT / 8)
            for run in epochs:
                with pytest.raises(RunBusy):
                    second.claim(run)
            first.renew()
        assert [first.append([Append(run, epoch, 1, (b"1",))])[0] for run, epoch in epochs.items()] == [True, True]
        first.close()
        second.close()

    def test_renewing_brings_nothing_back(self, tmp_path: Path) -> None:
        """Who lost a run does not get it back by renewing, and does not prolong it for the new owner."""
        first, second = self.open_backend(tmp_path, _SHORT), self.open_backend(tmp_path, _SHORT)
        old = first.create(row(), [b"0"])
        if math.isinf(first.capabilities.lease):
            first.release("r", old)
        new = claimed_within(second, "r", _SHORT + GRACE)
        first.renew()
        assert second.load("r")[0].epoch == new
        _is_fenced(first, old)
        second.close()
        first.renew()
        assert first.load("r")[0].owner is None
        assert first.claim("r") > new
        first.close()


def _is_fenced(backend: StateBackend, epoch: int) -> None:
    """That an object may do nothing to `r` by an epoch that it lost."""
    assert list(backend.append([Append("r", epoch, 1, (b"late",), RunStatus.FAILED)])) == [False]
    backend.release("r", epoch)
    assert backend.delete("r", epoch) is False
    assert backend.load("r")[0].status is RunStatus.RUNNING
