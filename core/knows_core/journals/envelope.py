"""An error as plain data: what the journal, the state's `error` and the command line keep of it.

No class of an error is trusted here: its text, its name and its attributes may raise, lie, or be enormous.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from knows_core.errors import KnowsError
from knows_core.secrecy.redaction import without_passwords

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LONGEST_TEXT: Final = 8_000  # characters that are kept: a 10 MB message must not fill the journal
DEEPEST: Final = 8  # causes, or groups in groups
_LONGEST_NAME: Final = 200
_MOST_IN_GROUP: Final = 20
_MOST: Final = 100  # errors in one description: groups in groups grow fast
_PYDANTIC: Final = ("pydantic_core._pydantic_core", "ValidationError")


class RecordedError(Exception):
    """Stands for an error that only a journal remembers: describing it gives the same data again."""

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__(described["message"])
        self.described = described


def describe(
    error: BaseException, depth: int = DEEPEST, *, redact: Callable[[str], str] = without_passwords
) -> dict[str, Any]:
    """An error as plain data: `type`, `message`, `code` and `cause` (the same again, or None).

    An ExceptionGroup also has `errors`, 20 at most; the last one says how many more there are. Every text has been
    through `redact`, whole, before it was cut. Never a traceback, a local variable, or the input that pydantic refused.
    """
    return _Describing(redact).described(error, depth)


def error_record(
    error: BaseException,
    at: datetime,
    step: str | None,
    attempt: int | None,
    *,
    redact: Callable[[str], str] = without_passwords,
) -> dict[str, Any]:
    """The record that a failed run keeps as `error`: the error as data, when it happened (aware), and where."""
    return {**describe(error, redact=redact), "timestamp": at, "step": step, "attempt": attempt}


def safe_text(error: BaseException, redact: Callable[[str], str] = str) -> str:
    """The text of an error, redacted and then cut to 8,000 characters, whatever its `__str__` does."""
    try:
        text = _pydantic_text(error) if _is_pydantic(error) else str(error)
    except BaseException as broken:  # noqa: BLE001 - not even one that exits may hide that a step failed
        return f"<its text could not be made: {kind_name(broken)}>"
    return _cut(redact(_plain(text)), LONGEST_TEXT)


def in_words(error: BaseException, redact: Callable[[str], str] = str) -> str:
    """An error in one text: the name of its class, and its own text."""
    if isinstance(error, RecordedError):
        return f"{error.described['type']}: {error.described['message']}"
    return f"{kind_name(error)}: {safe_text(error, redact)}"


def kind_name(error: BaseException) -> str:
    """The name of an error's class, past whatever its metaclass says."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return _cut(_plain(name), _LONGEST_NAME)


def code_of(error: BaseException) -> str | None:
    """The code of an error of ours; None for any other."""
    if isinstance(error, RecordedError):
        recorded: str | None = error.described["code"]
        return recorded
    if not isinstance(error, KnowsError):
        return None
    try:
        code: Any = error.code
    except BaseException:  # noqa: BLE001 - a property of a foreign subclass may do anything
        return None
    return _cut(_plain(code), _LONGEST_NAME) if isinstance(code, str) else None


def cause_of(error: BaseException) -> BaseException | None:
    """What an error was raised from, or while it was handled unless that is suppressed; past its own properties."""
    given, found, hidden = (_own(error, name) for name in ("__cause__", "__context__", "__suppress_context__"))
    return cast("BaseException | None", given if given is not None or hidden else found)


def _own(error: BaseException, name: str, kind: type[BaseException] = BaseException) -> Any:
    return kind.__dict__[name].__get__(error)


class _Describing:
    """One description under way: what may no longer be met, and how many errors there is still room for."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._around: list[int] = []
        self._left = _MOST

    def described(self, error: BaseException, depth: int) -> dict[str, Any]:
        if isinstance(error, RecordedError):
            return error.described
        self._left -= 1
        self._around.append(id(error))
        code = code_of(error)
        description: dict[str, Any] = {
            "type": self._redact(kind_name(error)),
            "message": safe_text(error, self._redact),
            "code": None if code is None else self._redact(code),
            "cause": self._inner(cause_of(error), depth),
        }
        if isinstance(error, BaseExceptionGroup):
            inside: tuple[BaseException, ...] = _own(cast("BaseException", error), "exceptions", BaseExceptionGroup)
            description["errors"] = self._several(inside, depth)
        self._around.pop()
        return description

    def _inner(self, error: BaseException | None, depth: int) -> dict[str, Any] | None:
        """None also where a chain bites its own tail, or grows too long."""
        if error is None or id(error) in self._around or depth <= 0 or self._left <= 0:
            return None
        return self.described(error, depth - 1)

    def _several(self, errors: tuple[BaseException, ...], depth: int) -> list[dict[str, Any]]:
        most = _MOST_IN_GROUP if len(errors) <= _MOST_IN_GROUP else _MOST_IN_GROUP - 1
        found = [self._inner(one, depth) for one in errors[:most]]
        described = [one for one in found if one is not None]
        if more := len(errors) - len(described):
            text = f"{more} more {'error' if more == 1 else 'errors'}, not kept"
            described.append({"type": "ExceptionGroup", "message": text, "code": None, "cause": None})
        return described


def _is_pydantic(error: BaseException) -> bool:
    """Whether it is pydantic's own, told without importing pydantic."""
    if kind_name(error) != _PYDANTIC[1]:
        return False
    return bool(type.__dict__["__module__"].__get__(type(error)) == _PYDANTIC[0])


def _pydantic_text(error: Any) -> str:
    """What pydantic found wrong, without the input, which may be a password, and without what was to do with it."""
    wrong = error.errors(include_input=False, include_context=False, include_url=False)
    told = [f"{'.'.join(map(str, one['loc'])) or 'value'}: {one['msg']} [{one['type']}]" for one in wrong]
    return f"{len(wrong)} validation {'error' if len(wrong) == 1 else 'errors'} for {error.title}: {'; '.join(told)}"


def _plain(text: str) -> str:
    """An exact text without the halves of signs that no encoding takes."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"
