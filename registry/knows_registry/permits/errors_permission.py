"""The errors of what may be imported: not permitted, not what was permitted, or made for another version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core import AccessDenied, ConfigError, PluginBroken, RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_registry.discover import Entry

_MANY = 5  # files that a sentence names


class PluginNotPermitted(AccessDenied):
    """A plugin or template is installed, and neither the lock nor the list of permitted distributions names it."""

    code = "plugin-not-permitted"
    sentence = "{entry} of {distribution} {version} may not be imported from {place}: {reason}"
    remedy = "{hint}"

    @property
    def in_short(self) -> str:
        """The reason, where plugin and distribution are named already."""
        return f"it is not permitted: {self.reason}"


class ArtifactChanged(PluginNotPermitted):
    """The files of a distribution are not those that were locked or permitted."""

    code = "artifact-changed"
    sentence = "{entry} of {distribution} {version} in {place} is not what {authority} names: {reason}"


class RequirementUnmet(PluginBroken):
    """A plugin needs another version of this project than the installed one; it is not imported."""

    code = "requirement-unmet"
    remedy = "`pip install '{requirement}'` brings what it needs; or install a {distribution} made for {found}."


class AllowListBroken(ConfigError):
    """The list of permitted distributions cannot be read; nothing is taken for permitted."""

    code = "allow-list-broken"
    sentence = "{path}: expected a list of permitted distributions, found {found}"
    remedy = "Correct the file, or remove it and permit anew with `kwf plugins allow NAME`."


class UnknownDistribution(RegistryError, LookupError):
    """A distribution was to be permitted, or no longer, and there is none of that name."""

    code = "unknown-distribution"
    sentence = "{name} is not {among}: {found}"
    remedy = "{hint}"


# ------------------------------------------------------------------ in words


def listed(paths: Sequence[str]) -> str:
    """The first of some files, and how many more there are."""
    more = len(paths) - _MANY
    return ", ".join(paths[:_MANY]) + (f" and {more} more" if more > 0 else "")


def reinstalling(entry: Entry) -> str:
    """The line that brings back the files of its release."""
    release = f"{entry.distribution}=={entry.distribution_version}"
    return f"`pip install --force-reinstall --no-deps '{release}'` brings them back."
