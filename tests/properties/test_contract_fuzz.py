"""The rules of a release on random pairs: what they call compatible is not refused where the types are handed over."""

from __future__ import annotations

import random

import pytest

from knows_core.describing.descriptors import described_together
from knows_core.types import Fit, fits
from knows_registry.contracts import contract_walk
from knows_registry.contracts.contract_rules import TYPE_RULES, Bump
from knows_registry.contracts.contract_walk import Side, differences
from knows_registry.contracts.described import Typed
from knows_registry.contracts.described_verdict import YES
from tests.properties.test_described_fuzz import Named
from tests.properties.test_types_fuzz import pairs

SEEDS = range(2)


class Released(Named):
    """All TypedDicts are versions of one; other classes are strangers, since the types of two are handed over here."""

    kinds = ("model", "dataclass", "namedtuple", "protocol", "keeper")


def typed(annotation):
    found = described_together({"it": annotation})
    return Typed(found.types["it"], found.definitions)


def releases(seed):
    """For each pair, going in and coming out: what is handed over, whether it fits, and the differences."""
    garden = Released(random.Random(seed))
    for one, other in pairs(garden):
        old, new = garden.annotation(one), garden.annotation(other)
        # Going in, whoever gave the old must be taken by the new; coming out, whoever took the old gets the new.
        yield fits(old, new), differences(typed(old), typed(new), "it", Side.IN), "going_in"
        yield fits(new, old), differences(typed(old), typed(new), "it", Side.OUT), "coming_out"


def is_break(found, side):
    return any(getattr(TYPE_RULES[one.rule], side) is Bump.MAJOR for one in found)


def refused(found):
    """What is called compatible and does not fit."""
    for verdict, differing, side in found:
        if verdict.fit is Fit.DOES_NOT_FIT and not is_break(differing, side):
            yield verdict.reason, differing, side


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_called_compatible_is_never_refused(seed):
    """For all old, new: going in there is a break where new does not take old, coming out where old does not take new.

    Of what fits, at most one in ten is called a break: classes that may or may not be the ones they were.
    """
    found = list(releases(seed))
    assert list(refused(found)) == []
    fitting = [is_break(differing, side) for verdict, differing, side in found if verdict.fit is Fit.FITS]
    assert sum(fitting) < len(fitting) / 10
    assert len(fitting) > 1_000


def all_pairs(before, after):
    """As if all members of two unions corresponded."""
    return list(zip(before, after, strict=False)), [], []


BROKEN: dict[str, tuple[object, str, object]] = {
    "whatever has no structure in common is alike": (contract_walk, "_verdict", lambda *_: YES),
    "all members of a union correspond": (
        contract_walk,
        "paired",
        all_pairs,
    ),
    "bounds are ignored": (contract_walk, "follows", lambda *_: True),
    "values of a literal are ignored": (contract_walk, "_members", lambda _: []),
    "only names of fields are compared": (contract_walk, "_field", lambda *_: ()),
    "parts of containers are ignored": (contract_walk, "places", lambda *_: []),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_lets_a_break_through(rule, monkeypatch):
    """Each rule that is taken away calls something compatible that does not fit: the fuzz can fail."""
    monkeypatch.setattr(*BROKEN[rule])
    assert any(any(refused(releases(seed))) for seed in SEEDS)
