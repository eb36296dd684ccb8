"""What manifests tell of a composition is what its templates tell: the same problems, required state and notes."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from knows_core.linking import linked
from tests.properties.compositions import Manifests, Shelf


def words(what):
    """What is wrong, with neither the reason nor the types at a seam: descriptions have words of their own for both."""
    seam = re.fullmatch(r"(.*?) \(.*\) does not fit (.*?) \(.*", what)
    return seam.groups() if seam else what.replace(" with Reducer", "")


def told(definition):
    """Everything that a check says of a template."""
    return {
        "problems": [(one.where, words(one.what), one.remedy) for one in definition.problems],
        "required": definition.required,
        "provided": definition.keys.provided,
        "notes": definition.keys.notes,
        "parts": [(path, str(part.definition)) for path, part in definition.parts],
    }


@pytest.mark.parametrize("seed", range(0, 600, 100))
def test_a_composition_is_told_the_same_by_manifests_and_by_import(seed):
    """Verdicts, the places of problems, required and provided keys: equal for every template of every shelf.

    Many of them have problems, and many need keys that only their parts name.
    """
    counts = Counter()
    for number in range(seed, seed + 100):
        shelf = Shelf(number)
        manifests = Manifests(*shelf.templates)
        for one in shelf.templates:
            by_import = linked(one.definition, shelf)
            by_manifest = manifests.linked(one.name)
            assert told(by_manifest) == told(by_import), number
            counts["faulty"] += bool(by_import.problems)
            counts["needs"] += by_import.required != one.definition.required
    assert min(counts.values()) > 20, counts
