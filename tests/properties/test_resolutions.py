"""Random registries: what the resolver says is what trying everything says."""

from __future__ import annotations

import os

import pytest

from knows_registry.resolve import Unsatisfiable, resolve
from tests.properties.registries import small

REGISTRIES, CHUNK = int(os.environ.get("KNOWS_TEST_REGISTRIES", "3000")), 250


def admits(case, need, candidate):
    """The rule on ranges, pre-releases and yanked versions, as docs/explanation/resolution.md states it."""
    named = [one.range.exact for one in [need, *(one for one in case.request if one.slot == need.slot)]]
    kept = candidate.version in (case.preferred.get(need.slot), *named)
    return candidate.version in need.range and (kept or not candidate.yanked)


def first_found(case, agenda, chosen):
    """Any choice that meets a list of needs and all that follows from it, by trying everything; None if none does."""
    if not agenda:
        return chosen
    need, *rest = agenda
    for candidate in case.stock.candidates(need.slot.name):
        version = candidate.version
        if not admits(case, need, candidate) or chosen.get(need.slot, version) != version:
            continue
        new = [] if need.slot in chosen else case.stock.rows[need.slot.name][version][1]
        found = first_found(case, [*rest, *new], {**chosen, need.slot: version})
        if found is not None:
            return found
    return None


def faults(case, chosen):
    """What is wrong with a solution: needs that are not met, and slots that nobody wants."""
    agenda, reached, found = [*case.request], set(), []
    while agenda:
        need = agenda.pop()
        version = chosen.get(need.slot)
        rows = case.stock.rows.get(need.slot.name, {})
        if version not in rows or not admits(case, need, rows[version][0]):
            found.append(f"{need} has {version}")
        elif need.slot not in reached:
            reached.add(need.slot)
            agenda += rows[version][1]
    return found + [f"{slot} is wanted by nobody" for slot in chosen if slot not in reached]


@pytest.mark.parametrize("first", range(0, REGISTRIES, CHUNK))
def test_the_verdict_is_that_of_trying_everything(first):
    """For every registry: there is an answer exactly if the oracle finds one, and each answer is valid."""
    for seed in range(first, min(first + CHUNK, REGISTRIES)):
        case = small(seed)
        try:
            chosen = resolve(case.request, case.stock, preferred=case.preferred)
        except Unsatisfiable:
            assert first_found(case, case.request, {}) is None, seed
        else:
            assert faults(case, chosen) == [], seed
            assert list(chosen) == sorted(chosen)
