"""A Hypothesis machine over the contract: any calls in any order, compared with a model after each of them."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from knows_core.backend import Append, StateBackend
from knows_core.errors import KnowsError, RunExists, UnknownRun
from knows_core.errors_backend import RunBusy
from knows_core.run import RunStatus
from knows_core.testing.suite_opening import MOMENT, QUIET, Level, OpensBackends, row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RUNS: Final = st.sampled_from("abc")
_OWNERS: Final = st.integers(0, 2)
_OFF: Final = st.sampled_from((0, 0, 0, 0, 0, -1, 1))  # how far from the right epoch or sequence
_WAYS: Final = st.sampled_from((None, None, None, *RunStatus))


@dataclass(slots=True)
class Wish:
    """An append that is to be tried: how far from right it is, and what it brings."""

    run: str
    epoch_off: int
    sequence_off: int
    records: list[bytes]
    status: RunStatus | None
    version: str | None


_RECORDS: Final = st.lists(st.binary(max_size=9), max_size=3)
_VERSIONS: Final = st.sampled_from((None, "2.0.0"))
_WISHES: Final = st.lists(st.builds(Wish, _RUNS, _OFF, _OFF, _RECORDS, _WAYS, _VERSIONS), max_size=4)


@dataclass(slots=True)
class Model:
    """What a run must be. `owner` is the number of the object that holds it."""

    epoch: int
    owner: int | None
    records: list[bytes]
    minute: int
    status: RunStatus = RunStatus.RUNNING
    version: str = "1.2.3"
    cancelling: bool = False

    def is_owned(self, owner: int, epoch: int) -> bool:
        """Whether that object holds the run by that epoch."""
        return (self.owner, self.epoch) == (owner, epoch)

    def take(self, owner: int, one: Append) -> bool:
        """Append as the port says; whether it is accepted."""
        if not self.is_owned(owner, one.epoch) or one.sequence != len(self.records):
            return False
        self.records += one.records
        self.version = one.version or self.version
        self.status = one.status or self.status
        if one.status is not None and one.status.is_over:
            self.owner, self.cancelling = None, False
        return True


@dataclass(slots=True)
class Place:
    """One place with the objects that are open on it, kept over all examples: each has runs of its own names."""

    open_object: Callable[[], StateBackend]
    owners: int
    reopens: bool
    opened: dict[int, StateBackend] = field(default_factory=dict[int, StateBackend])
    examples: itertools.count[int] = field(default_factory=itertools.count)

    def object(self, owner: int) -> StateBackend:
        """The object of that number, opened when it is first needed."""
        if owner not in self.opened:
            self.opened[owner] = self.open_object()
        return self.opened[owner]

    def close(self, owner: int) -> None:
        """Close the object of that number; the next use opens another."""
        if owner in self.opened:
            self.opened.pop(owner).close()


class BackendMachine(RuleBasedStateMachine):
    """Objects on one place, runs with right and wrong appends, claims and ends, and the model beside them."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._prefix = f"m{next(place.examples)}-"
        self._model: dict[str, Model] = {}
        self._seen: dict[str, tuple[int, list[bytes]]] = {}
        self._looks = 0

    def _object(self, owner: int) -> tuple[int, StateBackend]:
        owner %= self._place.owners
        return owner, self._place.object(owner)

    def _id(self, run: str) -> str:
        return self._prefix + run

    @rule(owner=_OWNERS, run=_RUNS, records=st.lists(st.binary(max_size=9), min_size=1, max_size=2), minute=_OWNERS)
    def create(self, owner: int, run: str, records: list[bytes], minute: int) -> None:
        """A new run is its creator's; a taken id is refused."""
        owner, backend = self._object(owner)
        new = row(self._id(run), created=MOMENT + timedelta(minutes=minute))
        if run in self._model:
            with pytest.raises(RunExists):
                backend.create(new, records)
        else:
            self._model[run] = Model(backend.create(new, records), owner, list(records), minute)

    @rule(owner=_OWNERS, wishes=_WISHES)
    def append(self, owner: int, wishes: list[Wish]) -> None:
        """Each of a batch is accepted or refused by itself."""
        owner, backend = self._object(owner)
        batch: list[Append] = []
        expected: list[bool] = []
        for wish in wishes:
            known = self._model.get(wish.run)
            epoch, sequence = (known.epoch, len(known.records)) if known else (1, 0)
            right = (epoch + wish.epoch_off, sequence + wish.sequence_off)
            batch.append(Append(self._id(wish.run), *right, tuple(wish.records), wish.status, wish.version))
            expected.append(known is not None and known.take(owner, batch[-1]))
        assert list(backend.append(batch)) == expected

    @rule(owner=_OWNERS, run=_RUNS)
    def claim(self, owner: int, run: str) -> None:
        """Only a free run is given, with a greater epoch."""
        owner, backend = self._object(owner)
        known = self._model.get(run)
        if known is None or known.owner is not None:
            with pytest.raises(UnknownRun if known is None else RunBusy):
                backend.claim(self._id(run))
            return
        epoch = backend.claim(self._id(run))
        assert epoch > known.epoch
        known.epoch, known.owner = epoch, owner

    @rule(owner=_OWNERS, run=_RUNS, off=_OFF)
    def release(self, owner: int, run: str, off: int) -> None:
        """Only its owner frees a run, by the right epoch."""
        owner, backend = self._object(owner)
        known = self._model.get(run)
        epoch = (known.epoch if known else 1) + off
        backend.release(self._id(run), epoch)
        if known is not None and known.is_owned(owner, epoch):
            known.owner = None

    @rule(owner=_OWNERS, run=_RUNS, off=_OFF)
    def delete(self, owner: int, run: str, off: int) -> None:
        """Only its owner deletes a run, by the right epoch."""
        owner, backend = self._object(owner)
        known = self._model.get(run)
        epoch = (known.epoch if known else 1) + off
        is_owned = known is not None and known.is_owned(owner, epoch)
        assert backend.delete(self._id(run), epoch) is is_owned
        if is_owned:
            del self._model[run]
            self._seen.pop(run, None)

    @rule(owner=_OWNERS, run=_RUNS)
    def request_cancel(self, owner: int, run: str) -> None:
        """Whoever owns the run is asked, by anybody."""
        _, backend = self._object(owner)
        known = self._model.get(run)
        if known is None:
            with pytest.raises(UnknownRun):
                backend.request_cancel(self._id(run))
            return
        assert backend.request_cancel(self._id(run)) is (known.owner is not None)
        known.cancelling |= known.owner is not None

    @rule(owner=_OWNERS)
    def renew(self, owner: int) -> None:
        """Renewing changes nothing that can be seen."""
        self._object(owner)[1].renew()

    @precondition(lambda self: self._place.reopens)
    @rule(owner=_OWNERS)
    def reopen(self, owner: int) -> None:
        """Closing frees what the object owned; the next one of that number is another owner."""
        owner %= self._place.owners
        self._place.close(owner)
        for known in self._model.values():
            known.owner = None if known.owner == owner else known.owner

    @invariant()
    def is_as_the_model(self) -> None:
        """Every object in its turn tells what the model tells; what was seen before is still there."""
        self._looks += 1
        _, backend = self._object(self._looks)
        for run in "abc":
            if run not in self._model:
                with pytest.raises(UnknownRun):
                    backend.load(self._id(run))
                continue
            found, records = backend.load(self._id(run))
            assert records == self._model[run].records
            epoch, before = self._seen.get(run, (0, []))
            assert found.epoch >= epoch, "an epoch went back"
            assert records[: len(before)] == before, "the history changed"
            self._seen[run] = (found.epoch, records)
        ids = {self._id(run): run for run in self._model}
        rows = [one for one in backend.rows() if one.run in ids]
        assert [one.created_at for one in rows] == sorted((one.created_at for one in rows), reverse=True)
        told = {
            ids[one.run]: (one.epoch, one.owner is None, one.status, one.version, one.cancelling, one.created_at)
            for one in rows
        }
        assert told == {
            run: (
                known.epoch, known.owner is None, known.status, known.version, known.cancelling,
                MOMENT + timedelta(minutes=known.minute),
            )
            for run, known in self._model.items()
        }  # fmt: skip
        wanted = {self._id(run) for run, known in self._model.items() if known.cancelling}
        assert backend.cancelling([self._id(run) for run in "abc"]) == wanted

    def teardown(self) -> None:
        """Delete what the example made, so that the next one's lists are short."""
        # Tidying is no part of the proof: what an example has found must not be hidden by it.
        with contextlib.suppress(KnowsError):
            for run, known in self._model.items():
                backend = self._place.object(known.owner or 0)
                epoch = known.epoch if known.owner is not None else backend.claim(self._id(run))
                backend.delete(self._id(run), epoch)


def run_machine(open_object: Callable[[], StateBackend], level: settings) -> None:
    """Run the machine over objects on one place, as many as the capabilities allow. Raises what it finds."""
    first = open_object()
    able = first.capabilities
    place = Place(open_object, 3 if able.shared else 1, able.durable, {0: first})

    class Here(BackendMachine):
        def __init__(self) -> None:
            super().__init__(place)

    try:
        run_state_machine_as_test(Here, settings=level)
    finally:
        for owner in range(place.owners):
            place.close(owner)


class MachineContract(OpensBackends):
    """That no order of calls leads away from the model."""

    def test_any_calls_in_any_order_follow_the_model(self, tmp_path: Path) -> None:
        """For all sequences of calls by all owners: answers, rows and records are those of the model."""
        level = settings(
            max_examples=Level().examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=QUIET,
        )
        run_machine(lambda: self.open_backend(tmp_path), level)
