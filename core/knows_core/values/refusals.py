"""Why a value is not recorded, where it stands, and what to record instead."""

from __future__ import annotations

from typing import Any, Final

from knows_core.errors import NotStorable
from knows_core.errors.limits import TooDeep

_LONGEST_PATH: Final = 120
_SECRET: Final = "Secrets are never recorded: look this one up in the step that needs it, by a name that may be known."  # noqa: S105 - a sentence
_CODE: Final = "Record a name or number instead, and choose by it in the step that calls it."
_USED_UP: Final = "Reading it would use it up: record list(...) of it."
_OPEN: Final = "Record what it takes to open it, and open it in the step that needs it."
_NAME: Final = "Record its name."
_TEXT: Final = "Record str(...) of it."
_PLAIN: Final = "Record a plain {0}: {0}(...)."
_GENERAL: Final = (
    "Record what docs/reference/values.md lists: plain values, or objects of classes that an annotation names."
)
_REMEDIES: Final[dict[str, str]] = {
    **dict.fromkeys(("pydantic.types.SecretStr", "pydantic.types.SecretBytes", "pydantic.types.Secret"), _SECRET),
    **dict.fromkeys(
        ("builtins.function", "builtins.builtin_function_or_method", "builtins.method", "functools.partial"), _CODE
    ),
    **dict.fromkeys(("builtins.generator", "builtins.coroutine", "builtins.async_generator"), _USED_UP),
    **dict.fromkeys(("_io._IOBase", "_socket.socket", "_thread.lock", "_thread.RLock", "threading.Thread"), _OPEN),
    **dict.fromkeys(("builtins.module", "builtins.type"), _NAME),
    "builtins.BaseException": "Record str(...) of it, or raise it: what a failed attempt raised is recorded.",
    "builtins.memoryview": "Record bytes(...) of it.",
    "collections.deque": "Record list(...) of it.",
    **dict.fromkeys(("pathlib.PurePath", "pathlib._local.PurePath"), _TEXT),
    **dict.fromkeys(("ipaddress._IPAddressBase", "fractions.Fraction", "pydantic.networks._BaseUrl"), _TEXT),
    **{
        f"builtins.{one}": _PLAIN.format(one)
        for one in ("dict", "list", "tuple", "set", "frozenset", "str", "bytes", "bytearray", "int", "float", "complex")
    },
    "datetime.datetime": "Record a plain datetime: datetime.fromisoformat(value.isoformat()).",
    "datetime.date": "Record a plain date: date.fromisoformat(value.isoformat()).",
    "decimal.Decimal": "Record a plain Decimal: Decimal(...).",
    "uuid.UUID": "Record a plain UUID: UUID(int=value.int).",
}


class Refused(Exception):
    """A value that cannot be recorded; its path grows, innermost first, while it propagates."""

    def __init__(self, found: str, hint: str = "", *, deep: bool = False) -> None:
        self._found, self._hint, self._deep = found, hint, deep
        self._path: list[str] = []
        self._holders: list[int] = []

    def through(self, step: str, holder: object) -> None:
        """Note that the value stands under that step of something else."""
        self._path.append(step)
        self._holders.append(id(holder))

    def held_by(self, holder: object) -> None:
        """Note that the last step led out of the parts of an object, and not out of a dict."""
        if self._holders:
            self._holders[-1] = id(holder)

    def error(self, where: str) -> NotStorable:
        """The error to raise."""
        steps = self._path[::-1]
        if not self._deep:
            return NotStorable(where=where, path=_path(steps), found=self._found, hint=self._hint)
        again = _repeated(self._holders[::-1])
        if again is None:
            return TooDeep(where=where, path=_path(steps), found=self._found)
        outer, inner = again
        return TooDeep(where=where, path=_path(steps[:inner]), found=f"what stands at {_path(steps[:outer])} already")


def too_deep() -> Refused:
    """What is refused where the levels end."""
    return Refused("more", deep=True)


def refusal(kind: Any) -> Refused:
    """What is refused because of its class."""
    names = [f"{one.__module__}.{one.__qualname__}" for one in kind.__mro__]
    found = next((_REMEDIES[name] for name in names if name in _REMEDIES), None)
    if found is None:
        found = _USED_UP if hasattr(kind, "__next__") else _GENERAL
    return Refused(kind.__qualname__, found)


def shown(key: Any) -> str:
    """A key as a step of a path."""
    if type(key) is str and key.isidentifier() and len(key) <= _LONGEST_PATH:
        return f".{key}"
    if type(key) in (str, bytes):
        return f"[{key[:_LONGEST_PATH]!r}]"
    is_short = type(key) in (bool, float, type(None)) or (type(key) is int and key.bit_length() <= 64)  # noqa: PLR2004 - longer is no help
    return f"[{key!r}]" if is_short else f"[<{type(key).__qualname__}>]"


def _path(steps: list[str]) -> str:
    whole = "$" + "".join(steps)
    return whole if len(whole) <= _LONGEST_PATH else f"{whole[:_LONGEST_PATH]}..."


def _repeated(holders: list[int]) -> tuple[int, int] | None:
    """Where, from outside, something stands inside itself for the first time."""
    places: dict[int, int] = {}
    for index, one in enumerate(holders):
        if one in places:
            return places[one], index
        places[one] = index
    return None
