"""The standard streams of a command that runs steps: whoever prints, no known secret is shown."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO, cast

from knows_core import logs
from knows_core.secrecy.redaction import Passage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_core.secrecy.redaction import Redactor


def veil(redactor: Redactor) -> None:
    """Take what the redactor knows out of everything that Python code of this process prints from now on.

    They stay so until the process ends: a step that was given up may print after its run is over. What C libraries and
    other processes write straight to the descriptors does not pass here.
    """
    sys.stdout, sys.stderr = (cast("Any", _veiled(one, redactor)) for one in (sys.stdout, sys.stderr))


def _veiled(stream: TextIO | None, redactor: Redactor) -> object:
    return None if stream is None else _Veiled(stream, redactor)


class _Passing:
    """A stream that hands on what it is given without secrets; all else is the stream's own."""

    def __init__(self, stream: Any, redactor: Redactor) -> None:
        self._stream = stream
        self._passage = Passage(redactor)
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, given: Any) -> int:
        with self._lock:
            self._stream.write(self._coded(self._passage.pass_on(self._text(given))))
        return len(given)

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._lock:
            if rest := self._passage.rest():
                self._stream.write(self._coded(rest))
        self._stream.flush()

    def _text(self, given: Any) -> str:
        text: str = given
        return text

    def _coded(self, text: str) -> Any:
        return text


class _Octets(_Passing):
    """The same for bytes, whatever they are."""

    def _text(self, given: Any) -> str:
        return bytes(given).decode("utf-8", "surrogateescape")

    def _coded(self, text: str) -> Any:
        return text.encode("utf-8", "surrogateescape")


class _Veiled(_Passing):
    """A text stream; who writes to the bytes below it does not get past it either."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        super().__init__(stream, redactor)
        self._octets = _Octets(stream.buffer, redactor) if hasattr(stream, "buffer") else None

    @property
    def buffer(self) -> _Octets:
        """The stream of bytes."""
        if self._octets is None:
            raise AttributeError("buffer")
        return self._octets


# ------------------------------------------------------------------ what the framework complains of


class _Complaints(logging.Handler):
    """Prints warnings of the framework where the program has no logging of its own. Runs are told in other ways."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        if record.name != logs.RUNS and sys.stderr and not logging.getLogger().handlers:
            try:
                sys.stderr.write(self.format(record) + "\n")
            except OSError:  # a log that cannot be written must not end the run
                return


def show_complaints() -> None:
    """Let a person see them."""
    logger = logging.getLogger(logs.COMPLAINTS)
    if not any(isinstance(one, _Complaints) for one in logger.handlers):
        logger.addHandler(_Complaints(logging.WARNING))
