"""What keeps foreign code and foreign metadata from costing more than themselves."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Generator

_leave = os._exit  # whoever is `staying` has another in its place


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end; `exit_code` is what a shell expects of one that did."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def listening() -> Generator[None]:
    """Raise Interrupted at the first SIGINT or SIGTERM inside the block; a second one ends the process at once.

    A signal that the caller ignores (`nohup`) or handles stays theirs, and all do where this is not the main thread.
    """
    heard = False

    def hear(number: int, _: object) -> None:
        nonlocal heard
        if heard:
            _leave(128 + number)
        heard = True
        raise Interrupted(number)

    plain = (signal.SIG_DFL, signal.default_int_handler)
    in_main = threading.current_thread() is threading.main_thread()
    ours = [number for number in (signal.SIGINT, signal.SIGTERM) if in_main and signal.getsignal(number) in plain]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, hear) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Left(BaseException):
    """Code that was imported called `os._exit`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it ended the interpreter with exit code {status} while it was imported")


@contextmanager
def staying() -> Generator[None]:
    """Raise Left where code that is imported in the block would end the interpreter by `os._exit`.

    Else the command would end there without an answer, and with 0 if the code likes. Other threads, and processes that
    were forked, end what they mean to.
    """
    before, imported = os._exit, True
    here = threading.get_ident(), os.getpid()

    def leave(status: int) -> NoReturn:
        if imported and here == (threading.get_ident(), os.getpid()):
            raise Left(status)
        before(status)

    os._exit = leave
    try:
        yield
    finally:
        imported = False  # the code may have kept the function for later
        os._exit = before


def asked_for(error: BaseException) -> bool:
    """Whether a person or the system asked for this end, and not the code that was called.

    Any code can raise KeyboardInterrupt. While `listening`, a real one is told apart by its class; under Python's own
    handler it is not, and counts as the person's.
    """
    if isinstance(error, Interrupted):
        return True
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def skip_pydantic_plugins() -> None:
    """Keep pydantic from reading the entry points of every distribution, where one malformed line ends every import.

    Nothing here needs a plugin of pydantic's. Whoever does sets PYDANTIC_DISABLE_PLUGINS to an empty text.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
