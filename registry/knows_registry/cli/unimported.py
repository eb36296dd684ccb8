"""What can be told of installed templates from their manifests, and saying so where one had to be imported instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_registry.cli.reference import file_in
from knows_registry.manifests.manifest import manifest_profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_registry.cli.answer import Answers
    from knows_registry.discover import Offer
    from knows_registry.manifests.profile import Profile
    from knows_registry.registry import Registry


def told(registry: Registry, text: str) -> tuple[Offer, Profile | None] | None:
    """The installed template that a reference means, and its profile if it has a manifest; None for one in a file.

    Raises what finding it raises, and ManifestBroken.
    """
    if file_in(text) is not None:
        return None
    offer = registry.offer(text)
    return (offer, manifest_profile(offer)) if offer.entry is not None else None


def note_imports(answers: Answers, offers: Sequence[Offer]) -> None:
    """Say that these had to be imported, and why: listing is free, importing is not."""
    without = [one for one in offers if manifest_profile(one) is None]
    older = [one for one in offers if one not in without]
    for some, what in ((without, "no manifest"), (older, "a manifest of an older kwf, which does not tell its flow")):
        if some:
            named = ", ".join(map(str, some[:3])) + (f" and {len(some) - 3} more" if len(some) > 3 else "")  # noqa: PLR2004 - a line
            has, was = ("have", "they were") if len(some) > 1 else ("has", "it was")
            answers.note(f"{named} {has} {what}, so {was} imported.")
