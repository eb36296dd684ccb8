"""Errors of a process of its own, made again of what it reports."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from knows_core.errors import IsolatedStepFailed, KnowsError
from knows_core.flows.located import found_here
from knows_core.journals.envelope import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.secrecy.redaction import Redactor
    from knows_core.values.codec import Codec


def error_of(report: dict[str, Any], path: str, codec: Codec, redactor: Redactor) -> Exception:
    """The error that a process reports, as the same class where this process holds it."""
    error = _same_error(report, codec)
    if error is None:
        error = IsolatedStepFailed(step=path, kind=f"{report['module']}.{report['qualname']}", text=report["text"])
    with contextlib.suppress(Exception):  # a foreign class may refuse either
        if report["cause"] is not None:
            error.__cause__ = error_of(report["cause"], path, codec, redactor)
        if report["trace"]:
            error.add_note(f"In the process of step {path}:\n{redactor.error(report['trace'])}")
    return error


def _same_error(report: dict[str, Any], codec: Codec) -> Exception | None:
    """An error of the reported class with the reported text; None where that cannot be had."""
    kind = found_here(report["module"], report["qualname"])
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return None
    # Its constructor may want other arguments than those it passed on; without it the parts are put in by hand.
    makers: tuple[Callable[..., Exception], ...] = (kind, functools.partial(kind.__new__, kind))
    for make in makers:
        try:
            error = make(*map(codec.decode, report["args"]))
            error.__dict__.update({name: codec.decode(part) for name, part in report["held"].items()})
            if isinstance(error, KnowsError) and safe_text(error) != report["text"]:
                error.message = report["text"]  # a fact that was no JSON is shown in another way
        except Exception:  # noqa: BLE001, S112 - a foreign class may raise anything
            continue
        if type(error) is kind and safe_text(error) == report["text"]:
            return error
    return None
