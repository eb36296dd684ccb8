"""A small backend of the sharing kind, plain enough to be broken on purpose: journals in one file, leases only.

Each call that writes does so alone, on a copy that then takes the place of the file. It is slow, and never in between.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from knows_core import RunExists, RunRow, UnknownRun
from knows_core.backend import Capabilities


@dataclass
class Kept:
    """A run in the file: `holder` owns it until the time `until`."""

    row: RunRow
    records: list[bytes]
    holder: str | None
    until: float

    def holder_is_alive(self):
        return self.holder is not None and time.time() < self.until

    def shown(self):
        return replace(self.row, owner=self.holder if self.holder_is_alive() else None)


class FileBackend:
    """Journals in one file of a folder."""

    def __init__(self, place, lease=15.0):
        self.capabilities = Capabilities(durable=True, shared=True, notices_death=False, lease=lease)
        self._file = place / "journals"
        self._name = uuid.uuid4().hex[:8]

    @property
    def me(self):
        """The name of this owner: of a fork it is another."""
        return f"{self._name} of process {os.getpid()}"

    def look(self):
        """The runs as they are."""
        return pickle.loads(self._file.read_bytes()) if self._file.exists() else {}  # noqa: S301 - our own file

    @contextlib.contextmanager
    def change(self, *, creates=False):
        """The runs, to be changed alone; stored at the end."""
        if not creates and not self._file.exists():
            yield {}
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_name("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            runs = self.look()
            yield runs
            self.store(runs)

    def store(self, runs):
        """Put the runs in the place of those before: all or nothing."""
        fresh = self._file.with_name("fresh")
        fresh.write_bytes(pickle.dumps(runs))
        fresh.replace(self._file)

    def known(self, runs, run):
        if run not in runs:
            raise UnknownRun(run=run, where=self._file)
        return runs[run]

    def owns(self, kept, epoch):
        """Whether this object may write to a run by an epoch."""
        return kept is not None and kept.row.epoch == epoch and kept.holder == self.me

    def is_free(self, kept):
        """Whether anybody may claim a run."""
        return not kept.holder_is_alive()

    def until(self):
        return time.time() + self.capabilities.lease

    def create(self, row, records):
        with self.change(creates=True) as runs:
            if row.run in runs:
                raise RunExists(run=row.run)
            runs[row.run] = Kept(row, list(records), self.me, self.until())
            return row.epoch

    def append(self, batch):
        with self.change() as runs:
            return [self.take(runs, one) for one in batch]

    def take(self, runs, one):
        """Append to one run; whether it was accepted."""
        kept = runs.get(one.run)
        if not self.owns(kept, one.epoch) or not self.is_next(kept, one):
            return False
        kept.records += one.records
        self.note(kept, one)
        return True

    def is_next(self, kept, one):
        return one.sequence == len(kept.records)

    def note(self, kept, one):
        """Store what comes with the records."""
        kept.row = replace(kept.row, version=one.version or kept.row.version)
        if one.compensated is not None:
            kept.row = replace(kept.row, compensated=one.compensated)
        if one.status is not None:
            kept.row = replace(kept.row, status=one.status, updated_at=datetime.now(UTC))
            if one.status.is_over:
                self.settle(kept)

    def settle(self, kept):
        """What the end of a run brings."""
        kept.holder = None
        kept.row = replace(kept.row, cancelling=False)

    def load(self, run):
        kept = self.known(self.look(), run)
        return kept.shown(), kept.records

    def claim(self, run):
        with self.change() as runs:
            kept = self.known(runs, run)
            if not self.is_free(kept):
                raise self.refusal(kept)
            return self.give(kept)

    def refusal(self, kept):
        return kept.shown().busy(datetime.now(UTC))

    def give(self, kept):
        """Make this object the owner; the new epoch."""
        kept.row = replace(kept.row, epoch=kept.row.epoch + 1, updated_at=datetime.now(UTC))
        kept.holder, kept.until = self.me, self.until()
        return kept.row.epoch

    def renew(self):
        with self.change() as runs:
            for kept in runs.values():
                if kept.holder == self.me:
                    kept.until = self.until()

    def release(self, run, epoch):
        with self.change() as runs:
            kept = runs.get(run)
            if self.owns(kept, epoch):
                kept.holder = None

    def request_cancel(self, run):
        with self.change() as runs:
            kept = self.known(runs, run)
            is_alive = not self.is_free(kept)
            kept.row = replace(kept.row, cancelling=kept.row.cancelling or is_alive)
            return is_alive

    def cancelling(self, runs):
        kept = self.look()
        return {run for run in runs if run in kept and kept[run].row.cancelling}

    def delete(self, run, epoch):
        with self.change() as runs:
            is_mine = self.owns(runs.get(run), epoch)
            if is_mine:
                del runs[run]
            return is_mine

    def rows(self, status=None):
        found = [kept.shown() for kept in self.look().values() if status in (None, kept.row.status)]
        return sorted(found, key=lambda row: row.created_at, reverse=True)

    def close(self):
        with self.change() as runs:
            for kept in runs.values():
                if kept.holder == self.me:
                    kept.holder = None
