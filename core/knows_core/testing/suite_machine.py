"""A Hypothesis machine over the contract: any calls in any order, compared with a model after each of them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from knows_core.backend import Append, StateBackend
from knows_core.errors import KnowsError, RunExists, UnknownRun
from knows_core.errors.backend import RunBusy
from knows_core.run import RunStatus
from knows_core.testing.suite_model import Model, Place, Wish
from knows_core.testing.suite_opening import MOMENT, QUIET, Level, OpensBackends, row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RUNS: Final = st.sampled_from("ab")
_OWNERS: Final = st.integers(0, 2)
_WHOEVER: Final = st.sampled_from((None, None, None, 0, 1, 2))  # None: whoever owns the run
_BYTES: Final = st.binary(max_size=9) | st.sampled_from((b"", b"\0"))
_OFF: Final = st.sampled_from((0, 0, 0, 0, 0, 0, -1, 1))  # how far from the right epoch or sequence
_MOSTLY_OFF: Final = st.sampled_from((-1, 0, 1))  # where being right takes something away that others need
_WAYS: Final = st.sampled_from((*[None] * 9, *RunStatus))


_RECORDS: Final = st.lists(_BYTES, max_size=3)
_VERSIONS: Final = st.sampled_from((None, "2.0.0"))
_FLAGS: Final = st.sampled_from((None, None, None, True, False))
_WISH: Final = st.builds(Wish, _RUNS, _OFF, _OFF, _RECORDS, _WAYS, _VERSIONS, _FLAGS)
_WISHES: Final = st.lists(_WISH, max_size=4)


class BackendMachine(RuleBasedStateMachine):
    """Objects on one place, runs with right and wrong appends, claims and ends, and the model beside them."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._prefix = f"m{next(place.examples)}-"
        self._model: dict[str, Model] = {}
        self._seen: dict[str, tuple[int, list[bytes]]] = {}
        self._looks = 0

    def _object(self, owner: int | None, run: str = "") -> tuple[int, StateBackend]:
        if owner is None:
            owner = self._model[run].owner if run in self._model else None
        owner = (owner or 0) % self._place.owners
        return owner, self._place.object(owner)

    def _id(self, run: str) -> str:
        return self._prefix + run

    @initialize(owner=_OWNERS)
    def begin(self, owner: int) -> None:
        """There is a run from the first."""
        self.create(owner, "a", [b"0"], 0)

    @rule(owner=_OWNERS, run=_RUNS, records=st.lists(_BYTES, min_size=1, max_size=2), minute=_OWNERS)
    def create(self, owner: int, run: str, records: list[bytes], minute: int) -> None:
        """A new run is its creator's; a taken id is refused."""
        owner, backend = self._object(owner)
        new = row(self._id(run), created=MOMENT + timedelta(minutes=minute))
        if run in self._model:
            with pytest.raises(RunExists):
                backend.create(new, records)
        else:
            self._model[run] = Model(backend.create(new, records), owner, list(records), minute)

    @rule(wish=_WISH)
    def go_on(self, wish: Wish) -> None:
        """The owner goes on with its run; most of the calls in life are of this kind."""
        owned = [run for run, known in self._model.items() if known.owner is not None]
        run = wish.run if wish.run in owned or not owned else owned[0]
        self.append(None, [replace(wish, run=run, epoch_off=0)])

    @rule(owner=_OWNERS, run=_RUNS)
    def hand_over(self, owner: int, run: str) -> None:
        """The owner gives a run up, and another takes it."""
        self.release(None, run, 0)
        self.claim(owner, run)

    @rule(who=_WHOEVER, wishes=_WISHES)
    def append(self, who: int | None, wishes: list[Wish]) -> None:
        """Each of a batch is accepted or refused by itself."""
        owner, backend = self._object(who, wishes[0].run if wishes else "")
        batch: list[Append] = []
        expected: list[bool] = []
        for wish in wishes:
            known = self._model.get(wish.run)
            epoch, sequence = (known.epoch, len(known.records)) if known else (1, 0)
            at = (self._id(wish.run), epoch + wish.epoch_off, sequence + wish.sequence_off)
            batch.append(Append(*at, tuple(wish.records), wish.status, wish.version, wish.compensated))
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

    @rule(who=_WHOEVER, run=_RUNS, off=_MOSTLY_OFF)
    def release(self, who: int | None, run: str, off: int) -> None:
        """Only its owner frees a run, by the right epoch."""
        owner, backend = self._object(who, run)
        known = self._model.get(run)
        epoch = (known.epoch if known else 1) + off
        backend.release(self._id(run), epoch)
        if known is not None and known.is_owned(owner, epoch):
            known.owner = None

    @rule(who=_WHOEVER, run=_RUNS, off=_MOSTLY_OFF)
    def delete(self, who: int | None, run: str, off: int) -> None:
        """Only its owner deletes a run, by the right epoch."""
        owner, backend = self._object(who, run)
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
    @rule(owner=_OWNERS, twice=_OWNERS)
    def reopen(self, owner: int, twice: int) -> None:
        """Closing frees what the object owned; the next one of that number is another owner."""
        if owner != twice:  # rarely: nobody would own anything for long
            return
        owner %= self._place.owners
        self._place.close(owner)
        for known in self._model.values():
            known.owner = None if known.owner == owner else known.owner

    @invariant()
    def is_as_the_model(self) -> None:
        """Every object in its turn tells what the model tells; what was seen before is still there."""
        self._looks += 1
        _, backend = self._object(self._looks)
        for run in "ab":
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
            ids[one.run]: (
                one.epoch, one.owner is None, one.status, one.version, one.cancelling, one.compensated, one.created_at
            )
            for one in rows
        }  # fmt: skip
        assert told == {
            run: (
                known.epoch, known.owner is None, known.status, known.version, known.cancelling, known.compensated,
                MOMENT + timedelta(minutes=known.minute),
            )
            for run, known in self._model.items()
        }  # fmt: skip
        wanted = {self._id(run) for run, known in self._model.items() if known.cancelling}
        assert backend.cancelling([self._id(run) for run in "ab"]) == wanted

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
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=QUIET,
        )
        run_machine(lambda: self.open_backend(tmp_path), level)
