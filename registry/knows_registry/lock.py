"""`knows.lock`: which versions a request came to, so that everybody who has the file runs the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from knows_core import Requirement, Version
    from knows_registry.resolve import Slot

NAME = "knows.lock"


class LockedTemplate(NamedTuple):
    """One row: the version that fills a slot, where it comes from, what it is, and who wants it in which range."""

    slot: Slot
    version: Version
    distribution: str
    distribution_version: str
    entry_point: str
    contract: str
    shape: str
    artifact: str
    editable: bool
    required_by: tuple[tuple[str, str], ...]


class LockedPlugin(NamedTuple):
    """A plugin that a run loads (`hooks.audit`, `backend.sqlite`), and the artifact it is part of."""

    entry: str
    distribution: str
    distribution_version: str
    artifact: str
    editable: bool


class Lock(NamedTuple):
    """A whole lock file."""

    request: tuple[Requirement, ...]
    templates: tuple[LockedTemplate, ...]
    plugins: tuple[LockedPlugin, ...]

    @property
    def versions(self) -> dict[Slot, Version]:
        """What a resolution prefers."""
        return {row.slot: row.version for row in self.templates}


def read(file: Path) -> Lock:
    """Read a lock file. Raises LockBroken for one that was edited or cannot be read, saying what differs."""
    raise NotImplementedError(file)


def text_of(lock: Lock) -> str:
    """The one canonical text of a lock."""
    raise NotImplementedError(lock)


def write(lock: Lock, file: Path) -> None:
    """Put a lock file in the place of the old one, at once or not at all."""
    raise NotImplementedError(lock, file)
