"""What is known of a run in the plain evaluation: everything that happened, by its path."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from knows_core.flow import Step
    from knows_core.journals.records import Question
    from knows_core.recovery import OnError, Retry
    from knows_core.rules import Rules
    from knows_core.testing.plain_state import Held, Model
    from knows_core.testing.simulator import Person
    from knows_core.testing.world import World


class FailedError(Exception):
    """Something failed at a path, for reasons of a type."""

    def __init__(self, path: str, error: Exception | None, kind: str = "") -> None:
        super().__init__(path)
        self.path, self.error, self.kind = path, error, kind or type(error).__name__
        self.final = self.asked = False


class WaitsError(Exception):
    """Nothing goes on here before a person decides, at these paths; any other question is of no matter any more."""

    def __init__(self, *paths: str) -> None:
        super().__init__(*paths)
        self.paths = paths


class Place(NamedTuple):
    """Where in the flow: what paths begin with, and what the scopes and templates around say."""

    at: str = ""
    model: Model = None
    retry: Retry | None = None
    answers: tuple[OnError, ...] = ()
    keys: tuple[Mapping[str, str] | str, ...] = ()
    around: tuple[str, ...] = ()  # scopes that are undone as a whole


@dataclass(slots=True)
class Asking:
    """A question that was asked, and what was said; `late` when nobody answers in time."""

    question: Question
    said: tuple[str, Any] | None = None
    late: bool = False


class Undo(NamedTuple):
    """What came to its end and can be undone: its result, by what, and where."""

    result: Any
    step: Step[Any, Any]
    place: Place


class Asked(NamedTuple):
    """One question and what a person said: None where it expired, or where nobody was there any more to ask."""

    path: str
    kind: str
    choice: str | None
    value: Any = None


@dataclass(slots=True)
class Known:
    """What is known of a run: all that happened, by its path."""

    rules: Rules
    world: World
    person: Person | None
    results: dict[str, Any] = field(default_factory=dict[str, Any])
    verdicts: dict[str, int] = field(default_factory=dict[str, int])
    owns: dict[str, Held] = field(default_factory=dict[str, "Held"])  # of branches
    entered: set[str] = field(default_factory=set[str])
    retries: Counter[str] = field(default_factory=Counter[str])
    paused: dict[str, float] = field(default_factory=dict[str, float])  # seconds since the first failure
    open: dict[str, Asking] = field(default_factory=dict[str, Asking])
    answers: Counter[str] = field(default_factory=Counter[str])
    told: list[Asked] = field(default_factory=list[Asked])
    finished: dict[str, Undo] = field(default_factory=dict[str, Undo])

    def ask(self, question: Question) -> WaitsError:
        """Ask a person; what is given back is to be raised."""
        self._close(question.path)
        self.open[question.path] = Asking(question)
        return WaitsError(question.path)

    def fail(self, path: str) -> None:
        """A failure is recorded."""
        self.world.failures[path] += 1
        self._close(path)

    def close(self) -> None:
        """Nobody asks any more."""
        for path in list(self.open):
            self._close(path)

    def _close(self, path: str) -> None:
        asking = self.open.pop(path, None)
        if asking is not None:
            self.told.append(Asked(path, asking.question.kind, *(asking.said or (None,))))

    def finish(self, path: str, result: Any, undo: Step[Any, Any] | None, place: Place) -> None:
        """Something came to its end."""
        self.results[path] = result
        self._close(path)
        if undo is not None:
            self.finished[path] = Undo(result, undo, place)

    def answer_all(self, paths: Iterable[str]) -> bool:
        """Let the person answer what waits at these paths: acts in doubt, or else everything; whether there is one."""
        waiting = [self.open[path] for path in dict.fromkeys(paths)]
        doubts = [asking for asking in waiting if asking.question.kind == "doubt"]
        for asking in doubts or waiting:
            question = asking.question
            if asking.said is None and self.person is not None:
                asking.said = self.person(question, self.answers[question.path])
                asking.late = asking.said is None
                self.answers[question.path] += asking.said is not None and question.kind != "doubt"
        return self.person is not None
