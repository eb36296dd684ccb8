"""The state backend on PostgreSQL: one durable statement per append, which checks owner, epoch and sequence itself."""

from __future__ import annotations

import logging
import math
import os
import threading
import uuid
import weakref
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from knows_core import BackendError, Capabilities, RecordCorrupt, RunExists, RunRow, RunStatus, UnknownRun
from knows_postgres import appending, failures, schema, statements
from knows_postgres.address import HINT, check_schema, read_address, split_options
from knows_postgres.connections import Connections, let_go
from knows_postgres.owners import Owner
from knows_postgres.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from knows_core import Append
    from knows_postgres.connections import Session

_CLAIMS = 5  # looks at a run that changes hands meanwhile


class PostgresBackend:
    """Journals in a schema of their own on a PostgreSQL server, for many threads, processes and hosts.

    `url` is libpq's. `lease` in seconds. `size` bounds the connections for statements; one more proves that this owner
    is alive. `patience`: seconds that a call goes on trying when the server goes away. `answer`: seconds that one
    statement may take.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = 15.0,
        schema: str = "knows",
        size: int = 8,
        patience: float = 30.0,
        answer: float = 30.0,
    ) -> None:
        check_schema(schema)
        if not 0 < lease < math.inf:
            raise BackendError(backend="postgresql://…", reason=f"a lease of {lease} s is none", hint="Give seconds.")
        self.capabilities = Capabilities(durable=True, shared=True, notices_death=True, lease=lease)
        self._address = read_address(url, schema)
        self._schema, self._texts = schema, Statements(schema)
        self._connections = Connections(self._address, size, patience, answer)
        self._patience = patience
        self._owner = self._new_owner()
        self._is_ready = False
        self._lock = threading.Lock()
        self._left: list[object] = []  # to the parent process; kept, so that no destructor runs in the child
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def __repr__(self) -> str:
        return f"PostgresBackend({self._address.shown!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open `postgresql://user:password@host/database?knows_schema=…&knows_lease=…`, both of ours optional.

        Raises BackendError where it cannot be read.
        """
        plain, options = split_options(url)
        try:
            lease = float(options.pop("lease", 15.0))
        except ValueError:
            raise BackendError(backend="postgresql://…", reason="knows_lease is no number", hint=HINT) from None
        return cls(plain, lease=lease, **options)  # type: ignore[arg-type] # of the options, only the lease is a number

    def create(self, row: RunRow, records: Sequence[bytes]) -> int:
        """Store a new run with its first records."""
        if not self._is_there():
            self._connections.run(lambda session, _: schema.create(session, self._schema, self._address))
            self._is_ready = True
        values = {name: getattr(row, name) for name in RunRow.__slots__} | {
            "status": str(row.status),
            "owner": self._owner.name,
            "length": len(records),
            "records": list(records),
            "ticket": uuid.uuid4(),
        }

        def work(session: Session, again: bool) -> bool:
            if session.execute(self._texts[statements.CREATE], values).rowcount:
                return True
            mine = session.execute(self._texts[statements.MADE], (row.run, values["ticket"])) if again else None
            return mine is not None and mine.rowcount == 1

        if not self._connections.run(work, first=self._owner.hold):
            raise RunExists(run=row.run)
        return row.epoch

    def append(self, batch: Sequence[Append]) -> Sequence[bool]:
        """Add records to many runs in one commit."""
        if not batch or not self._is_there():
            return [False] * len(batch)

        def work(session: Session, again: bool) -> list[bool]:
            return appending.append(session, self._texts, self._owner.name, batch, again=again)

        # The owner each time: what cut a connection may well have cut that of the owner.
        return self._connections.run(work, first=self._owner.check)

    def load(self, run: str) -> tuple[RunRow, list[bytes]]:
        """Return a run and its records."""
        self._check_there(run)

        def work(session: Session, _: bool) -> tuple[Any, ...] | None:
            # In binary, since PostgreSQL writes every byte of a record as two digits otherwise.
            with session.cursor(binary=True) as cursor:
                return cursor.execute(self._texts[statements.LOAD], (run,)).fetchone()

        found = self._connections.run(work)
        if found is None:
            raise self._unknown(run)
        return _row_of(found[:-1]), found[-1]

    def claim(self, run: str) -> int:
        """Take the ownership of a run that nobody alive owns."""
        self._check_there(run)
        values = {"run": run, "owner": self._owner.name, "ticket": uuid.uuid4()}

        def work(session: Session, again: bool) -> int | tuple[Any, ...] | None:
            taken = session.execute(self._texts[statements.CLAIM], values).fetchone()
            if taken is None and again:
                taken = session.execute(self._texts[statements.CLAIMED], (run, values["ticket"])).fetchone()
            if taken is not None:
                return int(taken[0])
            return session.execute(self._texts[statements.BUSY], (run,)).fetchone()

        looks = 0
        while True:
            found = self._connections.run(work, first=self._owner.hold)
            if isinstance(found, int):
                return found
            if found is None:
                raise self._unknown(run)
            row, looks = _row_of(found[:-2]), looks + 1
            holder, now = found[-2:]
            if row.owner is not None:
                raise row.busy(now)
            # Free when it was looked at, but not when it was to be taken: somebody takes or ends it at this moment.
            if looks == _CLAIMS:
                raise replace(row, owner=holder or "somebody who is just taking it").busy(now)

    def renew(self) -> None:
        """Prolong the lease."""
        self._check_open()
        self._owner.renew()

    def release(self, run: str, epoch: int) -> None:
        """Give the ownership up."""
        if self._is_there():
            self._change(statements.RELEASE, (run, epoch, self._owner.name))

    def request_cancel(self, run: str) -> bool:
        """Ask the owner of a run to stop."""
        self._check_there(run)
        if self._change(statements.CANCEL, (run,)):
            return True
        self.load(run)  # raises UnknownRun
        return False

    def cancelling(self, runs: Collection[str]) -> set[str]:
        """Those of the runs that somebody asked to stop."""
        if not runs or not self._is_there():
            return set()
        return {run for (run,) in self._fetch(statements.CANCELLING, (list(runs),))}

    def delete(self, run: str, epoch: int) -> bool:
        """Delete a run with all its records."""
        if not self._is_there():
            return False
        owner = self._owner.name

        def work(session: Session, again: bool) -> bool:
            with session.transaction():
                if session.execute(self._texts[statements.DELETE], (run, epoch, owner)).rowcount:
                    # A statement of its own sees what an append put in while the first one waited for it.
                    session.execute(self._texts[statements.DELETE_RECORDS], (run,))
                    return True
                return again and session.execute(self._texts[statements.BUSY], (run,)).rowcount == 0

        return self._connections.run(work)

    def rows(self, status: RunStatus | None = None) -> list[RunRow]:
        """List the runs, newest first."""
        if not self._is_there():
            return []
        readable: list[RunRow] = []
        for columns in self._fetch(statements.ROWS, {"status": status and str(status)}):
            try:
                readable.append(_row_of(columns))
            except RecordCorrupt as error:  # one damaged row must not hide the others
                logging.getLogger("knows_postgres").warning("%s", error)
        return readable

    def close(self) -> None:
        """End all connections; whatever this backend still owned may be claimed by others."""
        with self._lock:
            if not self._connections.is_closed:
                self._connections.is_closed = True  # first, so that whoever is trying to reach the server gives up
                self._owner.close()
                self._connections.close()

    def _new_owner(self) -> Owner:
        return Owner(self._connections, self._texts, self.capabilities.lease, self._patience)

    def _change(self, text: statements.Text, values: tuple[object, ...]) -> int:
        return self._connections.run(lambda session, _: session.execute(self._texts[text], values).rowcount)

    def _fetch(self, text: statements.Text, values: Any) -> list[tuple[Any, ...]]:
        return self._connections.run(lambda session, _: session.execute(self._texts[text], values).fetchall())

    def _is_there(self) -> bool:
        """Whether there are journals to look at. Looking makes nothing: the tables come with the first run."""
        if not self._is_ready:
            look: Callable[[Session, bool], bool] = lambda session, _: schema.is_ready(  # noqa: E731
                session, self._schema, self._address
            )
            self._is_ready = self._connections.run(look)
        return self._is_ready

    def _check_there(self, run: str) -> None:
        if not self._is_there():
            raise self._unknown(run)

    def _check_open(self) -> None:
        if self._connections.is_closed:
            raise failures.closed(self._address)

    def _unknown(self, run: str) -> UnknownRun:
        return UnknownRun(run=run, where=self._address.shown)

    def _forget(self) -> None:
        """Begin as another owner, in a child process just forked."""
        proof = self._owner.forget()
        if proof is not None:
            let_go(proof)
        self._left += [proof, self._connections.forget()]
        self._owner, self._lock = self._new_owner(), threading.Lock()


def _row_of(columns: Sequence[Any]) -> RunRow:
    run, template, version, status, created, updated, *more = columns
    try:
        times: list[datetime] = [moment.astimezone(UTC) for moment in (created, updated)]
        return RunRow(run, template, version, RunStatus(status), times[0], times[1], *more)
    except (AttributeError, TypeError, ValueError) as error:
        raise RecordCorrupt(run=run, sequence="of the run itself", reason=str(error)) from error
