"""Whether a version may be released: whether its number is raised as far as its changes ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_core import Version
from knows_registry.contracts.contract_diff import compare, required_bump
from knows_registry.contracts.contract_rules import Bump, is_raised, next_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from knows_registry.contracts.contract_diff import Change
    from knows_registry.manifests.profile import Profile


class Release(NamedTuple):
    """What there is to say of one version: what it was compared with, what changed, and why it is refused."""

    profile: Profile
    against: str
    changes: Sequence[Change]
    bump: Bump
    least: str
    refused: str
    unused: Sequence[str]

    @property
    def name(self) -> str:
        """The template with its version."""
        return f"{self.profile.name}@{self.profile.version}"


def judged(profile: Profile, released: Iterable[Profile], *, signed: Mapping[str, str]) -> Release:
    """Compare a version with the last one released before it; one that is released itself must be what it was then."""
    version = Version(profile.version)
    last = last_before(released, version)
    if last is None:
        return Release(profile, "", (), Bump.NONE, "", "", tuple(signed))
    changes = compare(last, profile, signed=signed)
    bump = required_bump(changes)
    least = str(next_version(Version(last.version), bump))
    refused = ""
    if last.version == profile.version and changes:
        refused = f"{last.version} is released already, and was another; what it is now is at least {least} ({bump})"
    elif not is_raised(Version(last.version), version, bump):
        refused = f"{profile.version} is not enough after {last.version}: at least {least} ({bump})"
    used = {one.path for one in changes if one.signed}
    return Release(profile, last.version, changes, bump, least, refused, [one for one in signed if one not in used])


def last_before(released: Iterable[Profile], version: Version) -> Profile | None:
    """What a version is measured by: itself if it is released, else the newest release below it.

    A pre-release counts only where there is no release, for it promises nothing yet (SemVer 2.0, item 9).
    """
    versions = {Version(one.version): one for one in released}
    if version in versions:
        return versions[version]
    below = [one for one in versions if one < version]
    last = max([one for one in below if not one.is_prerelease] or below, default=None)
    return versions[last] if last is not None else None
