"""The four verdicts on a seam, and how the verdict on a whole follows from those on its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Ask = Callable[[Any, Any], "Found"]  # (produced, consumed) -> what was found; how a rule asks about parts


class Fit(StrEnum):
    """What happens to a value at a seam; from the best to the worst."""

    FITS = "fits"
    CONVERTS = "converts"
    RUN_TIME = "checked at run time"
    DOES_NOT_FIT = "does not fit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether what is produced may be consumed, and why: the place inside the types, both sides, the rule.

    `partly` marks a DOES_NOT_FIT of which some values would pass (`int | None` into `int`, a class into its subclass):
    a lenient check may leave those to the run.
    """

    fit: Fit
    reason: str
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A verdict in the making; its path grows, innermost first, while it is handed up."""

    fit: Fit
    why: str = ""
    path: tuple[str, ...] = ()
    partly: bool = False

    def at(self, *steps: str) -> Found:
        """The same, found at a place inside."""
        return self if self is FITS else replace(self, path=(*steps, *self.path))

    @property
    def severity(self) -> int:
        """0 for a fit to 4 for what no value passes."""
        return _SEVERITY[self.fit] + (self.fit is Fit.DOES_NOT_FIT and not self.partly)


_SEVERITY: Final = {fit: number for number, fit in enumerate(Fit)}
_HOPELESS: Final = len(Fit)
FITS: Final = Found(Fit.FITS)


def converts(why: str) -> Found:
    """The value is dumped and validated into the other class."""
    return Found(Fit.CONVERTS, why)


def later(why: str) -> Found:
    """Only the value can tell."""
    return Found(Fit.RUN_TIME, why)


def never(why: str, *, partly: bool = False) -> Found:
    """Not every value passes; with `partly`, some do."""
    return Found(Fit.DOES_NOT_FIT, why, partly=partly)


def all_of(parts: Iterable[Found]) -> Found:
    """Of a whole whose parts must all fit: as good as its worst part."""
    worst = FITS
    for part in parts:
        if part.severity > worst.severity:
            worst = part
        if worst.severity == _HOPELESS:
            break
    return worst


def each_of(members: Iterable[Found]) -> Found:
    """Of a value that is one of several: every one must fit, and where one does not the others still may."""
    found = list(members)
    worst = all_of(found)
    hope = any(one.severity < _HOPELESS for one in found)
    return replace(worst, partly=True) if worst.severity == _HOPELESS and hope else worst


def any_of(choices: Iterable[Found]) -> Found | None:
    """Of a consumer that takes several types: as good as the best of them; None where there is none."""
    best: Found | None = None
    for choice in choices:
        if best is None or choice.severity < best.severity:
            best = choice
        if best is FITS:
            break
    return best
