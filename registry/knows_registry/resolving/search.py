"""The search for versions: which slot and version to try next, and whose needs to ask for."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from knows_core import RegistryError
from knows_registry.resolving.clauses import ASKED, ROOT, Clause, refuted
from knows_registry.resolving.domains import Answers, Domains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from knows_core import Version
    from knows_registry.resolving.resolve import Need, Slot


# An answer costs some 1,000 turns where 500 of 1,000 templates are chosen; turns are the same on every machine.
MOST_TURNS = 8_000

_Turn = tuple[bool, bool, int, "Slot"]


class ChoicesTooMany(RegistryError):
    """The versions that come into question exclude each other in more ways than anybody would wait for."""

    code = "choices-too-many"
    sentence = "no answer after {turns} attempts: {slots} templates exclude each other's versions in very many ways"
    remedy = "Name some of them with exact versions in the request, or lock a composition that is known: `kwf lock`."


class Refusal(NamedTuple):
    """Why a request cannot be satisfied: the clause that forbids it alone, and what the variables stand for."""

    proof: Clause
    domains: Domains


def search(
    request: Sequence[Need], answers: Answers, preferred: Mapping[Slot, Version]
) -> dict[Slot, Version] | Refusal:
    """The versions that satisfy a request, by slot in their order, or the proof that there are none."""
    domains = Domains(request, answers, preferred)
    board = domains.board
    board.add(*domains.clauses(ROOT, ASKED, request))
    rooted = len(board.full)
    asked: dict[tuple[int, int], list[Clause]] = {}
    queue: list[tuple[_Turn, int]] = []

    def decide() -> bool:
        if board.turns > MOST_TURNS:
            raise ChoicesTooMany(turns=MOST_TURNS, slots=len(domains.slots) - 1)
        for variable in dict.fromkeys(board.touched):
            if board.is_open(variable):
                heappush(queue, (_turn(domains, variable, rooted), variable))
        board.touched.clear()
        while queue:
            turn, variable = heappop(queue)
            if board.is_open(variable) and turn == _turn(domains, variable, rooted):
                _try(domains, variable, asked)
                if board.is_open(variable):
                    board.touched.append(variable)
                return True
        return False

    proof = refuted(board, decide)
    return Refusal(proof, domains) if proof else domains.selected()


def _turn(domains: Domains, variable: int, rooted: int) -> _Turn:
    """When it is a slot's turn: locked ones, then those of the request, then where the fewest versions are left."""
    held = domains.board.domain[variable]
    return not held & domains.preferred[variable], variable >= rooted, held.bit_count(), domains.slots[variable]


def _try(domains: Domains, variable: int, asked: dict[tuple[int, int], list[Clause]]) -> None:
    """Decide for the best version of a slot, unless its needs forbid it already: propagation will then take it away."""
    board, bit = domains.board, domains.best(variable)
    if (variable, bit) not in asked:
        asked[variable, bit] = domains.clauses(variable, bit, domains.needs(variable, bit))
        board.add(*asked[variable, bit])
    if any(board.is_met(clause, but_for=variable) for clause in asked[variable, bit]):
        board.look_again(asked[variable, bit])
    else:
        board.decide(variable, bit)
