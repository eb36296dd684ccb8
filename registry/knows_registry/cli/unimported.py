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
    """Say that these had to be imported: listing is free, importing is not."""
    if offers:
        some = ", ".join(map(str, offers[:3])) + (f" and {len(offers) - 3} more" if len(offers) > 3 else "")  # noqa: PLR2004 - a line
        has, was = ("have", "were") if len(offers) > 1 else ("has", "was")
        answers.note(f"{some} {has} no manifest, so {'they' if len(offers) > 1 else 'it'} {was} imported.")
