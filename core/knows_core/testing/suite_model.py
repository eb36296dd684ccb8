"""What the machine over the contract believes: the runs of a place, and the objects that are open on it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from knows_core.backend import Append, StateBackend
from knows_core.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Wish:
    """An append that is to be tried: how far from right it is, and what it brings."""

    run: str
    epoch_off: int
    sequence_off: int
    records: list[bytes]
    status: RunStatus | None
    version: str | None
    compensated: bool | None


@dataclass(slots=True)
class Model:
    """What a run must be. `owner` is the number of the object that holds it."""

    epoch: int
    owner: int | None
    records: list[bytes]
    minute: int
    status: RunStatus = RunStatus.RUNNING
    version: str = "1.2.3"
    cancelling: bool = False
    compensated: bool = False

    def is_owned(self, owner: int, epoch: int) -> bool:
        """Whether that object holds the run by that epoch."""
        return (self.owner, self.epoch) == (owner, epoch)

    def take(self, owner: int, one: Append) -> bool:
        """Append as the port says; whether it is accepted."""
        if not self.is_owned(owner, one.epoch) or one.sequence != len(self.records):
            return False
        self.records += one.records
        self.version = one.version or self.version
        self.status = one.status or self.status
        self.compensated = self.compensated if one.compensated is None else one.compensated
        if one.status is not None and one.status.is_over:
            self.owner, self.cancelling = None, False
        return True


@dataclass(slots=True)
class Place:
    """One place with the objects that are open on it, kept over all examples: each has runs of its own names."""

    open_object: Callable[[], StateBackend]
    owners: int
    reopens: bool
    opened: dict[int, StateBackend] = field(default_factory=dict[int, StateBackend])
    examples: itertools.count[int] = field(default_factory=itertools.count)

    def object(self, owner: int) -> StateBackend:
        """The object of that number, opened when it is first needed."""
        if owner not in self.opened:
            self.opened[owner] = self.open_object()
        return self.opened[owner]

    def close(self, owner: int) -> None:
        """Close the object of that number; the next use opens another."""
        if owner in self.opened:
            self.opened.pop(owner).close()
