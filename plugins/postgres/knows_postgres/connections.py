"""The way to the server: a bounded pool, answers within a time, and another try where a connection was lost."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg.waiting import Ready
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from knows_core import BackendError
from knows_postgres import failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg.abc import PQGen

    from knows_postgres.address import Address

T = TypeVar("T")
OLDEST: Final = 13_00_00  # as libpq writes PostgreSQL 13.0
_CONFLICTS: Final = 10  # how often a transaction gives way before somebody is told
_GRACE: Final = 5.0  # s that the server is given to end a statement by itself, before the connection is given up
# A server that is set to less than `on` would forget commits; one that is set to more keeps it.
_SESSION: Final = """
    select set_config('statement_timeout', %s, false),
        set_config('default_transaction_isolation', 'read committed', false),
        set_config('synchronous_commit', case current_setting('synchronous_commit')
            when 'remote_apply' then 'remote_apply' else 'on' end, false)"""

# The driver warns of every connection it finds closed. What matters is told by our errors; unasked, nothing is printed.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for answers for a bounded time, and that a forked child leaves alone."""

    silence = 60.0  # s without an answer after which the server or the way to it counts as gone
    process = 0

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        """Connect, or let the option `by` do it: the pool's own way is to pause for seconds after the first failure."""
        by: Callable[[], Self] | None = options.pop("by", None)
        return super().connect(conninfo, **options) if by is None else by()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the answer. Raises OperationalError when none comes: a stopped server ends no statement itself."""
        return super().wait(_bounded(gen, self.silence if timeout is None else timeout), interval)

    def was_told_something(self) -> bool:
        """Whether the server said something unasked, most likely its good-bye. Costs a look at the socket."""
        try:
            poll = select.poll()
            poll.register(self.fileno(), select.POLLIN)
            return bool(poll.poll(0))
        except (psycopg.Error, OSError, ValueError):  # closed
            return True

    def __del__(self, *rest: Any) -> None:
        if self.process == os.getpid():
            super().__del__(*rest)


def _bounded(work: PQGen[T], seconds: float) -> PQGen[T]:
    end = time.monotonic() + seconds
    try:
        wish = next(work)
        while True:
            ready = yield wish
            if ready == Ready.NONE and time.monotonic() > end:
                raise psycopg.OperationalError(f"no answer for {seconds:g} s")
            wish = work.send(ready)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


class Patience:
    """How long one call goes on trying, and how it pauses meanwhile: longer and longer, never in step with others."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._pause = 0.0  # the first try again is at once: most often only an old connection was lost

    @property
    def left(self) -> float:
        """Seconds, never below a moment in which a ready connection can be had."""
        return max(0.05, self._end - time.monotonic())

    @property
    def is_spent(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() >= self._end

    def is_over(self) -> bool:
        """Pause, and say whether it was in vain."""
        if self.is_spent:
            return True
        time.sleep(self._pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        self._pause = min(0.5, 2 * self._pause or 0.01)
        return False


class Connections:
    """Connections to one server, for many threads of one process. Opens the first one when it is needed."""

    def __init__(self, address: Address, size: int, patience: float, answer: float) -> None:
        self.address = address
        self.is_closed = False
        self._size, self._patience, self._answer = size, patience, answer
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Session] | None = None
        self._spare: Session | None = None  # the first connection, until somebody needs one of his own

    def run(self, work: Callable[[Session, bool], T], *, first: Callable[[], None] = lambda: None) -> T:
        """Do the work on a connection, and again on another one where that is lost or has to give way.

        `work` is told whether an earlier try may have been carried out; `first` is done before each try. Raises what
        `failures` makes of the rest.
        """
        patience, conflicts, again = Patience(self._patience), 0, False
        while True:
            pool = self._reached()
            first()
            session = self._taken(pool, patience)
            try:
                return work(session, again)
            except psycopg.Error as error:
                if failures.is_lost(error, session):
                    again = True
                    session.close()
                    if patience.is_over():
                        raise failures.given_up(error, self.address, patience.seconds) from error
                elif failures.gives_way(error) and conflicts < _CONFLICTS:
                    conflicts += 1
                    time.sleep(random.uniform(0, 0.005 * 2**conflicts))  # noqa: S311 - no secret
                else:
                    raise failures.translated(error, self.address) from error
            except UnicodeError as error:  # text that no database keeps, such as half a surrogate pair
                raise failures.translated(error, self.address) from error
            finally:
                pool.putconn(session)

    def connect(self) -> Session:
        """A connection of one's own. Raises psycopg.Error."""
        with self._lock:
            spare, self._spare = self._spare, None
        return spare if spare is not None and not spare.closed else self._connect()

    def _connect(self) -> Session:
        session = Session.connect(self.address.conninfo, autocommit=True)
        try:
            self._prepare(session)
        except BaseException:
            session.close()
            raise
        return session

    def _prepare(self, session: Session) -> None:
        session.process, session.silence = os.getpid(), self._answer + _GRACE
        session.execute(_SESSION, (f"{self._answer * 1000:.0f}",))

    def _connect_patiently(self) -> Session:
        patience = Patience(self._patience)
        while True:
            try:
                return self._connect()
            except psycopg.Error as error:
                if self.is_closed or failures.is_final(error) or patience.is_over():
                    raise

    def _taken(self, pool: ConnectionPool[Session], patience: Patience) -> Session:
        """A connection that looks alive: one that was ended while nobody used it is no reason to pause."""
        while True:
            try:
                session = pool.getconn(patience.left)
            except PoolClosed:
                raise failures.closed(self.address) from None
            except PoolTimeout as timeout:
                self._explain()
                raise failures.exhausted(self.address, self._size, patience.seconds) from timeout
            if not session.was_told_something():
                return session
            session.close()
            pool.putconn(session)
            if patience.is_spent:
                error = psycopg.OperationalError("connections end as soon as they are made")
                raise failures.given_up(error, self.address, patience.seconds)

    def _explain(self) -> None:
        """Raise why no connection can be had; return where one can, so that all of the pool's are in use."""
        try:
            self._connect().close()
        except psycopg.Error as error:
            raise failures.given_up(error, self.address, self._patience) from error

    def _reached(self) -> ConnectionPool[Session]:
        if self.is_closed:
            raise failures.closed(self.address)
        if self._pool is not None:
            return self._pool
        with self._lock:
            if self._pool is None:
                self._spare = self._first()
                self._pool = ConnectionPool(
                    self.address.conninfo,
                    connection_class=Session,
                    kwargs={"by": self._connect_patiently},
                    min_size=1,
                    max_size=self._size,
                    reconnect_timeout=0,
                    name="knows",
                    open=True,
                )
            return self._pool

    def _first(self) -> Session:
        """The first contact, by hand: the pool connects in threads of its own and would not say why it cannot."""
        patience = Patience(self._patience)
        while True:
            try:
                session = self._connect()
            except psycopg.Error as error:
                if not failures.is_passing(error) or patience.is_over():
                    raise failures.translated(error, self.address) from error
                continue
            if session.info.server_version < OLDEST:
                session.close()
                reason = f"PostgreSQL {session.info.server_version // 10000} is older than 13"
                raise BackendError(backend=self.address.shown, reason=reason, hint="Use a newer server.")
            return session

    def close(self) -> None:
        """End the pool. Whoever waits for a connection is told that the backend is closed."""
        with self._lock:
            if self._spare is not None:
                self._spare.close()
            if self._pool is not None:
                self._pool.close()

    def forget(self) -> tuple[object, ...]:
        """Leave everything to the parent process, after a fork; the answer must be kept."""
        left = (self._pool, self._spare)
        if self._pool is not None:
            self._pool._closed = True  # its destructor would wait for threads that only the parent has
        if self._spare is not None:
            let_go(self._spare)
        self._lock, self._pool, self._spare = threading.Lock(), None, None
        return left


def let_go(session: Session) -> None:
    """Drop a forked child's share in the parent's socket, so that it does not keep a dead parent's session alive.

    Not by closing the session: that would say good-bye to the server in the parent's name.
    """
    with contextlib.suppress(psycopg.Error, OSError):
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        # Replaced and not only closed: the driver still knows the number, which must not become another file's.
        os.dup2(nowhere, session.fileno(), inheritable=False)
        os.close(nowhere)
