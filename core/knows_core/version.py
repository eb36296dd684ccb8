"""Versions of templates, ranges of versions, and the requirement that names a template and a range.

The grammar is a part of SemVer 2.0 on which PEP 440 agrees: no build part, no epoch, no post-release, three stages.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from knows_core.errors import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST = 128  # a hostile text is refused by its length, before any pattern sees it
_STAGES = ("alpha", "beta", "rc")
_FINAL = len(_STAGES)
_NUMBER = r"(0|[1-9][0-9]{0,17})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}(?:\.{_NUMBER})?(?:-(alpha|beta|rc)\.{_NUMBER})?")
_PART_OF_RANGE = re.compile(rf"(\^|~|[<>]=?|[!=]=|=)?\s*({_NUMBER}|{_VERSION.pattern})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_Key = tuple[int, int, int, int, int]
_COMPARED: dict[str, Callable[[Version, Version], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
}


class Version:
    """An ordered version with one canonical text: `Version("1.0")` is `1.0.0`.

    Accepted: `N.N[.N]`, optionally with `-alpha.N`, `-beta.N` or `-rc.N`. Raises InvalidVersion.
    """

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        readable = isinstance(text, str) and len(text) <= _LONGEST and text.isascii()
        match = _VERSION.fullmatch(text) if readable else None
        if match is None:
            raise InvalidVersion(what="version", found=str(text)[:_LONGEST], expected="N.N[.N][-alpha.N|-beta.N|-rc.N]")
        major, minor, patch, stage, number = match.groups()
        self._key: _Key = (
            int(major),
            int(minor),
            int(patch or 0),
            _STAGES.index(stage) if stage else _FINAL,
            int(number or 0),
        )

    @property
    def release(self) -> tuple[int, int, int]:
        """Major, minor and patch number."""
        return self._key[:3]

    @property
    def is_prerelease(self) -> bool:
        """Whether it is an alpha, beta or rc."""
        return self._key[3] < _FINAL

    def __str__(self) -> str:
        text = ".".join(map(str, self.release))
        return f"{text}-{_STAGES[self._key[3]]}.{self._key[4]}" if self.is_prerelease else text

    def __repr__(self) -> str:
        return f"Version({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __le__(self, other: Version) -> bool:
        return self._key <= other._key

    def __gt__(self, other: Version) -> bool:
        return self._key > other._key

    def __ge__(self, other: Version) -> bool:
        return self._key >= other._key

    def __hash__(self) -> int:
        return hash(self._key)


class VersionRange:
    """A set of versions: exact (`1.2.3`), `^1.2`, `~1.2.3`, comparators joined by commas, or everything (empty, `*`).

    A pre-release is in it only where the range names a pre-release of the same three numbers. Raises InvalidVersion.
    """

    __slots__ = ("_tests", "text")

    def __init__(self, text: str = "*") -> None:
        self.text = " ".join(text.split()) or "*"  # one line, whatever it was laid out in
        self._tests: list[tuple[str, Version]] = []
        for part in () if self.text == "*" else self.text[: _LONGEST + 1].split(","):
            self._tests += self._read(part.strip())

    def _read(self, part: str) -> Iterable[tuple[str, Version]]:
        match = _PART_OF_RANGE.fullmatch(part) if len(self.text) <= _LONGEST and part.isascii() else None
        if match is None:
            expected = "a version, ^version, ~version, or comparators such as >=1.2,<2"
            raise InvalidVersion(what="version range", found=self.text[:_LONGEST], expected=expected)
        sign, numbers = match.group(1) or "==", match.group(2)
        low = Version(numbers if "." in numbers else f"{numbers}.0")
        if sign in ("^", "~"):
            return [(">=", low), ("<", _ceiling(sign, low, given=numbers.split("-")[0].count(".") + 1))]
        return [("==" if sign == "=" else sign, low)]

    @property
    def exact(self) -> Version | None:
        """The version that the range names and beside which it admits no other (`1.2.3`, `==1.2.3`), or None."""
        named = {bound for sign, bound in self._tests if sign == "=="}
        return next(iter(named)) if len(named) == 1 and all(bound in self for bound in named) else None

    def __contains__(self, version: Version) -> bool:
        if version.is_prerelease and not any(
            bound.is_prerelease and bound.release == version.release for _, bound in self._tests
        ):
            return False
        return all(_holds(sign, version, bound) for sign, bound in self._tests)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"VersionRange({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return self._tests == other._tests if isinstance(other, VersionRange) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._tests))


def _ceiling(sign: str, low: Version, given: int) -> Version:
    """The first version a caret or tilde leaves out; `given` counts the numbers that were written."""
    major, minor, patch = low.release
    if sign == "~":
        return Version(f"{major}.{minor + 1}.0" if given > 1 else f"{major + 1}.0.0")
    if major or given == 1:
        return Version(f"{major + 1}.0.0")
    if minor or given == 2:  # noqa: PLR2004 - two numbers were written
        return Version(f"0.{minor + 1}.0")
    return Version(f"0.0.{patch + 1}")


def _holds(sign: str, version: Version, bound: Version) -> bool:
    if sign != "<":
        return _COMPARED[sign](version, bound)
    # SemVer alone would put 2.0.0-rc.1 below 2.0.0; PEP 440 and every user of `<2` expect it outside.
    return version < bound and (bound.is_prerelease or version.release != bound.release)


class Requirement:
    """A template by name and range: `Requirement("process_control", "^1.2")`. Raises InvalidVersion."""

    __slots__ = ("name", "range")

    def __init__(self, name: str, range: str | VersionRange = "*") -> None:
        if not _NAME.fullmatch(name):
            expected = "letters, digits, `_`, `.` or `-`, beginning with a letter"
            raise InvalidVersion(what="template name", found=name[:_LONGEST], expected=expected)
        self.name = name
        self.range = range if isinstance(range, VersionRange) else VersionRange(range)

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read `name` or `name@range`."""
        name, _, range_text = text.partition("@")
        return cls(name.strip(), range_text)

    def __str__(self) -> str:
        return self.name if self.range.text == "*" else f"{self.name}@{self.range}"

    def __repr__(self) -> str:
        return f"Requirement({self.name!r}, {self.range.text!r})"

    def __eq__(self, other: object) -> bool:
        return (
            (self.name, self.range) == (other.name, other.range) if isinstance(other, Requirement) else NotImplemented
        )

    def __hash__(self) -> int:
        return hash((self.name, self.range))
