"""`kwf run --approve`: whoever types the command approves what comes up."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from knows_core import DecisionRefused, RunStatus

if TYPE_CHECKING:
    from knows_core import LocalEngine, Run, WorkflowTemplate
    from knows_core.journals.records import Question

_NOTE = "--approve"


def approved(engine: LocalEngine, run: Run, template: WorkflowTemplate) -> Run:
    """Approve, in the role that is asked for, until the run ends or waits for what only a person can give.

    That is a value to give along, or what to do about a failure. A run that is not recorded cannot go on at all.
    """
    while run.status is RunStatus.SUSPENDED and engine.backend is not None:
        questions = list(filter(_can_be_approved, run.waiting))
        if not questions:
            break
        for question in questions:
            with suppress(DecisionRefused):  # its time is over, or somebody was quicker: going on tells
                engine.decide(run.id, "approve", by=user(), role=question.role, note=_NOTE, step=question.path)
        run = engine.resume(run.id, template)
    return run


def user() -> str:
    """The name of the user who runs this process; its number where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # KeyError: of Pythons before 3.13
        return f"user {os.getuid()}"


def _can_be_approved(question: Question) -> bool:
    return question.kind == "approval" and question.payload is None
