"""Sets of versions, facts and conclusions in words, each naming versions that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core import Version
from knows_registry.clauses import Clause
from knows_registry.domains import Wanted, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from knows_core import VersionRange
    from knows_registry.domains import Domains

_MANY = 6  # versions; of more, the first, the last and their number say enough


class Words:
    """What the variables and masks of one conflict are called; `facts` tell which ranges a reader has met."""

    def __init__(self, domains: Domains, facts: Sequence[Wanted | Withdrawn]) -> None:
        self._domains = domains
        self._ranges: dict[tuple[int, int], VersionRange] = {}
        for fact in facts:
            self._ranges.setdefault((fact.of, domains.admitted(fact.of, fact.range)), fact.range)

    def fact(self, fact: Wanted | Withdrawn) -> str:
        """What a version needs, or why a version is out of the question."""
        if isinstance(fact, Withdrawn):
            return self._withdrawn(fact)
        who = self._name(fact.user)
        versions = self._domains.versions(fact.user, fact.versions)
        if fact.versions == self._every(fact.user):
            subject, verb = f"every version of {who} ({listed(versions)})", "uses"
        elif spelled := self._ranges.get((fact.user, fact.versions)):
            subject, verb = f"every version of {who} in {spelled} ({listed(versions)})", "uses"
        else:
            subject, verb = f"{who} {listed(versions, 'and')}", "uses" if len(versions) == 1 else "use"
        return f"{subject} {verb} {self._wanted(fact)}"

    def conclusion(self, clause: Clause, by: Sequence[int]) -> str:
        """What a clause forbids, and the numbers of the lines from which it follows."""
        clashing = [self._some(at, mask) for at, mask in clause.terms if not mask & 1]
        needed = [self._some(at, self._every(at) & ~mask) for at, mask in clause.terms if mask & 1]
        so = f"so, by {joined(map(str, by))}, {joined(clashing)}"
        if needed:
            return f"{so} {'needs' if len(clashing) == 1 else 'together need'} {joined(needed, 'or')}"
        return f"{so} cannot be used" if len(clashing) == 1 else f"{so} do not go together"

    def request(self, facts: Sequence[Wanted]) -> str:
        """What the request wants, as far as it counts."""
        return f"the request wants {joined(map(self._wanted, facts))}"

    def _name(self, variable: int) -> str:
        return str(self._domains.slots[variable])

    def _every(self, variable: int) -> int:
        return (1 << len(self._domains.candidates[variable]) + 1) - 2

    def _some(self, variable: int, mask: int) -> str:
        """Versions as they are called in a conclusion: the fact that introduced them has listed them."""
        name = self._name(variable)
        if mask == self._every(variable) and mask.bit_count() > 1:
            return f"any version of {name}"
        if (spelled := self._ranges.get((variable, mask))) and mask.bit_count() > 1:
            return f"{name} {spelled}"
        return f"{name} {listed(self._domains.versions(variable, mask), 'or')}"

    def _wanted(self, fact: Wanted) -> str:
        """A slot and a range, and which versions that are."""
        name, candidates = self._name(fact.of), self._domains.candidates[fact.of]
        spelled = name if fact.range.text == "*" else f"{name} {fact.range}"
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
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last


def _release(version: Version) -> Version:
    return Version(".".join(map(str, version.release)))


