"""The versions of this project that a distribution says it needs, read from its metadata before it is imported."""

# Texts and `os`, as in `discover`.
# ruff: noqa: PTH123
from __future__ import annotations

from typing import TYPE_CHECKING

from knows_registry.discover import normalized

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS = ("knows-core", "knows-registry", "knows-workflows")


def unmet_bound(folder: str, installed: Mapping[str, str]) -> tuple[str, str] | None:
    """The first `Requires-Dist` on this project that the installed version is outside of, and that version.

    `installed` has the versions of `OURS`; what is not installed by a metadata folder, as in a source tree, is outside
    of nothing.
    """
    wanted = list(_bounds(folder))
    if not wanted:
        return None
    from packaging.requirements import InvalidRequirement, Requirement  # costs more than finding out that none is there

    for text in wanted:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # `kwf doctor` tells
        found = installed.get(normalized(requirement.name))
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if found and applies and not requirement.specifier.contains(found, prereleases=True):
            return str(requirement), found
    return None


def _bounds(folder: str) -> Iterator[str]:
    """The requirements that begin with a name of ours; the long description behind the headers is not read."""
    try:
        with open(f"{folder}/METADATA", encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.strip():
                    return
                field, _, text = line.partition(":")
                if field.lower() == "requires-dist" and normalized(text.strip()).startswith(OURS):
                    yield text.strip()
    except OSError:
        return
