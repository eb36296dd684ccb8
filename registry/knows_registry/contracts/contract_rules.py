"""The rules of a release: what every change of a contract is, and which part of the version it raises.

A rule looks at one border. Where values go *in* (the input, required state, the payload of a decision) everything that
was taken must be taken still; where they come *out* (the output, produced state) everything must still be what it was.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from knows_core import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Bump(StrEnum):
    """The part of a version that a change raises, the smallest first."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"

    @property
    def weight(self) -> int:
        """0 for none to 3 for major."""
        return _WEIGHTS[self]


_WEIGHTS: Final[Mapping[Bump, int]] = {bump: number for number, bump in enumerate(Bump)}
_LOWERED: Final = {Bump.MAJOR: Bump.MINOR, Bump.MINOR: Bump.PATCH}


class Rule(NamedTuple):
    """What a change is called and says, and what it raises where values go in and where they come out."""

    says: str
    going_in: Bump
    coming_out: Bump


_MAJOR, _MINOR, _PATCH = Bump.MAJOR, Bump.MINOR, Bump.PATCH

TYPE_RULES: Final[Mapping[str, Rule]] = {
    "field-new-required": Rule("new field that must be given", _MAJOR, _MINOR),
    "field-new-optional": Rule("new field that may be left out", _MINOR, _MINOR),
    "field-removed": Rule("field removed; what is given for it is ignored", _MINOR, _MAJOR),
    "field-refused": Rule("field removed, and fields that are not declared are forbidden", _MAJOR, _MAJOR),
    "field-now-required": Rule("field may no longer be left out", _MAJOR, _MINOR),
    "field-now-optional": Rule("field may be left out", _MINOR, _MAJOR),
    "type-narrower": Rule("narrower type", _MAJOR, _MINOR),
    "type-wider": Rule("wider type", _MINOR, _MAJOR),
    "type-replaced": Rule("another type", _MAJOR, _MAJOR),
    "bound-tighter": Rule("tighter bound", _MAJOR, _MINOR),
    "bound-looser": Rule("looser bound", _MINOR, _MAJOR),
    "value-removed": Rule("value of an enum or literal removed", _MAJOR, _MINOR),
    "value-added": Rule("value of an enum or literal added", _MINOR, _MAJOR),
    "extra-forbidden": Rule("fields that are not declared are now forbidden", _MAJOR, _MINOR),
    "extra-allowed": Rule("fields that are not declared are no longer forbidden", _MINOR, _MINOR),
    "default-changed": Rule("default value changed", _MINOR, _MINOR),
    "class-renamed": Rule("class renamed, of the same structure", _MINOR, _MINOR),
    "undecided": Rule("cannot be compared (a pattern, a check of its own)", _MAJOR, _MAJOR),
}


class Plain(NamedTuple):
    """A change that has no direction, or only one."""

    says: str
    bump: Bump


OTHER_RULES: Final[Mapping[str, Plain]] = {
    "key-new-required": Plain("new required state key", _MAJOR),
    "key-new-optional": Plain("new state key that may be left out", _MINOR),
    "key-no-longer-read": Plain("state key no longer read", _MINOR),
    "key-now-required": Plain("state key is now required", _MAJOR),
    "key-now-optional": Plain("state key is no longer required", _MINOR),
    "key-no-longer-produced": Plain("state key no longer produced", _MAJOR),
    "key-newly-produced": Plain("new produced state key", _MINOR),
    "error-new": Plain("new error escapes", _MAJOR),
    "error-narrower": Plain("new error, of a class that had to be expected", _MINOR),
    "error-base-lost": Plain("error no longer derives from a class that it did", _MAJOR),
    "error-gone": Plain("error is no longer raised", _MINOR),
    "decision-new": Plain("new decision that somebody must make", _MAJOR),
    "decision-gone": Plain("decision no longer asked for", _MINOR),
    "decision-role": Plain("decision needs another role", _MAJOR),
    "decision-any-role": Plain("decision needs no role any more", _MINOR),
    "decision-payload": Plain("decision takes a payload now, or none any more", _MAJOR),
    "use-wider": Plain("range of a used template is wider", _PATCH),
    "use-narrower": Plain("range of a used template is narrower or moved", _MINOR),
    "use-new": Plain("another template is used", _MINOR),
    "use-gone": Plain("a template is no longer used", _MINOR),
    "use-keys": Plain("state keys of a used template are mapped in another way", _MINOR),
    "step-renamed": Plain("step renamed", _MINOR),
    "step-removed": Plain("step removed", _MINOR),
    "step-inserted": Plain("step inserted", _MINOR),
    "step-moved": Plain("step at another place", _MINOR),
    "step-replaced": Plain("another kind of node, predicate or linked version at its place", _MINOR),
    "step-appended": Plain("step appended at the end", _PATCH),
    "class-changed": Plain("fields of a class changed", _MINOR),
    "name-changed": Plain("another name", _MAJOR),
    "wording": Plain("wording", _PATCH),
    "undecided": Plain("differs in a way that no rule names", _MAJOR),
}


def lowered(bump: Bump, version: Version) -> Bump:
    """What a rule asks of a version: before 1.0.0 major becomes minor and minor becomes patch (SemVer 2.0, item 4)."""
    return _LOWERED.get(bump, bump) if version.release[0] == 0 else bump


def largest(bumps: Iterable[Bump]) -> Bump:
    """The largest of several; none of nothing."""
    return max(bumps, key=lambda one: one.weight, default=Bump.NONE)


def next_version(version: Version, bump: Bump) -> Version:
    """The lowest version after this one that raises the part. A pre-release is followed by its release."""
    major, minor, patch = version.release
    if bump is Bump.NONE:
        return version
    if version.is_prerelease:
        return Version(f"{major}.{minor}.{patch}")
    if bump is Bump.MAJOR:
        return Version(f"{major + 1}.0.0")
    return Version(f"{major}.{minor + 1}.0" if bump is Bump.MINOR else f"{major}.{minor}.{patch + 1}")


def is_raised(old: Version, new: Version, bump: Bump) -> bool:
    """Whether a version is raised enough; a pre-release of the required version is."""
    if bump is Bump.NONE:
        return new >= old
    return new > old and new.release >= next_version(old, bump).release
