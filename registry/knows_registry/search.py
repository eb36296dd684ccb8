"""The search for versions: which slot and version to try next, and whose needs to ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_registry.clauses import ASKED, ROOT, Clause
from knows_registry.domains import Answers, Domains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knows_core import Version
    from knows_registry.resolve import Need, Slot


class Refusal(NamedTuple):
    """Why a request cannot be satisfied: the clause that forbids it alone, and what the variables stand for."""

    proof: Clause
    domains: Domains


def search(
    request: Sequence[Need], answers: Answers, preferred: Mapping[Slot, Version]
) -> dict[Slot, Version] | Refusal:
    """The versions that satisfy a request, by slot in their order, or the proof that there are none."""
    domains = Domains(request, answers, preferred)
    asked: dict[tuple[int, int], list[Clause]] = {}
    board = domains.board
    for fact in domains.facts(ROOT, ASKED, request):
        if clause := domains.clause(fact):
            board.add(clause)
    rooted = len(board.full)
    broken = board.propagate()
    while True:
        if broken:
            learned = board.learned(broken)
            if all(variable == ROOT for variable, _ in learned.terms):
                return Refusal(learned, domains)
            board.go_back(learned)
            broken = board.propagate()
        elif variable := _next(domains, rooted):
            broken = _tried(domains, variable, asked)
        else:
            return domains.selected()


def _next(domains: Domains, rooted: int) -> int | None:
    """The slot to decide: locked ones, then those of the request, then where the fewest versions are left."""
    board, slots = domains.board, domains.slots
    decided = set(board.decided)
    open_ones = [
        (not held & domains.preferred[variable], variable >= rooted, held.bit_count(), slots[variable], variable)
        for variable, held in enumerate(board.domain)
        if not held & 1 and variable not in decided
    ]
    return min(open_ones)[-1] if open_ones else None


def _tried(domains: Domains, variable: int, asked: dict[tuple[int, int], list[Clause]]) -> Clause | None:
    """Decide for the best version of a slot unless its needs forbid it already; the clause that is broken, if any."""
    board, bit = domains.board, domains.best(variable)
    if clauses := asked.get((variable, bit)):
        board.look_again(clauses)
    else:
        asked[variable, bit] = []
        for fact in domains.facts(variable, bit, domains.needs(variable, bit)):
            if clause := domains.clause(fact):
                asked[variable, bit].append(clause)
                board.add(clause)
    broken = board.propagate()
    if broken or not board.domain[variable] & bit:
        return broken
    board.decide(variable, bit)
    return board.propagate()
