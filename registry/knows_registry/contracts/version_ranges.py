"""Whether one range of versions lies inside another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from knows_core import Version, VersionRange

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAST: Final = 999_999_999_999_999_999  # the largest number that a version can hold
_STAGES: Final = ("alpha", "beta", "rc")
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)*(?:-(?:alpha|beta|rc)\.\d+)?")


def is_within(inner: VersionRange, outer: VersionRange) -> bool:
    """Whether every version of the inner range is in the outer one.

    A range changes its mind only at a version that it names or at the ceiling of a `^` or `~`. So it is enough to ask
    about those, and about one version on either side of each.
    """
    return all(one in outer for one in _witnesses(inner, outer) if one in inner)


def _witnesses(*ranges: VersionRange) -> Iterator[Version]:
    yield Version("0.0.0")
    for text in {part for one in ranges for part in _NUMBERS.findall(one.text)}:
        named = Version(text if "." in text else f"{text}.0")
        major, minor, patch = named.release
        ceilings = [(major + 1, 0, 0), (major, minor + 1, 0), (major, minor, patch + 1)]
        for release in ((major, minor, patch), *ceilings):
            yield from _around(release)
        for stage in _STAGES if named.is_prerelease else ():
            for number in (0, *_beside(text), _LAST):
                yield Version(f"{major}.{minor}.{patch}-{stage}.{number}")


def _around(release: tuple[int, int, int]) -> Iterator[Version]:
    """A release, the one right after it, and the last one before it."""
    major, minor, patch = release
    yield Version(f"{major}.{minor}.{patch}")
    yield Version(f"{major}.{minor}.{patch + 1}")
    if patch:
        yield Version(f"{major}.{minor}.{patch - 1}")
    elif minor:
        yield Version(f"{major}.{minor - 1}.{_LAST}")
    elif major:
        yield Version(f"{major - 1}.{_LAST}.{_LAST}")


def _beside(text: str) -> tuple[int, ...]:
    number = int(text.rpartition(".")[2])
    return (max(number - 1, 0), number, number + 1)
