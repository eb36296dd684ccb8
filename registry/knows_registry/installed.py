"""Facts about installed distributions from their full metadata; the one room that imports importlib_metadata.

Listing reads folder names instead, since this reader takes longer to import than the whole listing.
"""

from __future__ import annotations

import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement


def version_of(distribution: str) -> str:
    """The installed version, or `unknown`."""
    try:
        return importlib_metadata.version(distribution)
    except importlib_metadata.PackageNotFoundError:
        return "unknown"


def unmet(distribution: str) -> list[tuple[str, str]]:
    """The requirements of a distribution that the installation does not meet, each with what was found."""
    try:
        texts = importlib_metadata.requires(distribution) or []
    except importlib_metadata.PackageNotFoundError:
        return []
    return [(text, found) for text in texts if (found := _lacking(text))]


def _lacking(text: str) -> str:
    """What was found instead of the required distribution, or an empty text if the requirement is met."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return "a requirement that cannot be read"
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return ""
    found = version_of(requirement.name)
    if found == "unknown":
        return "none"
    return "" if requirement.specifier.contains(found, prereleases=True) else found
