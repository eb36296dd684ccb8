"""Why a request cannot be satisfied: as few facts as prove it, and the proof as numbered lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_registry.resolving import wording
from knows_registry.resolving.clauses import ROOT, Board, Clause, Terms, refuted
from knows_registry.resolving.domains import Wanted, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from knows_registry.resolving.domains import Domains

    Fact = Wanted | Withdrawn

_PATIENCE = 4000  # turns of the solver spent on a shorter proof, about half a second; they are counted, not timed
_LONG, _SHORT = 4, 2  # causes that a reader takes in at once, and terms that are worth a line


def core(proof: Clause, domains: Domains) -> Clause:
    """A proof from facts of which hardly any can be spared, those of all versions of a template taken together."""
    proof, spent = _proved(list(_together(_facts(proof))), domains, proof)
    for fact in list(_facts(proof)):
        kept = list(_facts(proof))
        if fact in kept and spent < _PATIENCE:
            kept.remove(fact)
            proof, turns = _proved(kept, domains, proof)
            spent += turns
    return proof


def facts_of(proof: Clause) -> list[Fact]:
    """The facts of a proof, those of the request first, then those nearest to it."""
    return sorted(dict.fromkeys(_facts(proof)), key=lambda fact: fact.user)


def lines_of(proof: Clause, domains: Domains) -> list[str]:
    """A proof as sentences: facts, what follows from them, and what the request wants as the last."""
    lines: list[str] = []
    numbers: dict[int, int] = {}
    words = wording.Words(domains, facts_of(proof))

    def told(sentence: str) -> int:
        if sentence not in lines:
            lines.append(sentence)
        return lines.index(sentence) + 1

    def tell(clause: Clause) -> int:
        if id(clause) not in numbers:
            numbers[id(clause)] = told(words.fact(clause.fact)) if clause.fact else conclude(clause)
        return numbers[id(clause)]

    def conclude(clause: Clause) -> int:
        number = 0
        for terms, premises in _portions(clause):
            lemmas = [tell(one) for one in premises if not one.fact]
            facts = [tell(one) for one in premises[::-1] if one.fact]
            number = told(words.conclusion(terms, sorted({*filter(None, [number]), *lemmas, *facts})))
        return number

    for premise in proof.causes:
        if not _asked(premise):
            tell(premise)
    told(words.request(sorted((one.fact for one in proof.causes if _asked(one)), key=words.place)))
    return lines


def _portions(clause: Clause) -> Iterator[tuple[Terms, tuple[Clause, ...]]]:
    """A long proof in parts that each come to something short: its terms, and the causes it takes beyond the last."""
    begun = 0
    for end, terms in enumerate(clause.steps, 2):
        is_short = len(terms) <= _SHORT and end - begun > 1 and len(clause.causes) > _LONG
        if is_short or end == len(clause.causes):
            yield terms, clause.causes[begun:end]
            begun = end


def _asked(clause: Clause) -> bool:
    return isinstance(clause.fact, Wanted) and clause.fact.user == ROOT


def _facts(proof: Clause) -> Iterator[Fact]:
    """Every fact that a proof stands on, in the order in which it needs them."""
    seen: set[int] = set()
    waiting = [proof]
    while waiting:
        clause = waiting.pop()
        if id(clause) in seen:
            continue
        seen.add(id(clause))
        if clause.fact:
            yield clause.fact
        waiting += clause.causes[::-1]


def _together(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Facts about several versions of one template that say the same, as one."""
    merged: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        key = type(fact), fact.user, fact.of, fact.range
        other = merged.get(key, fact)
        merged[key] = fact._replace(versions=fact.versions | other.versions)
    yield from sorted(merged.values(), key=lambda fact: fact.user != ROOT)


def _proved(facts: Sequence[Fact], domains: Domains, other: Clause) -> tuple[Clause, int]:
    """The proof from these facts alone, or else the other one, and the turns it took to find out.

    Versions of which the facts say nothing need nothing.
    """
    board = Board(full.bit_length() - 1 for full in domains.board.full)
    board.add(*(clause for clause in map(domains.clause, facts) if clause))

    def decide() -> bool:
        variable = next(filter(board.is_open, range(len(board.full))), None)
        if variable is not None:
            held = board.domain[variable]
            board.decide(variable, 1 << held.bit_length() - 1)
        return variable is not None

    return refuted(board, decide) or other, board.turns
