"""What an error of the driver means: try again elsewhere, give way and repeat, or tell a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus

from knows_core import AccessDenied, BackendBusy, BackendError, BackendFull, BackendUnavailable

if TYPE_CHECKING:
    from knows_postgres.address import Address

_LOST: Final = {"57P01", "57P02", "57P03", "57P05", "25P03"}  # shut down, crashed, starting, idle for too long
_GIVES_WAY: Final = {"40001", "40P01"}  # serialization failure, deadlock: the whole transaction again
_TOO_SLOW: Final = {"57014", "55P03"}
# libpq gives no SQLSTATE for a connection that was refused; these are the server's words in English.
_DENIED: Final = re.compile(r"authentication failed|no password|pg_hba\.conf|role .* does not exist|permission denied")
_NO_DATABASE: Final = re.compile(r"database .* does not exist")
_TOO_MANY: Final = re.compile(r"too many (clients|connections)|connection slots are reserved")
_PASSING: Final = re.compile(
    r"starting up|shutting down|not (yet )?accepting|recovery|closed the connection|closed unexpectedly|reset by peer"
)


def is_lost(error: psycopg.Error, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether the connection went away or its answer stays out, so that nobody knows what became of the statement."""
    state, wire = error.sqlstate, connection.pgconn
    gone = wire.status == ConnStatus.BAD or wire.transaction_status == TransactionStatus.ACTIVE
    return gone or (state is not None and (state in _LOST or state.startswith("08")))


def gives_way(error: psycopg.Error) -> bool:
    """Whether the transaction was rolled back for another one, and can simply be repeated."""
    return error.sqlstate in _GIVES_WAY


def is_final(error: psycopg.Error) -> bool:
    """Whether a connection refused so will be refused again, however long one waits."""
    text = str(error)
    state = error.sqlstate or ""
    return bool(state.startswith(("28", "3D")) or _DENIED.search(text) or _NO_DATABASE.search(text))


def is_passing(error: psycopg.Error) -> bool:
    """Whether a server is plainly there and only not ready: worth waiting for, even at the first contact."""
    return bool(error.sqlstate in _LOST or _PASSING.search(str(error)) or _TOO_MANY.search(str(error)))


def closed(address: Address) -> BackendError:
    """The error for using a backend after its end."""
    hint = "Look at runs and histories before the engine is closed, or open it again."
    return BackendError(backend=address.shown, reason="the backend is closed", hint=hint)


def exhausted(address: Address, size: int, seconds: float) -> BackendBusy:
    """The error where every connection of the pool stayed in use."""
    reason = f"all {size} connections were in use for {seconds:g} s"
    return BackendBusy(backend=address.shown, reason=reason, hint="Drive fewer runs at once, or give it a larger size.")


def given_up(error: psycopg.Error, address: Address, seconds: float) -> BackendError | AccessDenied:
    """The error where a connection could not be had, or had again, in time."""
    if is_final(error) or _TOO_MANY.search(str(error)):
        return translated(error, address)
    reason = f"{_first_line(error, address)} (tried for {seconds:g} s)"
    hint = "Start the server or mend the way to it, then resume the run; every recorded step is safe."
    return BackendUnavailable(backend=address.shown, reason=reason, hint=hint)


def translated(error: psycopg.Error | UnicodeError, address: Address) -> BackendError | AccessDenied:
    """The project's error for one of the driver's, naming the place and the next move, and no secret."""
    state = getattr(error, "sqlstate", None) or ""
    text, shown = _first_line(error, address), address.shown
    if state == "53100":
        return BackendFull(backend=shown, path=shown, reason=text, free=None)
    if state == "53300" or _TOO_MANY.search(text):
        return BackendBusy(backend=shown, reason=text, hint="Close other connections, or raise max_connections there.")
    if state in _TOO_SLOW:
        hint = "Look in pg_stat_activity for who holds it up; then resume the run."
        return BackendBusy(backend=shown, reason=text, hint=hint)
    if state.startswith("28") or state == "42501" or _DENIED.search(text):
        return AccessDenied(path=shown, reason=text)
    if state.startswith("3D") or _NO_DATABASE.search(text):
        return BackendError(backend=shown, reason=text, hint="Make it with `createdb`, or name another one in the URL.")
    if state == "25006":
        hint = "Name the primary server, or add target_session_attrs=read-write to a URL with several hosts."
        return BackendError(backend=shown, reason=text, hint=hint)
    if isinstance(error, psycopg.OperationalError) and not state:
        hint = "Check host and port, and that the server runs and may be reached from here."
        return BackendUnavailable(backend=shown, reason=text, hint=hint)
    hint = "Look into the server's log for more, or restore its schema from a backup."
    return BackendError(backend=shown, reason=text, hint=hint)


def _first_line(error: Exception, address: Address) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return address.scrub(lines[0] if lines else type(error).__name__)
