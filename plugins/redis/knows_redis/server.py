"""The way to the server: requests are sent again when it was away, until they are answered or patience ends."""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from redis import Redis
from redis.exceptions import NoScriptError, RedisError

from knows_core import BackendError
from knows_redis.refusals import is_passing, translated
from knows_redis.settings import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_redis.place import Place
    from knows_redis.scripts import Script

T = TypeVar("T")
_FIRST: Final = 2.0  # seconds that a server is waited for which never answered: it is more likely misspelt than away
_LONGEST: Final = 1.0  # seconds between two attempts


class Client(Protocol):
    """What is used of redis-py's client."""

    def execute_command(self, *words: Any) -> Any:
        """Send a command and return its answer."""
        ...

    def pipeline(self, *, transaction: bool) -> Any:
        """Collect commands to send together."""
        ...


class Server:
    """One server, for many threads of one process. Every request given to it may be made twice."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._is_told = False
        self._is_closed = False
        self.start_over()

    def start_over(self) -> None:
        """Forget connections and locks, which after a fork are another process's."""
        self._lock = threading.Lock()
        self._client: Redis | None = None
        self._is_reached = False
        self._is_checked = not self._place.check

    def write(self, script: Script, *words: str | float | bytes) -> Any:
        """Run a script that writes. The server's settings are looked at before, once for as long as it stays there."""
        if not self._is_checked:
            self._tell(self.ask(lambda client: check(client, self._place.shown)))
            self._is_checked = True
        return self.run(script, *words)

    def run(self, script: Script, *words: str | float | bytes) -> Any:
        """Run a script as `ask` makes a request."""
        prefix = f"{{{self._place.prefix}}}:"
        said = [f"{prefix}schema", prefix, *(_encoded(word) for word in words)]

        def act(client: Client) -> Any:
            try:
                return client.execute_command("EVALSHA", script.digest, 1, *said)
            except NoScriptError:  # a server that was restarted, or told to forget
                return client.execute_command("EVAL", script.source, 1, *said)

        return self.ask(act)

    def ask(self, act: Callable[[Client], T]) -> T:
        """Make a request; one that may be answered a moment later is made again, with growing pauses.

        Raises BackendUnavailable when patience ends, BackendFull, AccessDenied, SchemaTooNew or another BackendError.
        """
        patience = self._place.patience if self._is_reached else min(self._place.patience, _FIRST)
        end = time.monotonic() + patience
        for attempt in itertools.count():
            try:
                answer = act(self._open())
            except RedisError as error:
                if not is_passing(error) or time.monotonic() >= end:
                    raise translated(error, self._place.shown) from error
                self._is_checked = not self._place.check  # it may come back with other settings
                pause = min(_LONGEST, 0.01 * 2 ** min(attempt, 10))
                # Of many owners that lost the same server, not all come back at the same moment.
                time.sleep(min(pause * random.uniform(0.5, 1.0), max(0.0, end - time.monotonic())))  # noqa: S311
            else:
                self._is_reached = True
                return answer
        raise AssertionError  # the loop has no end

    def close(self, key: bytes | None) -> None:
        """Delete the key, if any, with one attempt, and close the connections. A later request is refused."""
        with self._lock:
            client, self._client, self._is_closed = self._client, None, True
        if client is not None:
            with contextlib.suppress(RedisError):  # otherwise the lease tells
                if key is not None:
                    cast("Client", client).execute_command("DEL", key)
            client.connection_pool.disconnect()

    def _open(self) -> Client:
        with self._lock:
            if self._is_closed:
                hint = "Look at runs and histories before the engine is closed, or open it again."
                raise BackendError(backend=self._place.shown, reason="the backend is closed", hint=hint)
            if self._client is None:
                self._client = Redis(connection_pool=self._place.pool())
            return cast("Client", self._client)

    def _tell(self, sentences: list[str]) -> None:
        if not self._is_told:
            for sentence in sentences:
                logging.getLogger("knows_redis").warning("%s", sentence)
            self._is_told = True


def _encoded(word: str | float | bytes) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogatepass")
