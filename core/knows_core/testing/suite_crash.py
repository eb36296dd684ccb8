"""Owners that die: what they were promised is there, nothing is torn, and their runs can be claimed."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from knows_core.backend import Append
from knows_core.errors import UnknownRun
from knows_core.testing.suite_children import PATIENCE, Child
from knows_core.testing.suite_opening import AT_ONCE, GRACE, Level, OpensBackends, claimed_within, row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from knows_core.backend import StateBackend

_LEASE: Final = 0.5  # seconds: of owners that are killed, where their death is only noticed by it
_PART: Final = 3  # records of a run in one commit: all of them or none
_WINDOW: Final = 0.05  # seconds within which a child is killed


class CrashContract(OpensBackends):
    """What outlives a process that was killed."""

    def test_journals_outlive_the_backend(self, tmp_path: Path) -> None:
        """What was written is there after closing and opening again, and a closed owner's run is free at once."""
        first = self.open_backend(tmp_path)
        epoch = first.create(row(), [b"0"])
        first.append([Append("r", epoch, 1, (b"1",), compensated=True)])
        first.close()
        second = self.open_backend(tmp_path)
        found, records = second.load("r")
        assert (found.compensated, records) == (True, [b"0", b"1"])
        assert second.claim("r") > epoch
        second.close()

    def test_a_dead_owners_run_can_be_claimed(self, tmp_path: Path) -> None:
        """At once where the backend notices a death, however long the lease; else when the lease has run out."""

        def hold(wire: Connection) -> None:
            backend = self.open_backend(tmp_path, lease)
            wire.send(backend.create(row(), [b"0"]))
            wire.recv()

        notices_death, lease = self._notices_death(tmp_path), 3 * AT_ONCE
        lease = lease if notices_death else _LEASE
        with Child(hold) as child:
            epoch = child.hear()
            child.kill()
            opened = self.open_backend(tmp_path, lease)
            assert claimed_within(opened, "r", AT_ONCE if notices_death else lease + GRACE) > epoch
            opened.close()

    def test_a_killed_owner_loses_nothing_it_was_promised(self, tmp_path: Path) -> None:
        """Killed at random moments of a loop of commits over two runs: all that was accepted is there, none is torn."""
        chance, notices_death = random.Random(0), self._notices_death(tmp_path)  # noqa: S311 - moments, no secrets
        kills = Level().kills
        lost: list[str] = []
        for number in range(kills):
            pair = (f"a{number}", f"b{number}")
            promised = self._killed_while_writing(
                tmp_path, pair, chance.uniform(0, _WINDOW), from_birth=number % 4 == 0
            )
            opened = self.open_backend(tmp_path, _LEASE)
            lost += _faults(opened, pair, promised)
            if notices_death:
                epochs = [claimed_within(opened, run, AT_ONCE) for run in pair if promised]
                assert all(epoch > 1 for epoch in epochs)
            opened.close()
        self.tell(f"{kills} kills, {len(lost)} lost or torn (0 bounds the rate below {3 / kills:.1%})")
        assert lost == []
        opened = self.open_backend(tmp_path, _LEASE)
        for one in opened.rows():  # where a death is noticed by its lease, all of them in the time of one
            assert claimed_within(opened, one.run, AT_ONCE if notices_death else _LEASE + GRACE) > one.epoch
        opened.close()

    def test_a_fork_owns_nothing(self, tmp_path: Path) -> None:
        """A child that inherits the object writes nothing in the parent's name; it is an owner like any other."""
        backend = self.open_backend(tmp_path)
        epoch = backend.create(row(), [b"0"])

        def inherit(wire: Connection) -> None:
            answers = backend.append([Append("r", epoch, 1, (b"child",))])
            backend.release("r", epoch)
            backend.renew()
            wire.send((list(answers), backend.delete("r", epoch)))
            own = backend.create(row("own"), [b"0"])
            wire.send(list(backend.append([Append("own", own, 1, (b"1",))])))
            backend.close()
            wire.send("closed")

        with Child(inherit) as child:
            assert child.hear() == ([False], False)
            assert list(backend.append([Append("r", epoch, 1, (b"parent",))])) == [True]
            assert child.hear() == [True]
            assert child.hear() == "closed"
        assert list(backend.append([Append("r", epoch, 2, (b"parent",))])) == [True]
        assert backend.load("r")[1] == [b"0", b"parent", b"parent"]
        assert backend.load("own")[1] == [b"0", b"1"]
        assert backend.claim("own") > 1
        backend.close()

    def test_a_fork_does_not_keep_the_dead_alive(self, tmp_path: Path) -> None:
        """An owner's child that outlives it does not hold its runs."""
        lease = _LEASE

        def hold(wire: Connection) -> None:
            backend = self.open_backend(tmp_path, lease)
            epoch = backend.create(row(), [b"0"])
            with Child(lambda _: wire.recv()):
                wire.send(epoch)
                time.sleep(PATIENCE)

        with Child(hold) as child:
            epoch = child.hear()
            child.kill()
            opened = self.open_backend(tmp_path, lease)
            assert claimed_within(opened, "r", lease + GRACE) > epoch
            opened.close()
            child.say("the child of the dead one may end")

    def _notices_death(self, place: Path) -> bool:
        opened = self.open_backend(place)
        notices_death = opened.capabilities.notices_death
        opened.close()
        return notices_death

    def _killed_while_writing(self, place: Path, pair: tuple[str, str], delay: float, *, from_birth: bool) -> int:
        """Kill a child that writes to two runs; how often it was answered, creating both counted as one."""

        def write(wire: Connection) -> None:
            backend = self.open_backend(place, _LEASE)
            epochs = [backend.create(row(run), [b"0"]) for run in pair]
            wire.send(True)
            for first in range(1, 1000 * _PART, _PART):
                records = tuple(b"%d" % at for at in range(first, first + _PART))
                batch = [Append(run, epoch, first, records) for run, epoch in zip(pair, epochs, strict=True)]
                wire.send(all(backend.append(batch)))

        with Child(write) as child:
            if not from_birth:
                assert child.hear() is True
            time.sleep(delay)
            answers = child.kill()
        assert all(answers), "a commit was refused to the only owner"
        return len(answers) + (not from_birth)


def _faults(backend: StateBackend, pair: tuple[str, str], promised: int) -> list[str]:
    """What is lost or torn of two runs that were promised to have been created and appended to so often."""
    found, before = [_records(backend, run) for run in pair], None
    while found != before:  # a server may still be at what the dead one asked last, between one load and the next
        found, before = [_records(backend, run) for run in pair], found
    faults = [f"{run} has {records}" for run, records in zip(pair, found, strict=True) if not _is_whole(records)]
    commits = [(len(records) + _PART - 1) // _PART for records in found]
    if not all(promised <= count <= promised + 1 for count in commits):
        faults.append(f"{pair}: {promised} commits were promised, {commits} are there")
    if promised and commits[0] != commits[1]:
        faults.append(f"{pair}: a commit over both is in one, {commits}")
    return faults


def _records(backend: StateBackend, run: str) -> list[bytes]:
    """The records of a run; none of one that there is not."""
    try:
        return backend.load(run)[1]
    except UnknownRun:
        return []


def _is_whole(records: list[bytes]) -> bool:
    return records == [b"%d" % at for at in range(len(records))] and (not records or len(records) % _PART == 1)
