"""27 templates out of 1,000 with 20 versions each, whose newest majors disagree: beside pubgrub-py and resolvelib."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from resolvelib import AbstractProvider, BaseReporter, Resolver

from knows_registry.resolving.resolve import resolve
from tests.benchmarks.pairs import seconds
from tests.properties import peers
from tests.properties.registries import Case, hard

SEEDS = range(7)
GOAL = 300  # milliseconds
PATIENCE = 10  # seconds for resolvelib, which keeps no learned conflicts


class Provider(AbstractProvider[Any, Any, Any]):
    """The plain way to use resolvelib: newest first, what caused a conflict first, then by name."""

    def __init__(self, stock):
        self.stock = stock

    def identify(self, requirement_or_candidate):
        return requirement_or_candidate[0]

    def get_preference(self, identifier, resolutions, candidates, information, backtrack_causes):
        causes = {cause.requirement[0] for cause in backtrack_causes}
        return identifier not in causes, str(identifier)

    def find_matches(self, identifier, requirements, incompatibilities):
        refused = {candidate[1] for candidate in incompatibilities[identifier]}
        ranges = [requirement[1] for requirement in requirements[identifier]]
        there = sorted((one.version for one in self.stock.candidates(identifier.name)), reverse=True)
        found = [one for one in there if one not in refused and all(one in range_ for range_ in ranges)]
        return [(identifier, one) for one in found]

    def is_satisfied_by(self, requirement, candidate):
        return candidate[1] in requirement[1]

    def get_dependencies(self, candidate):
        return list(self.stock.needs(candidate[0].name, candidate[1]))


def with_resolvelib(seed):
    stock, request = hard(seed)
    resolver = Resolver(Provider(stock), BaseReporter())
    print(seconds(lambda: resolver.resolve(request, max_rounds=10**9)))


def bounded(seed):
    """Milliseconds of resolvelib, or those it was given in vain."""
    script = f"from tests.benchmarks.resolving import with_resolvelib; with_resolvelib({seed})"
    try:
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"> {PATIENCE * 1000}"
    return f"{float(done.stdout) * 1e3:.0f}"


def ours(seed):
    """Milliseconds of a first resolution of a supply that holds all in memory, and the number of versions chosen."""
    stock, request = hard(seed)
    chosen = {}
    return seconds(lambda: chosen.update(resolve(request, stock))) * 1e3, len(chosen)


def main():
    cases = [hard(seed) for seed in SEEDS]
    found = [ours(seed) for seed in SEEDS]
    theirs = [0.0] * len(SEEDS)
    if peers.is_here():
        registries = [peers.as_packages(Case(stock, request, {})) for stock, request in cases]
        theirs = [took * 1e3 for _, took in peers.asked(registries)]
    for seed, peer, (took, chosen) in zip(SEEDS, theirs, found, strict=True):
        name = f"resolve, hard {seed}, {chosen} chosen / pubgrub-py"
        ratio = f"{took / peer:6.2f}x" if peer else "no Python 3.12 for pubgrub-py"
        yield f"{name:<44} {peer:9.3f} {took:9.3f} {'ms':<8} {ratio}"
    yield f"{'resolve, hard 0 / resolvelib':<44} {bounded(SEEDS[0]):>9} {found[0][0]:9.3f} ms"
    worst = max(took for took, _ in found)
    verdict = "reached" if worst <= GOAL else "MISSED"
    yield f"{'resolve, the slowest of them':<44} {'':9} {worst:9.3f} {'ms':<8} {'':7}   goal {GOAL} ms {verdict}"
