"""A composition: the request, and the offer in every slot of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core import Requirement
    from knows_registry.discover import Offer
    from knows_registry.profile import Profile
    from knows_registry.resolve import Need, Slot


class Composition(NamedTuple):
    """What a request came to: the offer and the profile in every slot, and what each of them needs."""

    request: tuple[Requirement, ...]
    offers: Mapping[Slot, Offer]
    profiles: Mapping[Slot, Profile]
    needs: Mapping[Slot, tuple[Need, ...]]
