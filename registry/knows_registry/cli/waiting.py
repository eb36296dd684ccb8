"""What a suspended run waits for, in words, and the command lines that answer it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.resuming.deciding import choices
from knows_registry.cli.answer import plain, shown
from knows_registry.cli.moves import again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_core.journals.records import Question

SUSPENDED = 9  # the exit code of a command whose run waits for somebody


class Waiting(NamedTuple):
    """The questions of one run, recorded at the place that the command was given."""

    run: str
    questions: Sequence[Question]
    backend: str | None

    @property
    def resume(self) -> str:
        """The command line that goes on with the run."""
        return again("resume", self.run, self.backend)

    @property
    def is_open(self) -> bool:
        """Whether somebody can still decide something."""
        return any(map(_is_open, self.questions))

    @property
    def line(self) -> str:
        """What it waits for, in one line."""
        return f"it waits for a decision on {'; '.join(map(_line, self.questions))}"

    @property
    def next_move(self) -> str:
        """What to type next: the answer to the first question that is open, then the resuming."""
        question = next(filter(_is_open, self.questions), None)
        if question is None:
            return f"`{self.resume}` goes on with it: the time to decide is over"
        told = {choice: f"`{self._command(question, choice)}`" for choice in choices(question)}
        if question.kind == "doubt":
            return f"Look whether it took effect; then {told['done']} or {told['retry']}, and `{self.resume}`"
        first = next(iter(told)) if question.kind == "approval" else "retry"
        others = " or ".join(choice for choice in told if choice != first)
        return f"{told[first]} (or {others}), then `{self.resume}`"

    def facts(self) -> list[dict[str, Any]]:
        """The questions for a program."""
        return [
            {
                "step": one.path,
                "kind": one.kind,
                "role": one.role,
                "expires": None if one.expires is None else datetime.fromtimestamp(one.expires, UTC),
                "shown": one.shown,
                "payload": one.payload,
                "reason": one.reason or None,
                "answers": self._commands(one),
            }
            for one in self.questions
        ]

    def lines(self) -> list[str]:
        """The questions for a person, each with the command lines that answer it."""
        told: list[str] = []
        for question in self.questions:
            told += _block(question)
            answers = self._commands(question)
            told += ["  answer with one of:", *(f"    {one}" for one in answers)] if answers else []
        # Escaped line by line: what is shown comes from a step, and must not look like anything else.
        return [shown(line) for line in told]

    def _commands(self, question: Question) -> list[str]:
        """Ready but for NAME and JSON; none where the time to decide is over."""
        return [self._command(question, choice) for choice in choices(question)] if _is_open(question) else []

    def _command(self, question: Question, choice: str) -> str:
        who = f"NAME:{question.role}" if question.role else "NAME"
        step = ["--step", question.path] if len(self.questions) > 1 else []
        takes_value = choice == "done" or (choice == "approve" and question.payload is not None)
        value = ["--value", "JSON"] if takes_value else []
        return again("decide", self.run, self.backend, choice, "--as", who, *step, *value)


def _is_open(question: Question) -> bool:
    return question.expires is None or time.time() < question.expires


def _line(question: Question) -> str:
    """A question in one line: `apply (approval, role engineer, until 2026-01-02 03:04:05Z)`."""
    role = f"role {question.role}" if question.role else ""
    until = f"until {_moment(question.expires)}" if question.expires is not None else ""
    return f"{question.path} ({', '.join(filter(None, (question.kind, role, until)))})"


def _block(question: Question) -> list[str]:
    told = [_line(question)]
    if question.reason:
        told.append(f"  reason: {question.reason}")
    if question.kind == "approval":
        value = json.dumps(plain(question.shown), indent=2, ensure_ascii=False).splitlines()
        told += ["  shown:", *(f"    {line}" for line in value)]
    if question.payload is not None:
        told.append(f"  takes a value along: {question.payload}")
    if not _is_open(question):
        told.append("  the time to decide is over")
    return told


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
