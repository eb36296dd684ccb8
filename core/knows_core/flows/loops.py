"""Flows that are made several times: over the items of a list, or turn after turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from knows_core.flow import Flow, I_contra, O_co

if TYPE_CHECKING:
    from knows_core.binding import Predicate


@dataclass(frozen=True, slots=True, eq=False)
class Numbered(Flow[I_contra, O_co]):
    """A node whose flow is made several times; its segment has a place for the number."""

    flow: Flow[Any, Any]

    @property
    def inner(self) -> tuple[Flow[Any, Any], ...]:
        """The flow."""
        return (self.flow,)

    @property
    def segment(self) -> str:
        """Its name, or the first one inside, with brackets for the number."""
        return f"{self.first_name}[]"

    @property
    def key(self) -> str:
        """As in paths."""
        return self.segment


@dataclass(frozen=True, slots=True, eq=False)
class Each(Numbered[I_contra, O_co]):
    """A flow over every item of a list, at most so many side by side, each on a state of its own."""

    max_concurrency: int
    name: str | None = None
    kind: ClassVar[str] = "each"


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Numbered[I_contra, O_co]):
    """A flow again and again, each turn on the result of the one before, until a predicate says yes."""

    until: Predicate
    max_times: int
    name: str | None = None
    kind: ClassVar[str] = "repeat"
