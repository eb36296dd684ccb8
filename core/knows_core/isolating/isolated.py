"""`isolation="process"`: a step's function in a process of its own, which is killed for real when its time is up.

This is the caller's side, `worker` is the process. They talk in lines of JSON, with values as the codec writes them:
nothing is pickled, and nothing that the process says makes this one import anything. Context variables are not carried
over. The process leads a group of its own, and the whole group ends with the step.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.context import StepContext
from knows_core.errors import ContractError, StepTimeout, WorkerDied
from knows_core.errors.secrets import SecretUnavailable
from knows_core.flows.located import place_of, unwrapped, why_not_isolated
from knows_core.isolating.reported import error_of
from knows_core.journals.records import StepProgress
from knows_core.secrecy.redaction import Passage
from knows_core.values.traits import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from knows_core.flow import Step
    from knows_core.secrecy.redaction import Redactor
    from knows_core.secrecy.secrets import Secrets
    from knows_core.values.codec import Codec

__all__ = ["call_isolated", "why_not_isolated"]

# No folder of the caller's shadows a module before sys.path is handed over; nothing printed is lost when it is killed.
_COMMAND: Final = ("-P", "-u", "-X", "faulthandler", "-m", "knows_core.isolating.worker")
_GRACE: Final = 2.0  # seconds to end in good order after the answer
_LOOK: Final = 0.05  # seconds between two looks whether somebody still waits
_PIPE: Final = 1 << 20  # bytes; no pipe holds more than it is read with at once
_LAST_LINES: Final = 20


def call_isolated(
    step: Step[Any, Any],
    value: Any,
    state: Any,
    context: StepContext | None,
    *,
    codec: Codec,
    timeout: float | None,
    secrets: Secrets,
    tell: Callable[[StepProgress], None],
    given_up: Callable[[], bool] = lambda: False,
) -> Any:
    """Call a step's function in a process of its own, apply its changes to `state`, and return its result.

    `state` is None, a mapping, or the working copy of a state model. `timeout` is in seconds and includes the start of
    the process; it is killed then, and also soon after `given_up` says that nobody waits. Raises what the step raises,
    StepTimeout, WorkerDied, IsolatedStepFailed; NotStorable for a value that cannot be sent, ContractError for a
    function that cannot be found.
    """
    path = context.step if context is not None else step.name
    deadline = None if timeout is None else time.monotonic() + timeout
    process = _Process(_order(step, value, state, context, codec), given_up, secrets.redactor)
    try:
        answer = _answer(process, deadline, lambda done: tell(StepProgress(path, *done)), secrets)
        if answer is not None:
            process.let_end(_GRACE)
    except _TimeUp:
        raise StepTimeout(step=path, timeout=timeout) from None
    finally:
        process.kill()
    if answer is None:
        raise process.death(path)
    if "error" in answer:
        raise error_of(answer["error"], path, codec, secrets.redactor)
    changes = answer["changes"]
    _apply(state, {key: codec.decode(one) for key, one in changes["written"].items()}, changes["dropped"])
    return codec.decode(answer["result"])


def _answer(
    process: _Process, deadline: float | None, progress: Callable[[list[Any]], None], secrets: Secrets
) -> dict[str, Any] | None:
    """What the process answers; None if it ends without. Raises _TimeUp."""
    for line in process.lines(deadline):
        said = json.loads(line)
        if "progress" in said:
            progress(said["progress"])
        elif "secret" in said:
            process.send(_looked_up(said["secret"], secrets))
        else:
            return cast("dict[str, Any]", said)
    return None


def _looked_up(reference: str, secrets: Secrets) -> bytes:
    """A secret for the process, or why there is none, as one line."""
    answer: dict[str, Any]
    try:
        answer = {"value": secrets.resolve(reference)}
    except SecretUnavailable as refused:
        answer = {"refused": refused.facts}
    return json.dumps(answer).encode() + b"\n"


def _order(step: Step[Any, Any], value: Any, state: Any, context: StepContext | None, codec: Codec) -> bytes:
    """Everything that the process must know, as one line. Raises NotStorable, ContractError."""
    if why := why_not_isolated(step):
        remedy = "Give it a function at the top of a module that can be imported."
        raise ContractError(f'step {step.name}: isolation="process" cannot find the function: {why}. {remedy}')
    own = context or StepContext("", step.name, 1)
    path = own.step
    function, args, fixed = unwrapped(step.function)
    order = {
        "sys_path": [str(one) for one in sys.path],
        "function": place_of(function),
        "args": [codec.encode(one, "a fixed argument of", path) for one in args],
        "fixed": {name: codec.encode(one, "the argument", name, "of", path) for name, one in fixed.items()},
        "input": codec.encode(value, "input of", path),
        "state": None if state is None else {key: codec.encode(one, "state", key) for key, one in _held(state)},
        "model": None if state is None or isinstance(state, MutableMapping) else place_of(type(state)),
        "classes": {name: place_of(kind) for name, kind in (codec._types or {}).items()},
        "context": [own.run_id, path, own.attempt, None if own.deadline is None else own.deadline.isoformat()],
    }
    return json.dumps(order).encode() + b"\n"


def _held(state: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(state, MutableMapping):
        return cast("MutableMapping[str, Any]", state).items()
    fields: dict[str, Any] = state.__dict__
    extra: dict[str, Any] | None = state.__pydantic_extra__
    return (fields | (extra or {})).items()


def _apply(state: Any, written: dict[str, Any], dropped: list[str]) -> None:
    """Do to the state what the function did to its own."""
    if isinstance(state, MutableMapping):
        mapping = cast("MutableMapping[str, Any]", state)
        mapping.update(written)
        for key in dropped:
            mapping.pop(key, None)
    elif state is not None:
        # Past the model's validators: they have seen what was assigned, and must not see what was changed in place.
        fields: dict[str, Any] = kind_of(state).__pydantic_fields__
        for key, value in written.items():
            (state.__dict__ if key in fields else state.__pydantic_extra__)[key] = value
        for key in dropped:
            state.__dict__.pop(key, None)


class _TimeUp(Exception):
    """The deadline passed before the process had said everything."""


class _Process:
    """The process of one call: what is still to be sent to it, and what it says."""

    def __init__(self, order: bytes, given_up: Callable[[], bool], redactor: Redactor) -> None:
        self._given_up = given_up
        self._unsent = memoryview(order)
        self._line: list[bytes] = []  # the pieces of one that is not whole
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._written = ""  # the end of what it wrote for people
        self._passage = Passage(redactor)
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, *_COMMAND], stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        self._orders, self._answers, self._prints = (
            cast("Any", stream).fileno() for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        # One loop for all three: whichever side waits for the other on a full pipe, this one goes on.
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._orders, selectors.EVENT_WRITE)
        for stream in (self._answers, self._prints):
            os.set_blocking(stream, False)
            self._selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(self._orders, False)

    def lines(self, deadline: float | None) -> Generator[bytes]:
        """What it answers, line by line, until it ends. Raises _TimeUp."""
        while self._process.poll() is None:
            for key, _ in self._selector.select(self._patience(deadline)):
                yield from self._heed(key.fd)
            if self._given_up() or (deadline is not None and time.monotonic() >= deadline):
                raise _TimeUp
        # Whoever still holds the pipes may keep them open for ever: what it said itself is there at once.
        self._kill_group()
        for stream in (self._prints, self._answers):
            yield from self._heed(stream)
        self._show(self._passage.rest())

    def send(self, line: bytes) -> None:
        """Say something to it."""
        self._unsent = memoryview(bytes(self._unsent) + line)
        if self._orders not in self._selector.get_map():
            self._selector.register(self._orders, selectors.EVENT_WRITE)

    def let_end(self, grace: float) -> None:
        """Give it some seconds to end by itself; what it still writes for people is passed on."""
        with contextlib.suppress(_TimeUp):
            for _ in self.lines(time.monotonic() + grace):
                pass

    def kill(self) -> None:
        """End its whole group, reap it and close the pipes."""
        self._kill_group()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            cast("Any", stream).close()

    def death(self, path: str) -> WorkerDied:
        """Why there is no answer."""
        status = self._process.returncode
        how = f"with exit code {status}"
        if status < 0:
            names = {one.value: f" ({one.name})" for one in signal.Signals}
            how = f"of signal {-status}{names.get(-status, '')}"
        last = "\n".join(self._written.splitlines()[-_LAST_LINES:]).strip()
        return WorkerDied(step=path, how=how, status=status, stderr=last or "nothing")

    def _patience(self, deadline: float | None) -> float:
        """How long to wait for the pipes: its end shows there, unless another process holds them or it closed them."""
        longest = _LOOK if self._answers in self._selector.get_map() else 0.002
        return longest if deadline is None else max(0.0, min(longest, deadline - time.monotonic()))

    def _kill_group(self) -> None:
        # Not there any more, or (on some systems) nothing but dead ones.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _heed(self, stream: int) -> Generator[bytes]:
        """Send or take what one pipe is ready for; the lines that are whole now."""
        if stream == self._orders:
            self._send()
            return
        try:
            piece = os.read(stream, _PIPE)
        except BlockingIOError:
            return
        if not piece:
            self._forget(stream)
        elif stream == self._prints:
            self._show(self._passage.pass_on(self._decoder.decode(piece)))
        else:
            *whole, rest = piece.split(b"\n")
            for end in whole:
                yield b"".join((*self._line, end))
                self._line.clear()
            self._line.append(rest)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._orders, self._unsent[:_PIPE]) :]
        except BrokenPipeError:  # it died; its end is noticed elsewhere
            self._forget(self._orders)
        if not self._unsent:
            self._forget(self._orders)  # open all the same: its end tells the process that this one is gone

    def _show(self, text: str) -> None:
        self._written = (self._written + text)[-8_000:]
        with contextlib.suppress(OSError, ValueError, AttributeError):  # a closed or absent stderr is no step's fault
            sys.stderr.write(text)
            sys.stderr.flush()

    def _forget(self, stream: int) -> None:
        if stream in self._selector.get_map():
            self._selector.unregister(stream)
