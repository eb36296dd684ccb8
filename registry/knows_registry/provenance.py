"""Which distribution brings a template version that is not installed, as far as the lock or its other versions tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_registry.discover import Offer
    from knows_registry.locking.lock import Lock


def bringing(name: str, version: str, lock: Lock | None, offers: Sequence[Offer]) -> str:
    """What to type to have the version again, as a sentence; empty where it is there, or nobody knows who brought it.

    The lock names distribution and release; an installed neighbour, the distribution alone.
    """
    if any((offer.name, str(offer.version)) == (name, version) for offer in offers):
        return ""
    for row in lock.templates if lock is not None else ():
        if (row.slot.name, str(row.version)) == (name, version) and row.distribution:
            brings = f"`pip install '{row.distribution}=={row.distribution_version}'`"
            return f"{brings} brings {name}@{version}, as knows.lock has it."
    for offer in offers:
        if offer.name == name and offer.entry:
            entry = offer.entry
            neighbour = f"{entry.distribution} {entry.distribution_version}, which is installed, brings {offer}"
            pinned = f"`pip install '{entry.distribution}==VERSION'`"
            return f"{neighbour}; {pinned}, with the release that brings {name}@{version}."
    return ""
