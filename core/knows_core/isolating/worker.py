"""The process of a step with `isolation="process"`: `isolated` starts it as `python -m knows_core.isolating.worker`.

It reads one line, the order, from stdin, calls one function, and writes lines of progress and one answer to what was
its stdout. The function sees an empty stdin, and what it prints goes to stderr.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.machinery
import importlib.util
import json
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.binding import annotations_of, bind
from knows_core.context import StepContext, is_coroutine
from knows_core.errors import KnowsError
from knows_core.errors.secrets import SecretUnavailable
from knows_core.flows.located import unwrapped
from knows_core.journals.envelope import LONGEST_TEXT, cause_of, safe_text
from knows_core.journals.traces import trace
from knows_core.secrecy.redaction import Redactor
from knows_core.state import Attempt, WorkflowState
from knows_core.values.codec import Codec
from knows_core.values.declared import declared_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.journals.records import StepProgress
    from knows_core.states.models import TypedState

_LOOK: Final = 1.0  # seconds between two looks whether the parent is still there
_CAUSES: Final = 8


def main() -> None:
    """Do what the order says, answer, and end."""
    # The function gets neither of them: not what it prints, nor what it reads, may disturb what is said here.
    orders, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    order = json.loads(_line(orders))
    voice = _Voice(answers)
    threading.Thread(target=_listen, args=(orders, os.getppid(), voice.heard.put), daemon=True).start()
    sys.path[:] = order["sys_path"]
    voice.say(_answer(order, voice))


class _Voice:
    """Where the answers go; `heard` is what comes back."""

    def __init__(self, pipe: int) -> None:
        self.heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.redactor = Redactor()
        self._pipe = pipe
        self._lock = threading.Lock()  # a function may tell its progress from several threads
        self._asking = threading.Lock()

    def say(self, what: dict[str, Any]) -> None:
        """Write one line."""
        rest = memoryview(json.dumps(what).encode() + b"\n")
        with self._lock:
            while rest:
                rest = rest[os.write(self._pipe, rest) :]

    def progress(self, event: StepProgress) -> None:
        """Pass on how far the function is."""
        done, total = (None if one is None else one if type(one) is int else float(one) for one in event[1:3])
        self.say({"progress": [done, total, str(event.note)]})

    def secret(self, reference: str) -> str:
        """Ask the parent for a secret: what looks it up is there. Raises SecretUnavailable."""
        with self._asking:
            self.say({"secret": str(reference)})
            answer = json.loads(self.heard.get())
        if "refused" in answer:
            raise SecretUnavailable(**answer["refused"])
        value: str = answer["value"]
        self.redactor.learn(value)
        return value


def _line(pipe: int) -> bytes:
    """The order. Ends with the parent."""
    pieces: list[bytes] = []
    while not pieces or not pieces[-1].endswith(b"\n"):
        piece = os.read(pipe, 1 << 20)
        if not piece:
            os._exit(1)
        pieces.append(piece)
    return b"".join(pieces)


def _listen(pipe: int, parent: int, heard: Callable[[bytes], None]) -> None:
    """Pass on what the parent says. At its end, which closes the pipe, kill the whole group."""
    line = b""
    # Another process that the parent forked may hold the pipe open: a look at the parent itself sees through that.
    while os.getppid() == parent:
        if select.select([pipe], [], [], _LOOK)[0]:
            piece = os.read(pipe, 1 << 20)
            if not piece:
                break
            *whole, line = (line + piece).split(b"\n")
            for one in whole:
                heard(one)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _answer(order: dict[str, Any], voice: _Voice) -> dict[str, Any]:
    """Call the function: its result and what it did to its state, or its error."""
    classes = _Classes(order["classes"])
    codec = Codec(classes)
    try:
        return _called(order, classes, codec, voice)
    except Exception as error:  # noqa: BLE001 - a step may raise anything
        return {"error": _report(error, codec, voice.redactor)}


def _called(order: dict[str, Any], classes: _Classes, codec: Codec, voice: _Voice) -> dict[str, Any]:
    run, path, attempt, until = order["context"]
    function = unwrapped(_loaded(order["function"]))[0]
    classes.function = function
    binding = bind(_fixed(function, codec.decode(order["args"]), codec.decode(order["fixed"])))
    value, (work, typed, given) = codec.decode(order["input"]), _state(order, codec)
    deadline = None if until is None else datetime.fromisoformat(until)
    context = StepContext(run, path, attempt, deadline, voice.progress, resolve=voice.secret)
    result = binding.invoke(value, given, context)
    if is_coroutine(result):
        import asyncio  # only an async function pays for it

        result = asyncio.run(result)
    if typed is not None:
        typed.take_back(given, work)
    changes = work.changes()
    written = {key: codec.encode(one, "state", key, "of", path) for key, one in changes.written.items()}
    encoded = codec.encode(result, "result of", path)
    return {"result": encoded, "changes": {"written": written, "dropped": changes.dropped}}


def _fixed(function: Any, args: list[Any], fixed: dict[str, Any]) -> Any:
    return functools.partial(function, *args, **fixed) if args or fixed else function


def _state(order: dict[str, Any], codec: Codec) -> tuple[Attempt, TypedState | None, Any]:
    """The attempt that the changes come from, the state model, if any, and what the function is given."""
    values: dict[str, Any] | None = order["state"]
    work = Attempt(WorkflowState({key: codec.decode(one) for key, one in (values or {}).items()}))
    if order["model"] is None:
        return work, None, None if values is None else work
    from knows_core.states.models import TypedState  # the room that imports pydantic

    typed = TypedState(_loaded(order["model"]), "")
    return work, typed, typed.working_copy(work)


def _loaded(place: list[Any]) -> Any:
    """What stands at a place, its module imported. Raises what importing it raises."""
    module, name, file = place
    if module not in sys.modules and file is not None:
        _load(module, file)
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _load(name: str, file: str) -> None:
    """Run a file as the module of that name."""
    loader = importlib.machinery.SourceFileLoader(name, file)
    spec = cast("importlib.machinery.ModuleSpec", importlib.util.spec_from_file_location(name, file, loader=loader))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Compiled anew: the bytecode cache does not notice an edit of the same length in the same second.
    exec(loader.source_to_code(loader.get_data(file), file), vars(module))  # noqa: S102 - the parent ran it too


class _Classes(Mapping[str, type]):
    """The classes that the template declares, each imported when a value needs it."""

    def __init__(self, places: dict[str, Any]) -> None:
        self._places = places
        self._found: dict[str, type] = {}
        self.function: Any = None

    def __getitem__(self, name: str) -> type:
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def _find(self, name: str) -> type:
        # First those that the function names: `Box[int]` is an attribute of no module.
        with contextlib.suppress(Exception):  # the name is not among them, or an annotation cannot be resolved here
            return declared_in(annotations_of(self.function).values()).classes[name]
        return cast("type", _loaded(self._places[name]))


def _report(error: BaseException, codec: Codec, redactor: Redactor, depth: int = _CAUSES) -> dict[str, Any]:
    """An error in parts that the parent can make it of again, with its causes."""
    cause = cause_of(error) if depth else None
    # A file's name stands beside the arguments of an OSError, except where it is reduced.
    args = OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args
    return {
        "module": type(error).__module__,
        "qualname": type(error).__qualname__,
        # As it is, so that the parent can compare it, unless it will be cut: what is cut must be redacted before.
        "text": safe_text(error, lambda text: text if len(text) <= LONGEST_TEXT else redactor.text(text)),
        "args": [_sendable(one, codec) for one in args],
        "held": _held(error, codec),
        "cause": None if cause is None else _report(cause, codec, redactor, depth - 1),
        "trace": trace(error, redactor.text)[-LONGEST_TEXT:] if depth == _CAUSES else "",
    }


def _held(error: BaseException, codec: Codec) -> dict[str, Any]:
    """The attributes that can be sent; of an error of ours all facts, if need be as text."""
    parts = dict(error.__dict__)
    if isinstance(error, KnowsError):
        parts["facts"] = {name: codec.decode(_sendable(one, codec)) for name, one in error.facts.items()}
    held: dict[str, Any] = {}
    for name, one in parts.items():
        with contextlib.suppress(Exception):  # what cannot be sent stays behind
            held[name] = codec.encode(one)
    return held


def _sendable(part: Any, codec: Codec) -> Any:
    """A part of an error, encoded; as text where the codec refuses it."""
    try:
        return codec.encode(part)
    except Exception:  # noqa: BLE001 - any object may lie in an error
        return safe_text(part)


if __name__ == "__main__":
    main()
