"""The comparison of described types against that of the annotations themselves, on random pairs."""

from __future__ import annotations

import random
import sys
import types
from collections import Counter

import pytest

from knows_core.describing.descriptors import described_together
from knows_core.types import Fit
from knows_core.types import fits as judge
from knows_registry.contracts import described_bounds, described_classes, described_fit, described_structures
from knows_registry.contracts.described import Reading
from knows_registry.contracts.described_fit import fits
from knows_registry.contracts.described_verdict import YES, Answer, any_of
from knows_registry.manifests.profile import with_lineage
from tests.properties.annotated_values import Garden
from tests.properties.test_types_fuzz import pairs

SEEDS = range(4)
PLACE = "garden_of_classes"
PASSING = (Fit.FITS, Fit.CONVERTS)


class Named(Garden):
    """Gives each class that it makes a name of its own, as two classes of one module have."""

    kinds: tuple[str, ...] = ("model", "dataclass", "namedtuple", "typeddict", "protocol", "keeper")

    def annotation(self, node):
        """The annotation, and the name once."""
        is_new = node not in self._annotations
        made = super().annotation(node)
        if is_new and node.kind in self.kinds:
            made.__qualname__ = made.__name__ = f"{made.__name__}{len(self._annotations)}"
        return made


class Found(Named):
    """Puts each class where others find it, so that its description tells what it derives from."""

    def annotation(self, node):
        """The annotation, and the place once."""
        made = super().annotation(node)
        if node.kind in self.kinds:
            made.__module__ = PLACE
            setattr(sys.modules[PLACE], made.__name__, made)
        return made


def verdicts(garden):
    """For each pair the verdict on the annotations, the one on their descriptions, and whether that says too much."""
    for one, other in pairs(garden):
        produced, consumed = garden.annotation(one), garden.annotation(other)
        told = judge(produced, consumed)
        sides = described_together({"it": produced}), described_together({"it": consumed})
        ends = [side.types["it"] for side in sides]
        definitions = [with_lineage(side.definitions, side.lineage) for side in sides]
        found = fits(*ends, *definitions)
        # It may not promise what only the run can tell, nor refuse what passes.
        is_promise = found is YES and told.fit not in PASSING
        is_refusal = found.answer is Answer.NO and told.fit in PASSING
        same = fits(*ends, *definitions, one_origin=True)
        is_wrong = is_promise or is_refusal or (same is YES and told.fit is Fit.DOES_NOT_FIT)
        yield told, found.answer, (told.reason, found, same) if is_wrong else None


@pytest.mark.parametrize("seed", SEEDS)
def test_descriptions_never_say_more_than_the_annotations(seed):
    """For all pairs: a yes is a fit or a conversion of the annotations, and what passes is never a no.

    Of what fits, most is a yes; the rest are classes of which a description does not tell which one they are.
    """
    found = list(verdicts(Named(random.Random(seed))))
    counts = Counter((told.fit, answer) for told, answer, _ in found)
    print(f"seed {seed}: {dict(counts)}")
    assert [wrong for _, _, wrong in found if wrong] == []
    yes = sum(counts[fit, Answer.YES] for fit in PASSING)
    assert yes > 0.7 * sum(counts[fit, answer] for fit in PASSING for answer in Answer) > 500
    refused = counts[Fit.DOES_NOT_FIT, Answer.NO]
    assert refused > 0.7 * sum(counts[Fit.DOES_NOT_FIT, answer] for answer in Answer) > 500
    assert counts[Fit.CONVERTS, Answer.YES] > 0


@pytest.fixture
def place(monkeypatch):
    """A module for classes that others find."""
    monkeypatch.setitem(sys.modules, PLACE, types.ModuleType(PLACE))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("seed", SEEDS)
def test_where_classes_are_found_more_is_decided_and_never_too_much(seed):
    """As above, where descriptions tell what a class derives from: of what fits nine of ten are a yes."""
    found = list(verdicts(Found(random.Random(seed))))
    assert [wrong for _, _, wrong in found if wrong] == []
    fitting = [answer for told, answer, _ in found if told.fit is Fit.FITS]
    assert fitting.count(Answer.YES) > 0.9 * len(fitting)


BROKEN: dict[str, tuple[object, str, object]] = {
    "bounds are ignored": (described_fit, "_within", lambda *_: YES),
    "a bound follows from any other": (described_bounds, "_compared", lambda *_: True),
    "one member of a union is enough": (described_fit, "all_of", any_of),
    "items are ignored": (described_classes, "all_of", lambda _: YES),
    "the length of a tuple is ignored": (described_classes, "_tuple", lambda *_: YES),
    "any class that derives from an abstract one is taken": (described_classes, "_is_taken", lambda *_: True),
    "every key may be missing": (described_structures, "_key", lambda *_: YES),
    "a dump loses nothing": (described_fit, "lost_in_a_dump", lambda _: ""),
    "a model of any structure converts": (described_structures, "_model", lambda *_: YES),
    "a class of any name is the same": (described_classes, "_named", lambda *_: YES),
    "all members of an enum are known": (described_classes, "_enum", lambda *_: YES),
    "every class derives from every other": (Reading, "lineage", ["all:One"]),
    "what nobody understands is passed over": (described_structures, "undecided", lambda _: YES),
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_says_more_than_is_so(rule, monkeypatch):
    """Each rule that is taken away makes the descriptions promise what the annotations do not: the fuzz can fail."""
    monkeypatch.setattr(*BROKEN[rule])
    gardens = (kind(random.Random(seed)) for kind in (Named, Found) for seed in SEEDS)
    assert any(wrong for garden in gardens for _, _, wrong in verdicts(garden))
