"""The file as one backend object has it open: one connection for all threads, anew after a fork, stopped by a fault."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from knows_core import BackendError, KnowsError
from knows_sqlite import forks
from knows_sqlite.database import needs_gate, open_database
from knows_sqlite.faults import is_final, translated
from knows_sqlite.gate import Gate
from knows_sqlite.log import check_log
from knows_sqlite.mounts import network_system
from knows_sqlite.owners import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")
_CHECKPOINT_BYTES: Final = 4_000_000  # of write-ahead log; SQLite's own default is as much
_COMMIT_BYTES: Final = 8_192  # what a commit adds to the log besides its records: a page of the run, one of records
_MOUNTS: Final = Path("/proc/self/mounts")
_LOG: Final = logging.getLogger("knows_sqlite")


class Place:
    """The file, the gate and the owner's lock; `lease` and `busy` in seconds."""

    def __init__(self, path: Path, *, lease: float, busy: float, clock: Callable[[], float]) -> None:
        # The real path: by another name of the same file an owner would not be seen.
        self.path = path.resolve()
        self.logged = 0  # bytes since the last checkpoint of ours, estimated; whoever writes records adds theirs
        self._lease, self._busy, self._clock = lease, busy, clock
        self._gated = needs_gate()
        self._lock = threading.RLock()
        self._inside = _Depth()  # above zero while an operation is going on
        self._closed: BackendError | None = None  # why it cannot be used any more
        self._failure: BackendError | None = None  # why nothing may be written any more
        self._identity: tuple[int, int] | None = None  # of the file that was opened first
        self._connection: sqlite3.Connection | None = None
        self._gate: Gate | None = None
        self._owner: Owner | None = None
        forks.watch(self)

    @property
    def owner(self) -> Owner:
        """The owner that this object is; only there while the place is."""
        assert self._owner is not None  # noqa: S101 - every operation opens the place first
        return self._owner

    def is_there(self) -> bool:
        """Whether there are journals to look at. Looking makes nothing: the file comes with the first run."""
        if self._connection is not None:  # without the lock: whoever closes it meanwhile is met by the next operation
            return True
        with self._lock, self._inside:
            self._check_usable()
            if self._connection is None and (self._identity is not None or self.path.exists()):
                self._open()
            return self._connection is not None

    def make(self) -> None:
        """Open the file, or make it."""
        with self._lock, self._inside:
            self._opened()

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Read one state of the file: what others commit meanwhile is not seen."""
        with self._lock, self._inside:
            connection = self._opened()
            try:
                connection.execute("begin")
                yield connection
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise self._noted(error) from error
            finally:
                _roll_back(connection)

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in one IMMEDIATE transaction.

        A deferred one that begins to write is refused while another process writes.
        """

        def whole(connection: sqlite3.Connection) -> T:
            connection.execute("begin immediate")
            done = work(connection)
            connection.execute("commit")
            return done

        return self.write(whole)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work that writes, one thread at a time and inside the gate where there is one."""
        with self._lock, self._inside:
            if self._failure is not None:
                raise _again(self._failure)
            connection = self._opened()
            try:
                done = self._gated_work(connection, work) if self._gated else work(connection)
            except KnowsError:
                raise
            except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
                raise self._noted(error) from error
            finally:
                if connection.in_transaction:
                    _roll_back(connection)
            self._check_identity()
            return done

    def _gated_work(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        assert self._gate is not None  # noqa: S101 - opened with the connection
        try:
            self._gate.enter(self._busy)
            done = work(connection)
            self.logged += _COMMIT_BYTES
            if self.logged > _CHECKPOINT_BYTES:
                self._checkpoint(connection)
        finally:
            if connection.in_transaction:  # the next one to enter must not meet it
                _roll_back(connection)
            self._gate.leave()
        return done

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Move the write-ahead log into the file, which SQLite may not do by itself here."""
        self.logged = 0
        try:
            # Not `truncate`: a log that keeps its length is overwritten, and syncing it costs a third of growing it.
            connection.execute("pragma wal_checkpoint(passive)")
        except sqlite3.Error as error:  # what was committed before is committed
            _LOG.warning("the log was not moved into the file: %s", self._noted(error))

    def renew(self) -> None:
        """Let the lease begin anew. It waits for no write: a lease must not run out behind one."""
        owner = self._owner
        if owner is not None:
            try:
                owner.renew()
            except OSError as error:
                raise translated(error, self.path) from error

    def close(self) -> None:
        """Close the file; whatever this owner still owned may be claimed by others."""
        with self._lock:
            hint = "Look at runs and histories before the engine is closed, or open it again."
            self._closed = BackendError(backend=str(self.path), reason="the backend is closed", hint=hint)
            # The last one to close moves the write-ahead log into the file; SQLite lets nobody else in meanwhile.
            for one in (self._connection, self._owner, self._gate):
                if one is not None:
                    one.close()
            self._connection = self._owner = self._gate = None

    def _check_usable(self) -> None:
        if self._closed is not None:
            raise _again(self._closed)

    def _opened(self) -> sqlite3.Connection:
        self._check_usable()
        if self._connection is None:
            self._open()
        assert self._connection is not None  # noqa: S101 - mypy cannot see what _open does
        return self._connection

    def _open(self) -> None:
        owners = self.path.with_name(f"{self.path.name}.owners")
        self._check_identity()
        if self._identity is None and (system := network_system(self.path, _MOUNTS)):
            _LOG.warning(
                "%s lies on a network file system (%s): two hosts can damage it; keep it on a local disk",
                self.path,
                system,
            )
        try:
            owners.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._gate = self._gate or Gate(owners)
            if self._identity is None:  # later it is this object's own log
                check_log(self.path)
            self._connection = open_database(self.path, self._gate, owners, busy=self._busy)
            self._identity = _identity_of(self.path)
            self._owner = self._owner or Owner(owners, lease=self._lease, clock=self._clock)
        except BaseException as error:
            for one in (self._connection, self._gate):
                if one is not None:
                    one.close()
            self._connection = self._gate = None
            if isinstance(error, OSError | sqlite3.Error | UnicodeDecodeError) and not isinstance(error, KnowsError):
                raise translated(error, self.path) from error
            raise

    def _check_identity(self) -> None:
        """Raise BackendError where the path names another file than was opened: what went there is lost."""
        if self._identity is None or _identity_of(self.path) == self._identity:
            return
        hint = "Open the backend anew and resume the run from what the file holds now."
        reason = "the file was removed or replaced while it was open"
        self._failure = BackendError(backend=str(self.path), path=self.path, reason=reason, hint=hint)
        raise _again(self._failure)

    def _noted(self, error: OSError | sqlite3.Error | UnicodeDecodeError) -> KnowsError:
        """The project's error, remembered where nothing may be written after it."""
        found = translated(error, self.path)
        if is_final(error) and isinstance(found, BackendError):
            self._failure = found
        return found

    def before_fork(self) -> None:
        """Wait for the operation that is going on, and close the connection."""
        self._lock.acquire()
        # Inside an operation only where a signal handler forks in the middle of it: the parent must be able to go on.
        if self._connection is not None and not self._inside.depth:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def after_fork_in_parent(self) -> None:
        """Go on: the next use opens the file again, with the same owner."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin as another owner, with nothing of the parent's."""
        self._lock = threading.RLock()
        if self._owner is not None:
            self._owner.forget()
        if self._gate is not None:
            self._gate.close()
        if self._connection is not None:
            # It must never be closed here, not even by its destructor: that would write into the parent's log.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
            hint = "Fork between two operations and with os.fork(), or start the process anew."
            reason = "this process was forked in the middle of an operation"
            self._closed = BackendError(backend=str(self.path), reason=reason, hint=hint)
        self._connection = self._owner = self._gate = None


class _Depth:
    """Counts the operations that are going on, under the lock."""

    __slots__ = ("depth",)

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked at every commit, and a Path takes half as long again
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _again(error: KnowsError) -> KnowsError:
    """The same error as a new one: it is raised by many threads, each with its own traceback."""
    return type(error)(**error.facts)


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):  # a failed commit may have ended the transaction itself
        connection.execute("rollback")
