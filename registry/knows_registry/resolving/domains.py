"""Slots as variables and versions as bits: what the delegate says of names, versions and ranges, as masks and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_registry.resolving.clauses import Board, Clause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from knows_core import Version, VersionRange
    from knows_registry.resolving.resolve import Candidate, Need, Slot, Supply


class Wanted(NamedTuple):
    """Versions of `user`, or the request where it is ROOT, want `range` in the slot `of`."""

    user: int
    versions: int
    of: int
    range: VersionRange


class Withdrawn(NamedTuple):
    """Yanked versions of `of` that the range would admit and does not name: so it does not admit them."""

    user: int
    versions: int
    of: int
    range: VersionRange
    yanked: int


class Answers:
    """What the delegate said, each question asked once, each answer in one order."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply
        self._candidates: dict[str, tuple[Candidate, ...]] = {}
        self._needs: dict[tuple[str, Version], tuple[Need, ...]] = {}
        self._hints: dict[str, str] = {}

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Every version of a template, the oldest first."""
        if name not in self._candidates:
            found = {one.version: one for one in self._supply.candidates(name)}
            self._candidates[name] = tuple(found[version] for version in sorted(found))
        return self._candidates[name]

    def needs(self, name: str, version: Version) -> tuple[Need, ...]:
        """What a version uses, in the order of the slots."""
        if (name, version) not in self._needs:
            self._needs[name, version] = in_order(self._supply.needs(name, version))
        return self._needs[name, version]

    def hint(self, name: str) -> str:
        """Where a template could be had from."""
        if name not in self._hints:
            self._hints[name] = self._supply.hint(name)
        return self._hints[name]


def in_order(needs: Sequence[Need]) -> tuple[Need, ...]:
    """Needs by slot and range, so that no answer depends on the order in which they were given."""
    return tuple(sorted(dict.fromkeys(needs), key=lambda need: (need.slot, need.range.text)))


class Domains:
    """The variable of every slot that has come up."""

    def __init__(self, request: Sequence[Need], answers: Answers, preferred: Mapping[Slot, Version]) -> None:
        self.board = Board()
        self.answers = answers
        self.slots: dict[int, Slot] = {}
        self.candidates: list[tuple[Candidate, ...]] = [()]
        self.preferred: list[int] = [0]
        self.yanked: list[int] = [0]  # without those that the request or the lock names
        self.deprecated: list[int] = [0]
        self._preferred = preferred
        self._named = {need.slot: need.range.exact for need in request}
        self._variables: dict[Slot, int] = {}
        self._masks: dict[tuple[int, str], int] = {}

    def variable(self, slot: Slot) -> int:
        """The variable of a slot."""
        if slot not in self._variables:
            candidates = self.answers.candidates(slot.name)
            self._variables[slot] = variable = self.board.variable(len(candidates))
            self.slots[variable] = slot
            self.candidates.append(candidates)
            marked = list(enumerate(candidates, 1))
            kept = self._preferred.get(slot)
            self.preferred.append(sum(1 << bit for bit, one in marked if one.version == kept))
            free = (kept, self._named.get(slot))
            self.yanked.append(sum(1 << bit for bit, one in marked if one.yanked and one.version not in free))
            self.deprecated.append(sum(1 << bit for bit, one in marked if one.deprecated))
        return self._variables[slot]

    def admitted(self, variable: int, range: VersionRange) -> int:
        """The mask of the versions that a range admits."""
        key = variable, range.text
        if key not in self._masks:
            marked = enumerate(self.candidates[variable], 1)
            self._masks[key] = sum(1 << bit for bit, one in marked if one.version in range)
        return self._masks[key]

    def needs(self, variable: int, bit: int) -> tuple[Need, ...]:
        """What the version of one bit uses."""
        slot = self.slots[variable]
        return self.answers.needs(slot.name, self.candidates[variable][bit.bit_length() - 2].version)

    def selected(self) -> dict[Slot, Version]:
        """The version in every slot that has one, once all are decided."""
        held = ((slot, at, self.board.domain[at]) for slot, at in sorted(self._variables.items()))
        return {slot: self.versions(at, mask)[0] for slot, at, mask in held if not mask & 1}

    def versions(self, variable: int, mask: int) -> list[Version]:
        """The versions in a mask, the oldest first."""
        return [one.version for bit, one in enumerate(self.candidates[variable], 1) if mask >> bit & 1]

    def best(self, variable: int) -> int:
        """The version to try first: the preferred one, else the newest, withdrawn and then deprecated ones last."""
        held = self.board.domain[variable] & ~1
        fine = held & ~self.yanked[variable]
        fine = fine & ~self.deprecated[variable] or fine or held
        return held & self.preferred[variable] or 1 << fine.bit_length() - 1

    def facts(self, user: int, versions: int, needs: Sequence[Need]) -> Iterator[Wanted | Withdrawn]:
        """What versions of a slot, or the request where `user` is ROOT, demand of other slots."""
        for need in needs:
            of = self.variable(need.slot)
            yield Wanted(user, versions, of, need.range)
            yanked = self.admitted(of, need.range) & self.yanked[of]
            if yanked and need.range.exact is None:
                yield Withdrawn(user, versions, of, need.range, yanked)

    def clauses(self, user: int, versions: int, needs: Sequence[Need]) -> list[Clause]:
        """The same as clauses, without those that forbid nothing."""
        made = [self.clause(fact) for fact in self.facts(user, versions, needs)]
        return [clause for clause in made if clause]

    def clause(self, fact: Wanted | Withdrawn) -> Clause | None:
        """What a fact forbids; None where it forbids nothing."""
        if isinstance(fact, Withdrawn):
            refused = fact.yanked
        else:
            refused = self.board.full[fact.of] & ~self.admitted(fact.of, fact.range)
        return self.board.clause(fact, [(fact.user, fact.versions), (fact.of, refused)])
