"""The functions that `test_isolated` runs in processes of their own, and the classes of their values."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import functools
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from knows_core import ConfigError, KnowsError, StepContext, TransientError, WorkflowState, step

T = TypeVar("T")
HANG = "import threading; threading.Event().wait(60)"


@dataclass(frozen=True)
class Reading:
    sensor: str
    values: tuple[float, ...]


class Pump(BaseModel):
    name: str
    alarms: list[str] = []


class Box(BaseModel, Generic[T]):
    held: T


class Ward(BaseModel):
    model_config = ConfigDict(extra="allow")
    beds: int
    names: list[str] = []
    note: str | None = None


class Sealed(BaseModel):
    model_config = ConfigDict(frozen=True)
    names: list[str]


class OddError(Exception):
    """Takes other arguments than it passes on."""

    def __init__(self, code, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code


class PumpError(KnowsError):
    code = "test-pump"
    sentence = "pump {pump} failed at {at!r}"
    remedy = "Look at {pump}."


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def whoami(result: int, state: WorkflowState, context: StepContext):
    return os.getpid(), result, context.run_id, context.step, context.attempt, str(context.deadline)


def change(state):
    state["count"] += 1
    state["list"].append("c")
    state["read"] = state["untouched"]
    del state["old"]


def admit(result: str, state: Ward) -> int:
    state.beds -= 1
    state.names.append(result)
    state.extra_bed = True  # type: ignore[attr-defined]
    del state.note
    return state.beds


def unseal(state: Sealed) -> None:
    state.names.append("b")


def measure(result: list[Pump]) -> dict[str, Reading]:
    return {pump.name: Reading(pump.name, (1.5, float("inf"))) for pump in result}


def unbox(result: Box[int]) -> Box[str]:
    return Box[str](held=str(result.held))


def refuse(result):
    return {"a": [1, refuse]}


def pass_on(result):
    return result


def printing(result):
    print("printed on stdout")
    print("printed on stderr", file=sys.stderr)
    os.write(1, b"written on 1\n")
    return sys.stdin.read()


def telling(context: StepContext):
    threads = [threading.Thread(target=context.progress, args=(number, 8, "of eight" * 20_000)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    context.progress(0.5)


async def waiting(result: int, state: WorkflowState) -> int:
    await asyncio.sleep(0)
    state["awaited"] = True
    return result + 1


@step
def grind(result: int, limit: int, unit: tuple[str, ...] = ()) -> list[object]:
    return [result, limit, unit]


class Shop:
    @staticmethod
    def sell(result):
        return f"sold {result}"

    @classmethod
    def buy(cls, result):
        return f"{cls.__name__} buys {result}"

    def keep(self, result):
        return result

    def __call__(self, result):
        return result


def shown(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


wrapped = shown(pass_on)  # carries the name of another function
unnamed = lambda result: result


def outer():
    def inner(result):
        return result

    return inner


def raising(result: str):
    try:
        raise LookupError("inner")
    except LookupError as inner:
        error = ERRORS[result]()
        raise error from inner


class Unsent:
    """A fact that is no JSON."""

    def __repr__(self):
        return "<unsent>"


def local_error():
    class LocalError(ValueError):
        pass

    return LocalError("gone with its process")


ERRORS = {
    "built-in": lambda: ValueError("bad", 3),
    "system": lambda: FileNotFoundError(2, "No such file", "/nowhere"),
    "key": lambda: KeyError("absent"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "text": lambda: TransientError("the pump is away"),
    "facts": lambda: PumpError(pump="P1", at=(1, 2)),
    "odd fact": lambda: PumpError(pump="P1", at=Unsent()),
    "family": lambda: ConfigError(name="n", expected="e", found=1),
    "odd": lambda: OddError("E7", "stuck"),
    "local": local_error,
    "mute": MuteError,
    "group": lambda: ExceptionGroup("many", [ValueError("one")]),
    "end": lambda: StopIteration(5),
}


def note_and_hang(file, context: StepContext):
    """Write the ids of this process and of a child of it, and hang."""
    context.progress(0)
    child = subprocess.Popen([sys.executable, "-c", HANG])
    with open(f"{file}.part", "w") as notes:  # noqa: PTH123 - what is written is what counts
        notes.write(f"{os.getpid()} {child.pid}")
    os.replace(f"{file}.part", file)  # noqa: PTH105 - there at once or not at all
    threading.Event().wait(60)


def tell_and_hang(context: StepContext):
    context.progress(os.getpid())
    threading.Event().wait(60)


def leave_behind(file):
    """Write the id of a child that goes on."""
    child = subprocess.Popen([sys.executable, "-c", HANG])
    with open(file, "w") as notes:  # noqa: PTH123 - as above
        notes.write(str(child.pid))
    return "done"


def tidy(result):
    """Answer, and leave something to be done at the end."""
    atexit.register(print, "tidied up")
    return result


def linger(result):
    """Answer, and leave a thread that never ends."""
    threading.Thread(target=threading.Event().wait, args=(60,)).start()
    return result


def hold_pipes(result):
    """Die, while a process of another group holds every pipe."""
    if os.fork() == 0:
        os.setsid()
        threading.Event().wait(20)
        os._exit(0)
    os._exit(3)


def dying(result: str):
    print("last words", flush=True)
    match result:
        case "exit":
            sys.exit(4)
        case "clean exit":
            sys.exit()
        case "hard exit":
            os._exit(5)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            ctypes.string_at(0)
        case "interrupt":
            print("and more" * 2000 + "\n" * 20, flush=True)  # how much a trace takes is another matter in each Python
            raise KeyboardInterrupt
        case _:
            raise AssertionError
