"""The manifest: profiles of all templates of one distribution in a JSON file, read without importing the plugin.

`knows-manifest.DISTRIBUTION.json` lies in the top-level package of the template's module, where every build back end
and every editable install keeps it; the name of the distribution keeps two that share a name space apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knows_registry.discover import Offer
    from knows_registry.profile import Profile


def manifest_profile(offer: Offer) -> Profile | None:
    """The profile of an installed offer as its manifest tells it; None where there is no manifest or it has no such row.

    Raises ManifestBroken for one that cannot be read.
    """
    raise NotImplementedError(offer)
