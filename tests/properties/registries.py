"""Registries made from a seed: small ones of every shape for the oracle, and large ones that are hard to satisfy."""

from __future__ import annotations

import random
from typing import NamedTuple

from knows_core import Version
from knows_core.version import VersionRange
from knows_registry.resolve import Candidate, Need, Slot


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
    plain: bool  # nothing in it but what pubgrub-py knows too: no alias, no withdrawn version, no lock


VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0", "3.0.0")
RANGES = ("*", "^1", "^1.1", "^2", "^3", "~1.1", ">=1.1,<3", ">=2", "<2", "1.1.0", "==2.0.0", "!=1.2.0")


def small(seed):
    """Three to nine templates with cycles; in some cases aliases, yanked and deprecated versions, or a lock."""
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.randint(3, 9))]
    aliases, withdrawn, locked = (seed % 5 == 1, seed % 5 == 2, seed % 5 == 3)
    density = chance.choice([1, 2, 2, 3])

    def need(user):
        name = chance.choice([*names, "absent"]) if chance.random() < 0.03 else chance.choice(names)
        alias = chance.choice(["old", "new"]) if aliases and user and chance.random() < 0.3 else ""
        return Need(Slot(name, alias, user if alias else ""), VersionRange(chance.choice(RANGES)))

    stock = Stock()
    for name in names:
        for version in chance.sample(VERSIONS, chance.randint(1, 4)):
            yanked = "a wrong table" if withdrawn and chance.random() < 0.3 else ""
            deprecated = "use another" if withdrawn and chance.random() < 0.3 else ""
            needs = [need(name) for _ in range(chance.randint(0, density))]
            stock.add(name, version, *needs, yanked=yanked, deprecated=deprecated)
    request = [need("") for _ in range(chance.randint(1, 3))]
    slots = [Slot(name) for name in names if locked and chance.random() < 0.6]
    preferred = {slot: chance.choice(list(stock.rows[slot.name])) for slot in slots}
    return Case(stock, request, preferred, plain=not (aliases or withdrawn or locked))


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
