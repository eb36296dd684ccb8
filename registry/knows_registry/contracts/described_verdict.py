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
    """Whether what is produced fits, where inside it does not, and why.

    `partly` marks a NO of which some values would pass, as in `knows_core.fitting.verdict`.
    """

    answer: Answer
    path: str = ""
    reason: str = ""
    partly: bool = False

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


def no(why: str, *, partly: bool = False) -> Verdict:
    """Not every value passes; with `partly`, some do."""
    return Verdict(Answer.NO, reason=why, partly=partly)


def undecided(why: str) -> Verdict:
    """Only the value, or the classes themselves, can tell."""
    return Verdict(Answer.UNDECIDED, reason=why)


def all_of(parts: Iterable[Verdict]) -> Verdict:
    """Of a whole whose parts must all fit: as good as its worst part."""
    return max(parts, key=_severity, default=YES)


def each_of(members: Iterable[Verdict]) -> Verdict:
    """Of a value that is one of several: every one must fit, and where one does not the others still may."""
    found = list(members)
    worst = all_of(found)
    hope = worst.answer is Answer.NO and any(_severity(one) < _severity(worst) for one in found)
    return worst._replace(partly=True) if hope else worst


def any_of(choices: Iterable[Verdict]) -> Verdict:
    """Of a consumer that takes several types: as good as the best of them."""
    return min(choices, key=_severity, default=no("nothing may come"))


def _severity(verdict: Verdict) -> int:
    return _SEVERITY[verdict.answer] + (verdict.answer is Answer.NO and not verdict.partly)
