"""Whether a plugin may be imported: listing is free, importing is a permission."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knows_registry.discover import Entry
    from knows_registry.lock import Lock

MODES = ("lock", "allow", "any")


class Permission:
    """What may be imported under a mode (`lock`, `allow`, `any`; None: `lock` where there is one, else `any`)."""

    def __init__(self, mode: str | None = None, *, lock: Lock | None = None) -> None:
        self.mode = mode or ("lock" if lock is not None else "any")
        self.lock = lock

    def refusal(self, entry: Entry) -> str | None:
        """Why an entry may not be imported, as a sentence without its next move; None where it may."""
        raise NotImplementedError(entry)

    def demand(self, entry: Entry) -> None:
        """Raise PluginNotPermitted, or PluginBroken where it needs a newer core, unless an entry may be imported."""
        raise NotImplementedError(entry)
