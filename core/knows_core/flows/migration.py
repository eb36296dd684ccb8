"""`Migration`: how runs of other versions come along with a template that has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from knows_core.errors import ContractError
from knows_core.version import Version, VersionRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Migration:
    """What a template declares for runs that began on another version of it: `Migration("^1.0", {"heat": "warm"})`.

    `since` is the range of versions that it takes runs from. `steps` gives the new path of a step, part or container,
    and of everything below it; None says that a finished step is gone. `state` makes the new state of the old one: it
    gets a copy and returns a dict; it must be pure. Raises InvalidVersion, ContractError.
    """

    since: str
    steps: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    state: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        VersionRange(self.since)
        new = [path for path in self.steps.values() if path is not None]
        if any(not isinstance(one, str) or not one for one in (*self.steps, *new)):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are not always typed
            raise ContractError(f"migration from {self.since}: steps maps paths to paths or None. Give texts.")
        twice = {path for path in new if new.count(path) > 1}
        if twice:
            found = ", ".join(sorted(twice))
            raise ContractError(f"migration from {self.since}: two paths become {found}. Give each one of its own.")

    @property
    def range(self) -> VersionRange:
        """The versions that it takes runs from."""
        return VersionRange(self.since)


def migration_from(migrations: Iterable[Migration], version: str) -> Migration | None:
    """The first migration, in declared order, that takes runs from this version."""
    return next((one for one in migrations if Version(version) in one.range), None)
