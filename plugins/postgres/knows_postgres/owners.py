"""Who is alive: every owner holds a lock of the server on a connection of its own, and a lease by the server's clock.

The lock goes with the connection, and that with the process, whatever ends it: a free lock means a dead owner, at once.
The lease ends an owner whose connection hangs on.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import threading
import time
import uuid
from typing import TYPE_CHECKING

import psycopg

from knows_postgres import failures, statements
from knows_postgres.connections import Patience

if TYPE_CHECKING:
    from knows_postgres.connections import Connections, Session
    from knows_postgres.statements import Statements


class Owner:
    """This backend's proof of life. Nothing is shown before it is needed first."""

    def __init__(self, connections: Connections, texts: Statements, lease: float, patience: float) -> None:
        self.name = f"process {os.getpid()} on {platform.node()} ({uuid.uuid4().hex[:12]})"
        self._connections, self._texts, self._lease, self._patience = connections, texts, lease, patience
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._key = 0
        self._renewed = -lease  # by the clock of this process, only to tell when to ask the server again

    def hold(self) -> None:
        """Be alive, before something is taken: with the lock held, and a lease that has just begun."""
        session = self._session
        if session is None or time.monotonic() - self._renewed > self._lease / 3 or session.was_told_something():
            self._prove()

    def check(self) -> None:
        """Take the lock anew if it was lost meanwhile. Costs a look at the socket."""
        session = self._session
        if session is not None and session.was_told_something():
            self._prove()

    def renew(self) -> None:
        """Prolong the lease, if there is one."""
        if self._session is not None:
            self._prove()

    def _prove(self) -> None:
        patience = Patience(self._patience)
        with self._lock:
            while True:
                if self._connections.is_closed:
                    raise failures.closed(self._connections.address)
                try:
                    self._renew_or_register()
                except psycopg.Error as error:
                    session = self._session
                    is_lost = session is None or failures.is_lost(error, session)
                    self._drop()
                    if not is_lost:
                        raise failures.translated(error, self._connections.address) from error
                    if failures.is_final(error) or patience.is_over():
                        raise failures.given_up(error, self._connections.address, patience.seconds) from error
                else:
                    return

    def _renew_or_register(self) -> None:
        asked = time.monotonic()
        if self._session is None or not self._is_renewed(self._session):
            self._session = self._session or self._connections.connect()
            # A new key each time: the server may not have noticed yet that the connection with the old lock is gone.
            self._key = secrets.randbits(63)
            self._session.execute("select pg_advisory_lock(%s)", (self._key,))
            self._session.execute(self._texts[statements.REGISTER], self._values())
        self._renewed = asked

    def _is_renewed(self, session: Session) -> bool:
        return session.execute(self._texts[statements.RENEW], self._values()).rowcount == 1

    def _values(self) -> dict[str, object]:
        return {"name": self.name, "key": self._key, "lease": self._lease}

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def close(self) -> None:
        """End the proof: whatever this owner still owned may be taken over."""
        with self._lock:
            if self._session is not None:
                # The lock goes with the connection in any case; the row is only tidied up.
                with contextlib.suppress(psycopg.Error):
                    self._session.execute(self._texts[statements.DEREGISTER], (self.name,))
                self._drop()

    def forget(self) -> Session | None:
        """Leave the connection to the parent process, after a fork."""
        return self._session
