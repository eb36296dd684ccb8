"""What an error of redis-py means to somebody whose journals are there: try again, make room, or ask for access."""

from __future__ import annotations

from typing import Final

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterCrossSlotError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's, which is not the built-in one
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004 - as above
    TryAgainError,
)

from knows_core import AccessDenied, BackendBusy, BackendError, BackendFull, BackendUnavailable, SchemaTooNew
from knows_redis.scripts import SCHEMA, TOO_NEW

# In this order: a refused password is a lost connection to redis-py. An error inside a script keeps its words only.
_KINDS: Final[tuple[tuple[str, tuple[type[RedisError], ...], tuple[str, ...]], ...]] = (
    ("denied", (AuthenticationError, AuthorizationError, NoPermissionError), ("NOAUTH ", "WRONGPASS ", "NOPERM ")),
    ("full", (OutOfMemoryError,), ("OOM command not allowed", "No space left")),
    ("busy", (), ("BUSY Redis",)),
    ("cluster", (AskError, ClusterCrossSlotError), ("MOVED ", "CROSSSLOT ")),
    (
        "away",
        (ConnectionError, TimeoutError, ReadOnlyError, ClusterDownError, MasterDownError, TryAgainError),
        ("READONLY ", "CLUSTERDOWN ", "MASTERDOWN ", "LOADING "),
    ),
)


def _kind(error: RedisError) -> str:
    text = str(error)
    for kind, classes, words in _KINDS:
        if isinstance(error, classes) or any(word in text for word in words):
            return kind
    return "schema" if text.startswith(TOO_NEW) else "other"


def is_passing(error: RedisError) -> bool:
    """Whether the same request may succeed a moment later: the server is away, starts, or is at work for another."""
    return _kind(error) in ("away", "busy")


def translated(error: RedisError, shown: str) -> BackendError | AccessDenied:
    """The project's error for one of the driver's, naming the server and the next move."""
    text, kind = str(error), _kind(error)
    if kind == "denied":
        return AccessDenied(path=shown, reason=text)
    if kind == "full":
        return BackendFull(backend=shown, path=shown, reason=text, free=0)
    if kind == "schema":
        found = text.rsplit(maxsplit=1)[-1]
        return SchemaTooNew(backend=shown, found=found, known=SCHEMA, package="knows-redis")
    if kind == "busy":
        return BackendBusy(backend=shown, reason=text, hint="Another program's script keeps it busy; resume the run.")
    if kind == "cluster":
        hint = "Use a single server, or an address that stands for the whole cluster."
        return BackendError(backend=shown, reason=f"it is one node of a cluster ({text})", hint=hint)
    if kind == "away":
        return BackendUnavailable(backend=shown, reason=text, hint="Bring the server back, then resume the run.")
    if "WRONGTYPE" in text:
        hint = "Choose other key names with ?knows_prefix=NAME; nothing was written."
        return BackendError(backend=shown, reason="another program uses keys of these names", hint=hint)
    return BackendError(backend=shown, reason=text, hint="Look into the server's log; every recorded step is safe.")
