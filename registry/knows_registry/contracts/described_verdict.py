"""The three answers to whether one described type fits another, and how that on a whole follows from those on parts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_registry.contracts.described import Typed


class Answer(StrEnum):
    """From the best to the worst."""

    YES = "yes"
    UNDECIDED = "undecided"
    NO = "no"


class Verdict(NamedTuple):
    """Whether what is produced fits, where inside it does not, and why."""

    answer: Answer
    path: str = ""
    reason: str = ""

    def at(self, step: str) -> Verdict:
        """The same, found at a place inside."""
        return self if self.answer is Answer.YES else self._replace(path=step + self.path)


class Ask(Protocol):
    """How a rule asks about parts, and what it must know of the whole question."""

    one_origin: bool
    converts: bool

    def ask(self, produced: Typed, consumed: Typed) -> Verdict:
        """Compare two parts."""
        ...


YES: Final = Verdict(Answer.YES)
_SEVERITY: Final = {answer: number for number, answer in enumerate(Answer)}


def no(why: str) -> Verdict:
    """Not every value passes."""
    return Verdict(Answer.NO, reason=why)


def undecided(why: str) -> Verdict:
    """Only the value, or the classes themselves, can tell."""
    return Verdict(Answer.UNDECIDED, reason=why)


def all_of(parts: Iterable[Verdict]) -> Verdict:
    """Of a whole whose parts must all fit: as good as its worst part."""
    return max(parts, key=lambda one: _SEVERITY[one.answer], default=YES)


def any_of(choices: Iterable[Verdict]) -> Verdict:
    """Of a consumer that takes several types: as good as the best of them."""
    return min(choices, key=lambda one: _SEVERITY[one.answer], default=no("nothing may come"))
