"""Other processes for the tests: each does some work, talks over a pipe, and is gone when its test is."""

from __future__ import annotations

import contextlib
import multiprocessing
import warnings
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

PATIENCE: Final = 60.0  # seconds until a child that says nothing has failed


class Child:
    """A forked process, so that it may do anything its test can name: `with Child(work) as child`.

    `work` gets the child's end of the pipe. What is sent to it by `say` it reads with `recv()`, what it sends is heard.
    """

    def __init__(self, work: Callable[[Connection], None]) -> None:
        context = multiprocessing.get_context("fork")
        self._wire, theirs = context.Pipe()

        def begin() -> None:
            self._wire.close()  # else it would hold both ends, and never hear that its test is over
            work(theirs)

        self._process = context.Process(target=begin)
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside threads; the children take up nothing that such a thread may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        theirs.close()

    def say(self, word: object = None) -> None:
        """Send the child something to go on with."""
        self._wire.send(word)

    def hear(self) -> Any:
        """The next thing it sends. Raises AssertionError when it ends first, or stays silent."""
        assert self._wire.poll(PATIENCE), "a child process says nothing"
        try:
            return self._wire.recv()
        except EOFError:
            raise AssertionError("a child process failed; its output tells why") from None

    def kill(self) -> list[Any]:
        """Kill it where it stands (SIGKILL); what it had sent until then."""
        self._process.kill()
        self._process.join()  # without a limit: with one it would wait for the children of its child as well
        heard: list[Any] = []
        with contextlib.suppress(EOFError, ConnectionResetError):
            while self._wire.poll():
                heard.append(self._wire.recv())
        return heard

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._wire.close()
        self._process.close()
