"""Backends that are broken on purpose. The crash tests must notice each, or they would notice nothing.

Each breaks one promise of the port and keeps the others, so that it is seen which test looks at which promise.
"""

from __future__ import annotations

import contextlib
import sqlite3

from knows_sqlite import SQLiteBackend


class LateBackend(SQLiteBackend):
    """Answers an append before it is written, with the one after: durability is broken."""

    held = ()

    def append(self, batch):
        held, self.held = self.held, tuple(batch)
        return super().append(held) if held else [True] * len(batch)


class GenerousBackend(SQLiteBackend):
    """Takes every owner for dead, and a run from everybody: ownership is broken, the fence is not."""

    def claim(self, run):
        if self._place.is_there():
            vars(self._place.owner)["is_alive"] = lambda name: False
        return super().claim(run)


class UnfencedBackend(SQLiteBackend):
    """Writes what is refused all the same: the fence against a former owner is broken, ownership is not."""

    def append(self, batch):
        return [super(UnfencedBackend, self).append([one])[0] or self._forced(one) for one in batch]

    def _forced(self, one):
        # Past the backend, as any program could that writes into the file beside it.
        with contextlib.closing(sqlite3.connect(self._place.path, isolation_level=None)) as connection:
            for data in one.records:
                after = "select ?, max(sequence) + 1, ? from record where run = ?"
                connection.execute(f"insert into record (run, sequence, data) {after}", (one.run, data, one.run))
        return True
