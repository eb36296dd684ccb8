"""Which single bound is enough to loosen so that a request can be satisfied, and what it would come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knows_core import VersionRange
from knows_registry.resolving.clauses import ROOT
from knows_registry.resolving.domains import Answers, Wanted, Withdrawn
from knows_registry.resolving.search import ChoicesTooMany, Refusal, search
from knows_registry.resolving.wording import joined, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from knows_core import Version
    from knows_registry.resolving.domains import Domains
    from knows_registry.resolving.resolve import Candidate, Need, Slot


_PATIENCE = 8000  # turns of the solver spent on suggestions, about a second; they are counted, not timed


@dataclass(slots=True)
class Problem:
    """What was asked of a resolution, and the facts that make it impossible."""

    request: Sequence[Need]
    answers: Answers
    preferred: Mapping[Slot, Version]
    domains: Domains
    facts: Sequence[Wanted | Withdrawn]
    spent: int = 0

    def solved(self, request: Sequence[Need], answers: Answers) -> Mapping[Slot, Version] | None:
        """The versions that another request comes to, or the same one with other answers; None for want of patience."""
        if self.spent > _PATIENCE:
            return None
        try:
            found = search(request, answers, self.preferred)
        except ChoicesTooMany as error:
            self.spent += error.turns
            return None
        if not isinstance(found, Refusal):
            return found
        self.spent += found.domains.board.turns
        return None


def suggestion(problem: Problem) -> str:
    """The next move: what to install, else the first bound that alone is in the way: the request's, then templates'."""
    wanted = [fact for fact in problem.facts if isinstance(fact, Wanted)]
    missing = dict.fromkeys(fact.of for fact in wanted if not problem.domains.candidates[fact.of])
    if missing:
        return " ".join(_to_install(problem, problem.domains.slots[of].name) for of in missing)
    for fact in (fact for fact in wanted if fact.user == ROOT):
        if move := _other_request(problem, fact):
            return move
    for withdrawn in (fact for fact in problem.facts if isinstance(fact, Withdrawn)):
        if move := _exact_request(problem, withdrawn):
            return move
    for fact in (fact for fact in wanted if fact.user != ROOT):
        if move := _other_template(problem, fact):
            return move
    if move := _whole_request(problem):
        return move
    if problem.spent > _PATIENCE:
        return "Too many templates are part of it for a suggestion: ask for fewer, and then for one more each time."
    return "No range of the request is enough to loosen: what the templates use must change."


def _to_install(problem: Problem, name: str) -> str:
    return problem.answers.hint(name) or f"Install a distribution that offers {name}, or ask for versions without it."


def _other_request(problem: Problem, fact: Wanted) -> str:
    """Another range in the request for a slot of it."""
    slot = problem.domains.slots[fact.of]
    for other in _wider(fact, problem.domains):
        request = [_changed(need, slot, fact.range, other) for need in problem.request]
        if found := problem.solved(request, problem.answers):
            instead = _around(found[slot])
            narrow = [_changed(need, slot, fact.range, instead) for need in problem.request]
            found = problem.solved(narrow, problem.answers) or found
            return (
                f"Ask for {_spelled(slot, instead)} instead of {_spelled(slot, fact.range)}: {_come(problem, found)}."
            )
    return ""


def _whole_request(problem: Problem) -> str:
    """Other ranges in the request for as many slots as it takes."""
    found = problem.solved([need._replace(range=VersionRange()) for need in problem.request], problem.answers)
    if not found:
        return ""
    changed = [need for need in problem.request if found[need.slot] not in need.range]
    asked = joined(dict.fromkeys(_spelled(need.slot, _around(found[need.slot])) for need in changed))
    return f"No single range is enough to loosen. Ask for {asked} instead: {_come(problem, found)}."


def _exact_request(problem: Problem, fact: Withdrawn) -> str:
    """A yanked version taken all the same, because the request names it."""
    slot = problem.domains.slots[fact.of]
    for version in reversed(problem.domains.versions(fact.of, fact.yanked)):
        exact = problem.request[0]._replace(slot=slot, range=VersionRange(str(version)))
        if not slot.alias and (found := problem.solved([*problem.request, exact], problem.answers)):
            return f"To take it all the same ask for {_spelled(slot, exact.range)} too: {_come(problem, found)}."
    return ""


def _other_template(problem: Problem, fact: Wanted) -> str:
    """Another range in what versions of a template use."""
    name, slot = problem.domains.slots[fact.user].name, problem.domains.slots[fact.of]
    for other in _wider(fact, problem.domains):
        answers = Answers(_Loosened(problem.answers, name, slot, fact.range, other))
        if found := problem.solved(problem.request, answers):
            if slot not in found:
                continue  # it was another version of the template that helped
            versions = listed(problem.domains.versions(fact.user, fact.versions), "or")
            admitting = f"so that it admits {found[slot]}: {_come(problem, found)}"
            return f"Loosen what {name} {versions} uses, {slot} {fact.range}, {admitting}."
    return ""


def _wider(fact: Wanted, domains: Domains) -> Iterator[VersionRange]:
    """Ranges to try in the place of another: every release, then each pre-release that exists."""
    early = [one.version for one in reversed(domains.candidates[fact.of]) if one.version.is_prerelease]
    exact = [VersionRange(str(version)) for version in early]
    yield from [VersionRange(), *exact] if domains.admitted(fact.of, fact.range) else [*exact, VersionRange()]


def _around(version: Version) -> VersionRange:
    """The range that one would write to admit a version."""
    major, minor, _ = version.release
    return VersionRange(f"^{version}" if version.is_prerelease else f"^{major}.{minor}")


def _changed(need: Need, slot: Slot, old: VersionRange, new: VersionRange) -> Need:
    return need._replace(range=new) if (need.slot, need.range) == (slot, old) else need


def _spelled(slot: Slot, range: VersionRange) -> str:
    return f"`{slot.name}@{range}`"


def _come(problem: Problem, found: Mapping[Slot, Version]) -> str:
    """The versions of an answer, as far as the conflict was about their slots."""
    slots = dict.fromkeys(problem.domains.slots[fact.of] for fact in problem.facts)
    return f"it comes to {joined(f'{slot} {found[slot]}' for slot in sorted(slots) if slot in found)}"


class _Loosened:
    """A supply in which one template has another range for one slot."""

    def __init__(self, answers: Answers, name: str, slot: Slot, old: VersionRange, new: VersionRange) -> None:
        self._answers = answers
        self._name = name
        self._change = slot, old, new

    def candidates(self, name: str) -> Sequence[Candidate]:
        return self._answers.candidates(name)

    def needs(self, name: str, version: Version) -> Sequence[Need]:
        needs = self._answers.needs(name, version)
        return [_changed(need, *self._change) for need in needs] if name == self._name else needs

    def hint(self, name: str) -> str:
        return self._answers.hint(name)
