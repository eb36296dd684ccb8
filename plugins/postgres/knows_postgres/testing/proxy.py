"""A way to a server that can be cut, stalled, closed, and that can lose a single question or answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_READY: Final = b"Z\x00\x00\x00\x05"  # the server's last message of an answer, before one letter


class _Link:
    """One client's connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = (client, server)
        self.is_muted = False  # its answer is to be lost
        self.heard = b""  # the end of that answer so far

    def cut(self) -> None:
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Passes bytes between clients at `url`, on the loopback, and the server of the URL it is given.

    A context manager: leaving it cuts everything.
    """

    def __init__(self, url: str) -> None:
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        self._host, self._port = parts.get("host", "127.0.0.1"), int(parts.get("port", "5432"))
        self._door = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._is_open = True
        self._flows = threading.Event()
        self._flows.set()
        self._lose: tuple[str, bytes] | None = None
        self.lost = threading.Event()  # set when a question or an answer was lost
        self.connections = 0  # that clients made so far
        secret = f":{quote(parts['password'], safe='')}" if "password" in parts else ""
        who = f"{quote(parts['user'], safe='')}{secret}@" if "user" in parts else ""
        place = f"127.0.0.1:{self._door.getsockname()[1]}/{quote(parts.get('dbname', ''), safe='')}"
        self.url = f"postgresql://{who}{place}?sslmode=disable&gssencmode=disable"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
        self._flows.set()
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def cut(self) -> int:
        """End every connection there is; new ones are let through. Returns how many there were."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.cut()
        return len(links)

    def down(self) -> None:
        """End every connection and let no new one through."""
        self._is_open = False
        self.cut()

    def up(self) -> None:
        """Let new connections through again."""
        self._is_open = True

    def stall(self) -> None:
        """Keep every byte back, with all connections open."""
        self._flows.clear()

    def flow(self) -> None:
        """Let the bytes go on."""
        self._flows.set()

    def lose_answer(self, containing: bytes = b"") -> None:
        """Of the next question that contains those bytes: let the server carry it out, and cut instead of answering."""
        self.lost.clear()
        self._lose = ("answer", containing)

    def lose_question(self, containing: bytes = b"") -> None:
        """Cut instead of passing on the next question that contains those bytes."""
        self.lost.clear()
        self._lose = ("question", containing)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            self.connections += 1
            try:
                link = _Link(client, self._reach())
            except OSError:
                client.close()
                continue
            with self._lock:
                self._links.add(link)
            for passed, source, target in ((self._asked, client, link.ends[1]), (self._answered, link.ends[1], client)):
                threading.Thread(target=self._pump, args=(link, source, target, passed), daemon=True).start()

    def _reach(self) -> socket.socket:
        if not self._is_open:
            raise ConnectionRefusedError
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server

    def _pump(
        self, link: _Link, source: socket.socket, target: socket.socket, passed: Callable[[_Link, bytes], bytes | None]
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                on = passed(link, piece)
                if on is None:
                    break
                target.sendall(on)
        with self._lock:
            self._links.discard(link)
        link.cut()

    def _asked(self, link: _Link, piece: bytes) -> bytes | None:
        """What is passed on of a question; None: cut."""
        self._flows.wait()
        with self._lock:
            if self._lose is None or self._lose[1] not in piece:
                return piece
            what, self._lose = self._lose[0], None
        link.is_muted = what == "answer"
        if link.is_muted:
            return piece
        self.lost.set()
        return None

    def _answered(self, link: _Link, piece: bytes) -> bytes | None:
        """What is passed on of an answer; None: cut."""
        self._flows.wait()
        if not link.is_muted:
            return piece
        link.heard = (link.heard + piece)[-6:]
        if not link.heard.startswith(_READY):
            return b""
        self.lost.set()
        return None
