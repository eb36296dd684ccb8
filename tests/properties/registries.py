"""Registries made from a seed: small ones of every shape for the oracle, and large ones that are hard to satisfy."""

from __future__ import annotations

import random
from typing import NamedTuple

from knows_core import Version
from knows_core.version import VersionRange
from knows_registry.resolving.resolve import Candidate, Need, Slot, Unsatisfiable, resolve


class Stock:
    """A supply in memory: candidates and needs by name and version, and a list of whose needs were asked for."""

    def __init__(self, hints=None):
        self.rows = {}
        self.hints = hints or {}
        self.asked = []

    def add(self, name, version, *needs, yanked="", deprecated=""):
        """`needs` are slots with ranges, or texts such as `etch@^1.2` and `old=etch@^1`, which opens an alias."""
        read = [wanted(need, user=name) if isinstance(need, str) else need for need in needs]
        self.rows.setdefault(name, {})[Version(version)] = Candidate(Version(version), yanked, deprecated), read
        return self

    def candidates(self, name):
        return [candidate for candidate, _ in self.rows.get(name, {}).values()]

    def needs(self, name, version):
        self.asked.append(f"{name} {version}")
        return self.rows[name][version][1]

    def hint(self, name):
        return self.hints.get(name, "")


def wanted(text, user=""):
    """A need from `name@range` or `alias=name@range`."""
    place, _, range_text = text.partition("@")
    alias, _, name = place.rpartition("=")
    return Need(Slot(name, alias, user if alias else ""), VersionRange(range_text))


class Case(NamedTuple):
    """A registry, a request, and what is locked."""

    stock: Stock
    request: list[Need]
    preferred: dict[Slot, Version]


VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0", "3.0.0")
# Each range with its meaning in comparators of three-part versions, which is what pubgrub-py reads.
RANGES = {
    "*": ">=0.0.0", "^1": ">=1.0.0,<2.0.0", "^1.1": ">=1.1.0,<2.0.0", "^2": ">=2.0.0,<3.0.0", "~1.1": ">=1.1.0,<1.2.0",
    ">=1.1,<3": ">=1.1.0,<3.0.0", ">=2": ">=2.0.0", "<2": "<2.0.0", "1.1.0": "==1.1.0", "==2.0.0": "==2.0.0",
    "!=1.2.0": "!=1.2.0",
}  # fmt: skip
LOOSE = ("*", "*", ">=1.1,<3", "!=1.2.0", "<2", ">=2")


def small(seed):
    """Three to nine templates with cycles; in some cases aliases, yanked and deprecated versions, or a lock."""
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.randint(3, 9))]
    aliases, withdrawn, locked = (seed % 5 == 1, seed % 5 == 2, seed % 5 == 3)
    density, strict = chance.choice([1, 2, 3]), chance.choice([0.1, 0.3, 0.7])

    def need(user):
        # No version uses another of its own template: there pubgrub-py leaves requested packages out of its answers.
        others = [name for name in names if name != user]
        name = "absent" if chance.random() < 0.01 else chance.choice(others)
        alias = chance.choice(["old", "new"]) if aliases and user and chance.random() < 0.3 else ""
        range_text = chance.choice(list(RANGES) if chance.random() < strict else LOOSE)
        return Need(Slot(name, alias, user if alias else ""), VersionRange(range_text))

    stock = Stock()
    for name in names:
        for version in chance.sample(VERSIONS, chance.randint(2, 4)):
            yanked = "a wrong table" if withdrawn and chance.random() < 0.3 else ""
            deprecated = "use another" if withdrawn and chance.random() < 0.3 else ""
            needs = [need(name) for _ in range(chance.randint(0, density))]
            stock.add(name, version, *needs, yanked=yanked, deprecated=deprecated)
    request = [need("") for _ in range(chance.randint(1, 3))]
    slots = [Slot(name) for name in names if locked and chance.random() < 0.6]
    return Case(stock, request, {slot: chance.choice(list(stock.rows[slot.name])) for slot in slots})


def hard(seed, templates=1000, versions=20, roots=27):
    """Many templates of four majors each: satisfiable by what stands on major 2, while the newest majors disagree."""
    chance = random.Random(seed)
    stock = Stock()
    for number in range(templates):
        for at in range(versions):
            major, minor = 1 + at * 4 // versions, at % (versions // 4)
            used = {}
            for _ in range(chance.randint(0, 3) if number + 1 < templates else 0):
                on = f"t{chance.randrange(number + 1, min(templates, number + 60))}"
                torn = major > 2 and chance.random() < 0.5
                used[on] = f"{on}@^{chance.randint(1, 4) if torn else min(major, 2)}.{chance.randint(0, 2)}"
            stock.add(f"t{number}", f"{major}.{minor}.0", *used.values())
    return stock, [wanted(f"t{number}") for number in chance.sample(range(templates // 3), roots)]


def told(case):
    """What becomes of a case, as text: the versions, or the whole explanation."""
    try:
        found = resolve(case.request, case.stock, preferred=case.preferred)
    except Unsatisfiable as error:
        return str(error)
    return ", ".join(f"{slot} {version}" for slot, version in found.items())
