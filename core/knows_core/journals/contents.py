"""What each kind of record holds: a journal is believed only where it says what it should.

Its chain shows damage; this shows what another program, or another version of this one, has written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from knows_core.journals.records import (
    Answered,
    Asked,
    Compensating,
    Decided,
    Entered,
    Joined,
    Migrated,
    Rebound,
    RunCreated,
    RunEnded,
    RunResumed,
    Settled,
    StepDone,
    StepFailed,
    StepIntended,
    StepRetried,
)
from knows_core.run import RunStatus

_Check = Callable[[Any], bool]


def _of(*kinds: type) -> _Check:
    return lambda value: type(value) in kinds


def _list_of(check: _Check) -> _Check:
    return lambda value: type(value) is list and all(map(check, cast("list[Any]", value)))


def _dict_of(check: _Check) -> _Check:
    return lambda value: type(value) is dict and all(map(check, cast("dict[str, Any]", value).values()))


def _anything(_value: Any) -> bool:
    return True


def _is_over(value: Any) -> bool:
    return value in list(RunStatus) and RunStatus(value).is_over


def _is_moment_or_none(value: Any) -> bool:
    """Whether it can be waited for: a pause until the end of all times would be none."""
    return value is None or (type(value) in (int, float) and 0 <= value < _YEAR_10000)


def _is_shape(value: Any) -> bool:
    """Whether it is a list of entries, and everything that begins in it ends in it."""
    if not _list_of(_list_of(_text))(value):
        return False
    opened: list[tuple[str, str]] = []
    for entry in cast("list[list[str]]", value):
        if len(entry) < 2:  # noqa: PLR2004 - a kind and a path
            return False
        kind, path = entry[:2]
        if kind.startswith("end of "):
            if not opened or opened.pop() != (kind.removeprefix("end of "), path):
                return False
        elif kind == "branch":
            if not opened:
                return False
        elif kind != "step":
            opened.append((kind, path))
    return not opened


def _is_error(value: Any) -> bool:
    return (
        type(value) is dict
        and set(cast("dict[str, Any]", value)) - {"errors"} == {"type", "message", "code", "cause"}
        and _text(value["type"])
        and _text(value["message"])
        and _text_or_none(value["code"])
        and (value["cause"] is None or _is_error(value["cause"]))
        and ("errors" not in value or _list_of(_is_error)(value["errors"]))
    )


_YEAR_10000: Final = 253_402_300_800  # seconds since 1970
_text: Final = _of(str)
_text_or_none: Final = _of(str, type(None))
_whole: Final = _of(int)
_whole_or_none: Final = _of(int, type(None))
_attempt: Final[dict[str, _Check]] = {"path": _of(str), "attempt": _of(int)}
_state: Final = _of(dict)
_texts: Final = _list_of(_text)
_linked: Final = _list_of(lambda one: _texts(one) and len(one) == 4)  # noqa: PLR2004 - the fields of Linked
_outline: Final = _list_of(lambda one: _texts(one) and len(one) == 2)  # noqa: PLR2004 - a field and its annotation
_changes: Final[dict[str, _Check]] = {"set": _state, "drop": _texts, "branch": _text}
_fingerprint: Final[dict[str, _Check]] = {
    "version": _text,
    "shape": _is_shape,
    "shape_digest": _text,
    "contract_digest": _text,
    "classes": _dict_of(_outline),
    "code": _dict_of(_text),
    "linked": _linked,
}
# By kind: what a record of it must hold, and what else it may.
_FORMS: Final[dict[str, tuple[dict[str, _Check], dict[str, _Check]]]] = {
    RunCreated.__name__: (
        {"template": _text, **_fingerprint, "reference": _text_or_none, "input": _anything, "state": _state},
        {"origin": lambda one: _texts(one) and len(one) == 2, "copied": _whole},  # noqa: PLR2004 - a run and a step
    ),
    Rebound.__name__: ({"difference": _text, **_fingerprint}, {"set": _state}),
    Migrated.__name__: (
        {"was": _text, **_fingerprint, "paths": _dict_of(_text_or_none)},
        {"set": _state, "drop": _texts},
    ),
    RunResumed.__name__: ({"edited": _texts}, {}),
    StepIntended.__name__: (_attempt, {}),
    StepDone.__name__: ({**_attempt, "result": _anything}, _changes),
    StepFailed.__name__: (
        {**_attempt, "error": _is_error},
        {"until": _is_moment_or_none, "final": _of(bool)},
    ),
    StepRetried.__name__: (_attempt, {}),
    Settled.__name__: (
        {"path": _text, "how": _text},
        {**_changes, "result": _anything, "result_of": _text},
    ),
    Asked.__name__: (
        {**_attempt, "question": _text, "shown": _anything, "digest": _text},
        {"role": _text, "expires": _of(int, float), "payload": _text, "reason": _text},
    ),
    Answered.__name__: (
        {"path": _text, "choice": _text, "by": _text, "shown": _text},
        {"role": _text, "value": _anything, "note": _text},
    ),
    Decided.__name__: ({"path": _text, "verdict": _whole}, {}),
    Entered.__name__: ({"path": _text}, _changes),
    Joined.__name__: ({"path": _text}, {**_changes, "filled": _texts}),
    Compensating.__name__: ({"error": _is_error, "path": _text_or_none, "attempt": _whole_or_none}, {}),
    RunEnded.__name__: (
        {"status": _is_over},
        {
            "error": _is_error,
            "path": _text_or_none,
            "attempt": _whole_or_none,
            "compensated": _of(bool),
            "waiting": _texts,
            "result": _anything,
            "result_of": _text,
        },
    ),
}


def fault_in(kind: str, content: dict[str, Any]) -> str | None:
    """What keeps a record from being one of its kind; None where nothing does."""
    if kind not in _FORMS:
        return f"this version knows no {kind}"
    must, may = _FORMS[kind]
    missing = [name for name in must if name not in content]
    unknown = [name for name in content if name not in must and name not in may]
    wrong = [name for name, check in (must | may).items() if name in content and not check(content[name])]
    if kind == RunEnded.__name__ and not (missing or wrong):
        missing += _missing_at_the_end(content)
    if kind == Settled.__name__ and ("result" in content) == ("result_of" in content):
        missing.append("result")
    told = (("it lacks", missing), ("it holds the unknown", unknown), ("of the wrong type is", wrong))
    return next((f"a {kind}: {what} {', '.join(names)}" for what, names in told if names), None)


def _missing_at_the_end(content: dict[str, Any]) -> list[str]:
    """A run that completed has a result, or names the step that gave it; any other end has an error, and where.

    A suspended one needs none: it may wait for a person although nothing failed.
    """
    if content["status"] == RunStatus.COMPLETED:
        return [] if ("result" in content) != ("result_of" in content) else ["result"]
    if content["status"] == RunStatus.SUSPENDED and "error" not in content:
        return []
    return [name for name in ("error", "path", "attempt") if name not in content]
