"""Sets of versions, facts and conclusions in words, each naming versions that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core import Version
from knows_registry.resolving.clauses import ROOT
from knows_registry.resolving.domains import Wanted, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from knows_core import VersionRange
    from knows_registry.resolving.clauses import Terms
    from knows_registry.resolving.domains import Domains
    from knows_registry.resolving.resolve import Slot

_MANY = 6  # versions; of more, the first, the last and their number say enough


class Words:
    """What the variables and masks of one conflict are called; `facts` tell which ranges a reader has met."""

    def __init__(self, domains: Domains, facts: Sequence[Wanted | Withdrawn]) -> None:
        self._domains = domains
        self._ranges: dict[tuple[int, int], VersionRange] = {}
        for fact in facts:
            if fact.range.text != "*":
                self._ranges.setdefault((fact.of, domains.admitted(fact.of, fact.range)), fact.range)

    def fact(self, fact: Wanted | Withdrawn) -> str:
        """What versions use, or why what they use is out of the question."""
        if isinstance(fact, Wanted):
            return f"{self._users(fact)} {self._wanted(fact)}"
        if fact.user == ROOT:
            return self._withdrawn(fact)
        return f"{self._users(fact)} {self._spelled(fact)}, and {self._withdrawn(fact)}"

    def conclusion(self, terms: Terms, by: Sequence[int]) -> str:
        """What terms forbid, and the numbers of the lines from which it follows."""
        terms = tuple(sorted(terms, key=lambda term: self._domains.slots[term[0]]))
        clashing = [(at, mask) for at, mask in terms if not mask & 1]
        needed = joined([self._some(at, self._every(at) & ~mask) for at, mask in terms if mask & 1], "or")
        so = f"so, by {_numbers(by)},"
        if len(clashing) > 1:
            together = joined([self._some(*one) for one in clashing])
            return f"{so} {together} {f'together need {needed}' if needed else 'do not go together'}"
        variable, mask = clashing[0]
        if not needed and mask == self._every(variable):
            return f"{so} no version of {self._name(variable)} can be used"
        return f"{so} {self._some(variable, mask)} {f'needs {needed}' if needed else 'cannot be used'}"

    def request(self, facts: Sequence[Wanted]) -> str:
        """What the request wants, as far as it counts."""
        return f"the request wants {joined(map(self._wanted, facts))}"

    def place(self, fact: Wanted | Withdrawn) -> tuple[Slot, str]:
        """Where a fact stands among others."""
        return self._domains.slots[fact.of], fact.range.text

    def _name(self, variable: int) -> str:
        return str(self._domains.slots[variable])

    def _every(self, variable: int) -> int:
        return (1 << len(self._domains.candidates[variable]) + 1) - 2

    def _some(self, variable: int, mask: int) -> str:
        """Versions as they are called in a conclusion: the fact that introduced them has listed them."""
        name = self._name(variable)
        if (spelled := self._ranges.get((variable, mask))) and mask.bit_count() > 1:
            return f"{name} {spelled}"
        if mask == self._every(variable) and mask.bit_count() > 1:
            return f"any version of {name}"
        return f"{name} {listed(self._domains.versions(variable, mask), 'or')}"

    def _users(self, fact: Wanted | Withdrawn) -> str:
        """The versions that a fact is about, and its verb."""
        who, versions = self._name(fact.user), self._domains.versions(fact.user, fact.versions)
        if spelled := self._ranges.get((fact.user, fact.versions)):
            return f"every version of {who} in {spelled} ({listed(versions)}) uses"
        if fact.versions == self._every(fact.user):
            return f"every version of {who} ({listed(versions)}) uses"
        return f"{who} {listed(versions, 'and')} {'uses' if len(versions) == 1 else 'use'}"

    def _spelled(self, fact: Wanted | Withdrawn) -> str:
        return self._name(fact.of) if fact.range.text == "*" else f"{self._name(fact.of)} {fact.range}"

    def _wanted(self, fact: Wanted) -> str:
        """A slot and a range, and which versions that are."""
        spelled, candidates = self._spelled(fact), self._domains.candidates[fact.of]
        if not candidates:
            return f"{spelled}, and no version of {self._domains.slots[fact.of].name} is installed"
        if admitted := self._domains.versions(fact.of, self._domains.admitted(fact.of, fact.range)):
            shown = [] if [str(one) for one in admitted] == [fact.range.text] else [f" ({listed(admitted)})"]
            return "".join([spelled, *shown])
        there = [one.version for one in candidates]
        unnamed = [one for one in there if one.is_prerelease and _release(one) in fact.range]
        but = f"; a range must name a pre-release such as {unnamed[-1]}" if unnamed else ""
        return f"{spelled}, and there is only {listed(there, 'and')}{but}"

    def _withdrawn(self, fact: Withdrawn) -> str:
        reasons: dict[str, list[Version]] = {}
        for bit, one in enumerate(self._domains.candidates[fact.of], 1):
            if fact.yanked >> bit & 1:
                reasons.setdefault(one.yanked, []).append(one.version)
        name = self._name(fact.of)
        return joined(
            f"{name} {listed(versions, 'and')} {'is' if len(versions) == 1 else 'are'} yanked: {reason}"
            for reason, versions in reasons.items()
        )


def listed(versions: Sequence[Version], word: str = "") -> str:
    """Versions in a row; of many only the first, the last, and how many lie between."""
    texts = [str(version) for version in versions]
    if len(texts) > _MANY:
        texts = [*texts[:2], f"{len(texts) - 3} more", texts[-1]]
    return joined(texts, word) if word else ", ".join(texts)


def joined(parts: Iterable[str], word: str = "and") -> str:
    """`a, b and c`."""
    *most, last = [*parts] or [""]
    return f"{', '.join(most)} {word} {last}" if most else last


def _numbers(lines: Sequence[int]) -> str:
    in_a_row = len(lines) > 2 and lines[-1] - lines[0] == len(lines) - 1  # noqa: PLR2004 - of two both are named
    return f"{lines[0]} to {lines[-1]}" if in_a_row else joined(map(str, lines))


def _release(version: Version) -> Version:
    return Version(".".join(map(str, version.release)))
