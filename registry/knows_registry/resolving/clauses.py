"""Combinations that are forbidden, over variables with finitely many values, and what follows from them.

A variable's domain is a bit mask, as is each term of a clause; a clause forbids that every variable it names is inside
its mask. Unit propagation, conflict learning and back-jumping are those of PubGrub and of CDCL solvers, on integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = 0  # the variable that asks; value 1 means "the request holds", value 2 is never taken
ASKED = 0b10
Terms = tuple[tuple[int, int], ...]


class Clause(NamedTuple):
    """Masks by variable that must not all be met: a `fact` of the world, or what follows from `causes`.

    `steps` holds the terms of what the first two causes forbid, the first three, and so on.
    """

    terms: Terms
    fact: Any = None
    causes: tuple[Clause, ...] = ()
    steps: tuple[Terms, ...] = ()


class _Narrowing(NamedTuple):
    """One entry of the trail: a domain became smaller, by a clause or, where there is none, by decision."""

    variable: int
    before: int
    after: int
    cause: Clause | None
    level: int


class Board:
    """Domains, clauses, and the trail of what has narrowed each domain. Level 1 holds what follows from the request."""

    def __init__(self, values: Iterable[int] = (1,)) -> None:
        """Variables with so many values each, the first of which is ROOT."""
        self.full: list[int] = []
        self.domain: list[int] = []
        self.decided: list[int] = []  # the variable that each level is about
        self.touched: list[int] = []  # variables whose domain or decision changed; whoever reads it clears it
        self.turns = 0  # of `refuted`: what an answer has cost, the same in every process
        self._settled: set[int] = set()
        self._watching: list[list[Clause]] = []
        self._trail: list[_Narrowing] = []
        self._narrowed: list[list[int]] = []  # by variable: the places in the trail
        self._units: list[Clause] = []
        self._changed: list[int] = []
        self._fresh: list[Clause] = []
        for count in values:
            self.variable(count)
        self.decide(ROOT, ASKED)

    @property
    def level(self) -> int:
        """How many decisions are in force."""
        return len(self.decided)

    def variable(self, values: int) -> int:
        """A new variable: bit 0 for "not selected", and one bit for each of its values."""
        mask = (1 << values + 1) - 1
        self.full.append(mask)
        self.domain.append(mask)
        self._watching.append([])
        self._narrowed.append([])
        return len(self.full) - 1

    def clause(self, fact: object, terms: list[tuple[int, int]]) -> Clause | None:
        """A fact as a clause; None where it forbids nothing."""
        merged: dict[int, int] = {}
        for variable, mask in terms:
            merged[variable] = merged.get(variable, self.full[variable]) & mask
        if not all(merged.values()):
            return None
        return Clause(self._shortened(merged), fact)

    def add(self, *clauses: Clause) -> None:
        """Let clauses count from now on."""
        for clause in clauses:
            for variable, _ in clause.terms:
                self._watching[variable].append(clause)
        self._units += [clause for clause in clauses if len(clause.terms) == 1]
        self._fresh += clauses

    def look_again(self, clauses: Iterable[Clause]) -> None:
        """Try clauses at the next propagation although none of their variables changes."""
        self._fresh += clauses

    def is_met(self, clause: Clause, *, but_for: int) -> bool:
        """Whether all terms of a clause are met, that of one variable left aside."""
        return all(variable == but_for or not self.domain[variable] & ~mask for variable, mask in clause.terms)

    def is_open(self, variable: int) -> bool:
        """Whether a variable must have a value and nothing is decided for it."""
        return not self.domain[variable] & 1 and variable not in self._settled

    def decide(self, variable: int, mask: int) -> None:
        """Try what follows if a variable is inside a mask."""
        self.decided.append(variable)
        self._settled.add(variable)
        self._narrow(variable, self.domain[variable] & mask, None)

    def propagate(self) -> Clause | None:
        """Narrow every domain as far as single clauses tell; the clause that is broken, if one is."""
        for clause in self._drained():
            broken = self._tried(clause)
            if broken:
                self._changed.clear()
                self._fresh.clear()
                return clause
        return None

    def learned(self, broken: Clause) -> Clause:
        """The clause that a conflict teaches. If it names nothing but ROOT there is no answer."""
        made = Clause(broken.terms, None, (broken,))
        while True:
            place, others = self._last_two(made.terms)
            entry = self._trail[place]
            if entry.cause is None or entry.level > max(1, others):
                return made
            if _asks(entry.cause) and not _asks(made.causes[-1]) and made.steps:
                made = Clause(made.terms, None, (made,))  # what holds for any request is a clause of its own
            terms = self._resolved(made.terms, entry.cause.terms, entry.variable)
            made = Clause(terms, None, (*made.causes, entry.cause), (*made.steps, terms))

    def go_back(self, learned: Clause) -> None:
        """Undo the trail to where the learned clause narrows a domain, and let it count."""
        target = max(1, self._last_two(learned.terms)[1])
        while self._trail[-1].level > target:
            entry = self._trail.pop()
            self.domain[entry.variable] = entry.before
            self._narrowed[entry.variable].pop()
            self.touched.append(entry.variable)
        self._settled.difference_update(self.decided[target:])
        del self.decided[target:]
        self._fresh += self._units
        self.add(learned)

    def _drained(self) -> Iterator[Clause]:
        """Clauses that may have something to say, until none has."""
        while self._fresh or self._changed:
            while self._fresh:
                fresh, self._fresh = self._fresh, []
                yield from fresh
            if self._changed:
                yield from self._watching[self._changed.pop(0)]

    def _tried(self, clause: Clause) -> bool:
        """Whether a clause is broken; if all of it but one term is met, the domain of that one is narrowed."""
        domain, left = self.domain, None
        for term in clause.terms:
            held = domain[term[0]]
            if held & ~term[1]:
                if left or not held & term[1]:
                    return False
                left = term
        if left is None:
            return True
        self._narrow(left[0], domain[left[0]] & ~left[1], clause)
        return False

    def _narrow(self, variable: int, after: int, cause: Clause | None) -> None:
        self._narrowed[variable].append(len(self._trail))
        self._trail.append(_Narrowing(variable, self.domain[variable], after, cause, self.level))
        self.domain[variable] = after
        self._changed.append(variable)
        self.touched.append(variable)

    def _resolved(self, terms: Terms, others: Terms, variable: int) -> Terms:
        """What two clauses forbid together, whichever of them a variable's value meets."""
        merged = dict(terms)
        for at, mask in others:
            merged[at] = merged[at] | mask if at == variable else merged.get(at, self.full[at]) & mask
        return self._shortened(merged)

    def _last_two(self, terms: Terms) -> tuple[int, int]:
        """Where the trail first meets all terms, and the level at which it met all but the one met there."""
        places = sorted(self._met(variable, mask) for variable, mask in terms)
        return places[-1], self._trail[places[-2]].level if len(places) > 1 else 0

    def _met(self, variable: int, mask: int) -> int:
        for place in self._narrowed[variable]:
            if not self._trail[place].after & ~mask:
                return place
        raise AssertionError("a conflict names a term that the trail does not meet")  # a defect of this room

    def _shortened(self, terms: dict[int, int]) -> Terms:
        """Terms without those that are always met."""
        return tuple(sorted((variable, mask) for variable, mask in terms.items() if mask != self.full[variable]))


def _asks(clause: Clause) -> bool:
    """Whether a clause is about the request."""
    return clause.terms[0][0] == ROOT


def refuted(board: Board, decide: Callable[[], bool]) -> Clause | None:
    """The clause that forbids ROOT alone, with its proof; None once `decide` finds nothing more to do.

    `decide` is called whenever single clauses tell no more; it decides for a variable, or adds clauses.
    """
    while True:
        board.turns += 1
        broken = board.propagate()
        if broken:
            learned = board.learned(broken)
            if all(variable == ROOT for variable, _ in learned.terms):
                return learned
            board.go_back(learned)
        elif not decide():
            return None
