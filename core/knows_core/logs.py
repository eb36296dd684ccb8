"""What goes to Python's `logging`: complaints to `knows_core`, and the events of runs to `knows_core.runs`.

Quiet by default: without a handler of the program nothing is written anywhere. No text gets here unredacted.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from knows_core.journals.envelope import code_of, in_words
from knows_core.journals.records import RunEnded, StepFailed
from knows_core.journals.traces import trace
from knows_core.run import RunStatus

if TYPE_CHECKING:
    from knows_core.journals.records import Event
    from knows_core.secrecy.redaction import Redactor

COMPLAINTS: Final = "knows_core"
RUNS: Final = "knows_core.runs"
# Everything else that happens in a run is worth a line of its own: questions, answers, acts, pauses, compensation.
_STEPS: Final = ("StepStarted", "StepProgress", "StepDone", "StepRetried", "Entered", "Joined", "Decided")
_FIELDS: Final = {"path": "step", "attempt": "attempt", "status": "status"}


def complaints() -> logging.Logger:
    """The logger for what the framework itself has to say."""
    logger = logging.getLogger(COMPLAINTS)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # else warnings would reach stderr of programs that log nothing
    return logger


def complain(sentence: str, *facts: object, error: BaseException, redactor: Redactor) -> None:
    """Log a sentence and where an error came from. Not with `exc_info`: handlers would show its text as it is."""
    logger = complaints()
    if logger.isEnabledFor(logging.ERROR):
        try:
            text = redactor.error(sentence % facts)
        except Exception:  # noqa: BLE001 - a foreign object cannot even be shown
            text = sentence
        record = logger.makeRecord(COMPLAINTS, logging.ERROR, __file__, 0, text, (), None)
        record.exc_text = trace(error, redactor.error)  # what formatters put below the message
        logger.handle(record)


def run_logger() -> logging.Logger | None:
    """The logger of runs, where the program has a handler that would take the failure of one."""
    logger = logging.getLogger(RUNS)
    complaints()
    if not logger.isEnabledFor(logging.WARNING):
        return None
    above: logging.Logger | None = logger
    while above is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in above.handlers):
            return logger
        above = above.parent if above.propagate else None
    return None


class RunLog:
    """Logs the events of one run, until the program's logging raises.

    `detailed` tells whether somebody wants to hear of its steps.
    """

    def __init__(self, logger: logging.Logger, run: str, template: str, redactor: Redactor) -> None:
        self._logger = logger
        self._run = run
        self._template = template
        self._redactor = redactor
        self._is_broken = False
        self.detailed = logger.isEnabledFor(logging.DEBUG)

    def begun(self, *, again: bool) -> None:
        """Log that somebody drives the run from now on."""
        event, word = ("RunResumed", "goes on") if again else ("RunCreated", "begins")
        self._log(logging.INFO, f"run {self._run} of {self._template} {word}", event, {"status": "running"})

    def tell(self, event: Event) -> None:
        """Log an event."""
        kind = type(event).__name__
        level = logging.DEBUG if kind in _STEPS else logging.INFO
        error = getattr(event, "error", None)
        if isinstance(event, StepFailed) or (isinstance(event, RunEnded) and event.status in _FAILED):
            level = logging.WARNING
        if self._is_broken or not self._logger.isEnabledFor(level):
            return
        facts: dict[str, Any] = {
            field: str(value) if field == "status" else value
            for name, field in _FIELDS.items()
            if (value := getattr(event, name, None)) is not None
        }
        where = f" {facts['step']}" if "step" in facts else ""
        text = f"run {self._run}: {kind}{where}" + (f" {facts['status']}" if "status" in facts else "")
        if note := getattr(event, "note", ""):
            text = f"{text}: {note}"
        if error is not None:
            facts["code"] = code_of(error)
            text = f"{text}: {in_words(error, self._redactor.error)}"
        self._log(level, text, kind, facts)

    def _log(self, level: int, text: str, event: str, facts: dict[str, Any]) -> None:
        fields = {"step": None, "attempt": None, "status": None, "code": None, **facts}
        extra = {"run": self._run, "template": self._template, "event": event, **fields}
        try:
            self._logger.log(level, "%s", self._redactor.error(text), extra=extra)
        except Exception:  # noqa: BLE001 - a filter of the program is as foreign as an observer
            self._is_broken = True


_FAILED: Final = (RunStatus.FAILED, RunStatus.COMPENSATION_FAILED, RunStatus.STUCK)
