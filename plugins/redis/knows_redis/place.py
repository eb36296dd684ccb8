"""Where the journals are: what a URL says about the server, about the keys there and about waiting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from redis import connection
from redis.backoff import NoBackoff
from redis.connection import BlockingConnectionPool, ConnectionPool
from redis.exceptions import RedisError
from redis.retry import Retry

from knows_core import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN: Final = "knows_"
# Every wait on the server ends; the URL may say otherwise with redis-py's own options.
_BOUNDED: Final[Mapping[str, Any]] = {
    "socket_timeout": 10.0,
    "socket_connect_timeout": 5.0,
    "socket_keepalive": True,
    "health_check_interval": 30,
    "max_connections": 32,
    "timeout": 30.0,  # for a free connection of the pool
}


class Place(NamedTuple):
    """A server and what is ours on it.

    `shown` is the URL without user, password and options. `lease` and `patience` (how long a lost server is waited for)
    are seconds; `check` tells whether the server's settings are looked at before the first write.
    """

    shown: str
    options: dict[str, Any]
    prefix: str = "knows"
    lease: float = 15.0
    patience: float = 30.0
    check: bool = True

    @classmethod
    def of(cls, url: str, *, prefix: str, lease: float, patience: float, check: bool) -> Self:
        """Read a URL; its own options go before the given ones. Raises BackendError, which never shows a password."""
        parts = _parts(url)
        shown = _shown(parts)
        asked = parse_qsl(parts.query, keep_blank_values=True)
        own = {name.removeprefix(_OWN): value for name, value in asked if name.startswith(_OWN)}
        theirs = [(name, value) for name, value in asked if not name.startswith(_OWN)]
        try:
            prefix = own.pop("prefix", prefix)
            lease, patience = float(own.pop("lease", lease)), float(own.pop("patience", patience))
            check = _is_on(own.pop("check", "on" if check else "off"))
            options = _options(parts, theirs)
        except (TypeError, ValueError, RedisError) as error:
            raise _unusable(shown, str(error)) from None
        if own:
            raise _unusable(shown, f"it has no option {_OWN}{min(own)}")
        # Braces would move the hash tag, and control characters nobody can type again.
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", prefix):
            raise _unusable(shown, f"the prefix {prefix!r} is not of letters, digits and . _ : - alone")
        if not (0.1 <= lease <= 86_400 and 0 <= patience <= 86_400):  # noqa: PLR2004 - a day; not NaN either
            raise _unusable(shown, "a lease lasts 0.1 s to a day, and patience at most a day")
        return cls(shown, options, prefix, lease, patience, check)

    def pool(self) -> ConnectionPool:
        """Connections for many threads; none is made before it is needed."""
        return _pool(self.options)


def _pool(options: dict[str, Any]) -> ConnectionPool:
    made: ConnectionPool = cast("Any", BlockingConnectionPool)(**options)  # redis-py types little of it
    return made


def _is_on(word: str) -> bool:
    if word not in ("on", "off"):
        raise ValueError(f"{_OWN}check is on or off")
    return word == "on"


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is read, and refused, only when asked for
    except ValueError as error:
        raise _unusable("redis", re.sub(r"'.*'", "a part of it", str(error))) from None
    if "@" not in parts.netloc and "@" in url:
        # Shown as it was taken apart, it would show a piece of the password.
        raise _unusable("redis", "write / ? # and @ in a user's name or password as %2F %3F %23 and %40")
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise _unusable(f"{parts.scheme}:", "it does not begin with redis:// or rediss://")
    return parts


def _options(parts: SplitResult, query: list[tuple[str, str]]) -> dict[str, Any]:
    """The options of redis-py, all that its connections know."""
    path = parts.path.strip("/")
    scheme = parts.scheme
    if scheme == "redis" and not parts.hostname and path and not path.isdecimal():
        scheme = "unix"
    elif scheme != "unix" and path and not path.isdecimal():
        raise ValueError("the database after the host is not a number")
    if scheme != "unix" and not parts.hostname:
        query = [("host", "localhost"), *query]
    plain = f"{scheme}://{parts.netloc}{parts.path}?{urlencode(query)}"
    read: dict[str, Any] = cast("Any", connection).parse_url(plain)
    # Records are bytes. A command is sent again by nobody but us, who look whether it was done.
    forced = {"decode_responses": False, "retry": Retry(NoBackoff(), 0)}
    options: dict[str, Any] = {**_BOUNDED, **read, **forced}
    if scheme == "unix":
        options.pop("socket_keepalive")
    probe = _pool({**options, "max_connections": 1})
    probe.connection_class(**probe.connection_kwargs)  # refuses options it does not know; connects nowhere
    return options


def _shown(parts: SplitResult) -> str:
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _unusable(shown: str, reason: str) -> BackendError:
    hint = "Write redis://HOST:PORT/DB, rediss://HOST:PORT/DB or redis:///PATH/OF/SOCKET; see docs/how-to/redis.md."
    return BackendError(backend=shown, reason=f"this URL cannot be used: {reason}", hint=hint)
