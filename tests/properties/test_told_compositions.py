"""What manifests tell of a composition is what its templates tell: the same problems, required state and notes."""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace

import pytest

from knows_core.linking import Linker, linked
from knows_registry.manifests.flow_read import definition_in
from knows_registry.manifests.manifest_text import Manifest, manifest_in, text_of
from knows_registry.manifests.profile import profile_of
from tests.properties.compositions import Shelf


class Manifests:
    """The templates of a shelf as they come back from a manifest, each chosen for whatever uses it."""

    def __init__(self, shelf):
        profiles = tuple(profile_of(one.definition) for one in shelf.templates)
        manifest = manifest_in(text_of(Manifest("acme", profiles)), "acme")
        self.definitions = {one.name: definition_in(one) for one in manifest.profiles}

    def take(self, wanted, alias, user):
        return SimpleNamespace(definition=self.definitions[wanted.name])


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
        manifests = Manifests(shelf)
        for one in shelf.templates:
            by_import = linked(one.definition, shelf)
            by_manifest = Linker(None, composed=manifests).definition(manifests.definitions[one.name])
            assert told(by_manifest) == told(by_import), number
            counts["faulty"] += bool(by_import.problems)
            counts["needs"] += by_import.required != one.definition.required
    assert min(counts.values()) > 20, counts
