"""Distributions whose names can be taken for another's: one slip of the finger installs the other. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# Those that exist or are announced; whatever else is called nearly so is somebody else's.
OURS = frozenset(
    f"knows-{name}"
    for name in (
        *("core", "registry", "workflows", "sqlite", "postgres", "redis", "dana"),
        *("process-control", "troubleshooting", "knowledge-ingestion", "equipment-recovery"),
    )
)
_SAME_LOOK = str.maketrans("013457", "oleast")
_SHORTEST = 5  # signs: between shorter names one sign more or less means nothing


class Lookalike(NamedTuple):
    """A name, the one that it can be taken for, and how they differ."""

    name: str
    other: str
    how: str


def lookalikes(installed: Iterable[str], plugins: Collection[str], accepted: Collection[str] = ()) -> list[Lookalike]:
    """The installed names that can be taken for one of ours, or for one of the other plugins, sorted.

    Names are normalised. Of two plugins that look alike the pair is told once: which of them is meant, nobody knows.
    What a person accepted, by a lock or by permitting it, is not told again; what looks like it is.
    """
    found: list[Lookalike] = []
    originals = sorted(OURS | set(plugins))
    for name in sorted(set(installed) - OURS - set(accepted)):
        for other in originals:
            told = name in plugins and other in plugins and other > name and other not in accepted
            if not told and name != other and (how := likeness(name, other)):
                found.append(Lookalike(name, other, how))
    return found


def likeness(name: str, other: str) -> str:
    """In which way one name can be taken for another; empty where it cannot."""
    if name.replace("-", "") == other.replace("-", ""):
        return "hyphens alone"
    if sorted(name.split("-")) == sorted(other.split("-")):
        return "the order of its parts"
    if _look(name) == _look(other):
        return "signs that look alike"
    if min(len(name), len(other)) < _SHORTEST:
        return ""
    if re.sub(r"-?\d+$", "", name) == re.sub(r"-?\d+$", "", other):
        return "digits at its end"
    return _one_slip(name, other)


def _look(name: str) -> str:
    """A name as it looks from a distance."""
    return name.replace("-", "").replace("rn", "m").replace("vv", "w").translate(_SAME_LOOK).replace("i", "l")


def _one_slip(name: str, other: str) -> str:
    """The one slip of the finger that makes one name of the other: Damerau's four."""
    start = next((i for i, (one, two) in enumerate(zip(name, other, strict=False)) if one != two), None)
    if start is None:
        return "one letter" if abs(len(name) - len(other)) == 1 else ""
    rest, other_rest = name[start:], other[start:]
    if rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:]:
        return "two letters in the other order"
    slips = (rest[1:] == other_rest[1:], rest[1:] == other_rest, rest == other_rest[1:])
    return "one letter" if any(slips) else ""
