"""Work in an interpreter of its own, where foreign code can hang or crash and cost nobody else anything.

The child says what it is at and what it found, a line of JSON each, in a file: foreign code may print what it likes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LOOK = 1.0  # seconds between two looks at what was said

# The child finds what the parent found: the same path, and no folder of its own before it (-P).
_CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from knows_registry.apart import work; work()"


class Outcome(NamedTuple):
    """What became of some work: its answer, or why there is none and the last thing that it said it was at."""

    answer: Any = None
    failure: str = ""
    doing: Any = None


class Apart:
    """Work under way in an interpreter of its own, which is ended with the block, and whatever it started with it.

    `task` names a function as `module:name`. It is given `tell` and the words. `tell("doing", WHAT)` says what it is at
    from now on, with None that nothing foreign is; `tell("answer", VALUE)` what it found. Both are JSON values.
    """

    def __init__(self, task: str, *words: str, show_errors: bool = False) -> None:
        self._task = task
        self._words = words
        self._show_errors = show_errors

    def __enter__(self) -> Self:
        descriptor, place = tempfile.mkstemp(prefix="kwf-apart-")
        os.close(descriptor)
        self._place = Path(place)
        arguments = [place, json.dumps(sys.path), self._task, *self._words]
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-P", "-c", _CHILD, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if self._show_errors else subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._child)
        self._place.unlink(missing_ok=True)

    def outcome(self, limit: float) -> Outcome:
        """Wait for the end; it is made where something foreign has been under way, without a word, for the limit.

        `limit` is in seconds. Until the work says something, what it is at counts as foreign.
        """
        seen, since = 0, time.monotonic()
        while True:
            code, told = self._ended_with(min(limit, _LOOK)), self._told()
            if told and told[-1][0] == "answer":
                return Outcome(told[-1][1])
            doing = told[-1][1] if told else None
            if code is not None:
                return Outcome(None, _death(code), doing)
            if len(told) > seen or (told and doing is None):
                seen, since = len(told), time.monotonic()
            elif time.monotonic() - since >= limit:
                return Outcome(None, f"no answer within {limit:g} s", doing)

    def _ended_with(self, seconds: float) -> int | None:
        """The exit code, or None where the child is still at it after that."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _told(self) -> list[tuple[str, Any]]:
        """What was said until now; a line that is being written at the moment does not count yet."""
        lines = self._place.read_text(encoding="utf-8").split("\n")[:-1]
        return [(kind, value) for kind, value in map(json.loads, lines)]


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child that is still there, and whatever it started: they share a session that only they are in."""
    if child.poll() is not None:
        return  # its number may be another's by now
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def _death(code: int) -> str:
    if code >= 0:
        return f"it ended the interpreter with exit code {code}"
    names = {number.value: number.name for number in signal.Signals}
    return f"it was killed by {names.get(-code, f'signal {-code}')}"


# ------------------------------------------------------------------ in the child


def work() -> None:
    """Call the function that the arguments name."""
    place, _, task, *words = sys.argv[1:]
    module, _, name = task.partition(":")
    with Path(place).open("a", encoding="utf-8") as file:

        def tell(kind: str, value: Any) -> None:
            file.write(json.dumps([kind, value]) + "\n")
            file.flush()

        function: Callable[..., None] = getattr(importlib.import_module(module), name)
        function(tell, *words)
    os._exit(0)  # threads that foreign code started would keep the interpreter alive
