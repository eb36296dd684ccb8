"""What the command line says: text for a person, or exactly one JSON object for a program."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

if TYPE_CHECKING:
    from knows_core.secrecy.redaction import Redactor
    from knows_registry.cli.failure import Failure

_WITH_RUN = ("run", "resume")  # the commands whose answer is always the whole object, also on failure
_LONG_BITS = 2048  # JSON text of longer ints is slow to read, and Python makes none beyond 4,300 digits
_DEEPEST = 100  # levels of a value that are shown: a cycle must not end in a RecursionError

_F = TypeVar("_F")


def json_option(command: _F) -> _F:
    """The option `--json` for a command; the answers themselves know whether it was given."""
    from click import option  # a remembered listing is answered without click

    help_text = "Print one JSON object and nothing else on stdout."
    made: Any = option("--json", "_", is_flag=True, expose_value=False, help=help_text)
    return cast("_F", made(command))


class Unheard(OSError):
    """The answer cannot be handed over: its reader has gone, or there is no room for it."""


def run_answer(
    *,
    run: str | None = None,
    template: str | None = None,
    version: str | None = None,
    status: str | None = None,
    result: Any = None,
    state: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    next_move: str | None = None,
) -> dict[str, Any]:
    """The one object that `run` and `resume` print: every key is there, null where it is unknown."""
    return {
        "run": run,
        "template": template,
        "version": version,
        "status": status,
        "result": result,
        "state": state,
        "error": error,
        "next": next_move,
    }


class Answers:
    """Where a command puts its answer. `json` tells which of the two readers is there."""

    def __init__(self, stream: TextIO | None, *, command: str, json: bool) -> None:
        self.json = json
        self._stream = stream
        self._command = command
        self._known: dict[str, Any] = {}
        self._redactor: Redactor | None = None
        self._backend: str | None = None

    def at(self, backend: str | None) -> None:
        """Note the place that the command was given, for the commands that an answer advises."""
        self._backend = backend

    def hide(self, redactor: Redactor) -> None:
        """Show nothing from now on that this redactor knows, in the answer or beside it."""
        from knows_registry.cli.streams import veil  # for commands that run steps

        self._redactor = redactor
        veil(redactor)
        if not self.json:
            self._stream = sys.stdout

    def learn(self, **parts: Any) -> None:
        """Note parts of `run_answer` as they become known, so that a failure later on can still tell them."""
        self._known |= parts

    def text(self, *lines: str) -> None:
        """Lines for a person; a program does not get them."""
        if not self.json:
            for line in lines:
                self._print(line)

    def note(self, *lines: str) -> None:
        """Lines beside the answer, on stderr, for both readers."""
        with suppress(OSError):  # what stands beside the answer must not decide over it
            for line in lines if sys.stderr else ():
                print(encodable(line, sys.stderr), file=sys.stderr)  # noqa: T201 - here and in _print the answers are printed

    def object(self, answer: Mapping[str, Any]) -> None:
        """The JSON object; a person does not get it."""
        if self.json:
            import json  # a person's answer needs none

            told = plain(answer)
            if self._redactor is not None and self._redactor.known:
                told = without(told, self._redactor)  # before it is JSON: a text cut out of that may end an escape
            self._print(json.dumps(told, indent=2))

    def fail(self, failure: Failure) -> None:
        """Tell both readers why the command failed and what to do next."""
        failure = failure.placed(self._known.get("next_move"), self._backend)
        self.note(f"kwf: {shown(failure.sentence or failure.message)}")
        if failure.next_move:
            self.note(f"Next: {shown(failure.next_move)}")
        told: dict[str, Any] = {**self._known, "error": failure.error, "next_move": failure.next_move}
        whole = self._command in _WITH_RUN
        self.object(run_answer(**told) if whole else {"error": failure.error, "next": failure.next_move})
        self.flush()

    def flush(self) -> None:
        """Hand everything over while a closed pipe or a full disk can still be noticed. Raises Unheard."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except OSError as error:
            raise Unheard(error.errno, error.strerror) from error

    def _print(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            print(encodable(line, self._stream), file=self._stream)
        except OSError as error:
            raise Unheard(error.errno, error.strerror) from error


@contextmanager
def speaking(words: Sequence[str]) -> Generator[Answers]:
    """The answers of one command line. With `--json` stdout is kept for the object alone.

    Then everything else that prints, also steps, plugins, C libraries and child processes, reaches stderr: the file
    descriptor itself is moved, since replacing `sys.stdout` would miss the last two.
    """
    _open_closed_descriptors()
    options = words[: words.index("--")] if "--" in words else words
    command = next((word for word in words if not word.startswith("-")), "")
    json = "--json" in options
    try:
        if sys.stdout is None:
            answers = Answers(None, command=command, json=json)
            answers.note("kwf: stdout is closed, so the answer is not shown")
            yield answers
        elif json:
            with _stdout_apart() as stream:
                yield Answers(stream, command=command, json=True)
        else:
            yield Answers(sys.stdout, command=command, json=False)
    finally:
        _drain(sys.stderr, 2)


def _drain(stream: TextIO | None, number: int) -> None:
    """Hand over what a stream beside the answer still holds; without room for it, drop it.

    The interpreter would try again at its end and spoil the exit code.
    """
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        _drain(stream, number)


def _open_closed_descriptors() -> None:
    """Lead a standard descriptor that the caller closed into nothing, else the next file opened would get its number.

    Whatever a library prints would then be written into that file: a database of runs, perhaps.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


@contextmanager
def _stdout_apart() -> Generator[TextIO]:
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2 if sys.stderr else os.open(os.devnull, os.O_WRONLY), 1)
    try:
        with open(kept, "w", encoding="utf-8", closefd=False) as stream:
            yield stream
    finally:
        _drain(sys.stdout, 1)  # what a step printed must not follow the answer
        os.dup2(kept, 1)
        os.close(kept)


# ------------------------------------------------------------------ values and columns


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it; what JSON lacks is shown as text."""
    if depth > _DEEPEST:
        return "..."
    if value is None or isinstance(value, bool | int | str):
        return value if not isinstance(value, int) or value.bit_length() < _LONG_BITS else hex(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # nan and inf differ from themselves here
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for key, inner in cast("Mapping[Any, Any]", value).items():
            name = str(plain(key, depth + 1))
            made[f"{name} ({type(key).__name__})" if name in made else name] = plain(inner, depth + 1)
        return made
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, depth + 1) for inner in cast("Iterable[Any]", value)]
    return _plain_object(value, depth)


def without(value: Any, redactor: Redactor) -> Any:
    """A plain value without what a redactor knows."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {redactor.text(key): without(inner, redactor) for key, inner in held.items()}
    return [without(inner, redactor) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


def _plain_object(value: object, depth: int) -> Any:
    """Records by their fields, dates in their own standard, everything else as its text."""
    kind, foreign = type(value), cast("Any", value)
    try:
        if hasattr(kind, "__dataclass_fields__"):
            return {name: plain(getattr(value, name), depth + 1) for name in foreign.__dataclass_fields__}
        if hasattr(kind, "model_dump"):
            return plain(foreign.model_dump(), depth + 1)
        return foreign.isoformat() if hasattr(kind, "isoformat") else str(value)
    except Exception as error:  # noqa: BLE001 - a foreign value's methods may do anything
        return f"<{kind.__name__} cannot be shown: {type(error).__name__}>"


def columns(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> list[str]:
    """Rows as aligned lines, the last column ragged."""
    table = [[shown(cell) for cell in row] for row in ([header] if header else [])] + [
        [shown(cell) for cell in row] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def encodable(text: str, stream: TextIO) -> str:
    """A text that a stream can take: signs that its encoding lacks are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def shown(text: str) -> str:
    """A foreign text that a terminal cannot take for commands: everything unprintable but line ends is escaped."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text)
