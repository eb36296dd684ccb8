"""The type check against pydantic on random pairs: what fits is accepted by the strict check, value by value."""

from __future__ import annotations

import itertools
import random
from collections import Counter, abc, deque
from datetime import date

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from knows_core import types
from knows_core.fitting import bounds, calls, containers, fields, models
from knows_core.fitting.verdict import FITS, any_of
from knows_core.types import Fit, fits
from tests.properties.annotated_values import Garden, of
from tests.properties.annotations import AdminId, Title, UserId

SEEDS = range(12)
FAMILIES, BENDS, PAIRS = 110, 5, 3000  # 12 seeds of 3,000 different pairs
# Of these pydantic sees less than the type system: it takes any instance, any callable, items it does not look at.
UNSEEN_CONSUMED = ("callable", "protocol", "keeper", "namedtuple", "dataclass", "Collection", "Iterable")
# Of these the strict check takes fewer values than the type system, so that all of them may pass elsewhere.
UNSEEN_PRODUCED = ("Sequence", "MutableSequence", "Collection", "Iterable", "Set", "MutableSet", "Mapping")
NAMED_ONLY = (UserId, AdminId, Title)


class Judge:
    """pydantic's strict check of a consumer's annotation, built once for each."""

    def __init__(self):
        self._adapters = {}

    def _adapter(self, annotation):
        if id(annotation) not in self._adapters:
            # In a tuple, because pydantic takes no configuration beside a model or dataclass itself.
            adapter = TypeAdapter(of(tuple, (annotation,)), config=ConfigDict(arbitrary_types_allowed=True))
            self._adapters[id(annotation)] = (adapter, annotation)
        return self._adapters[id(annotation)][0]

    def accepts(self, annotation, value, *, lazily=True):
        try:
            checked = self._adapter(annotation).validate_python((value,), strict=True)
            if not lazily:
                settle(checked)
        except ValidationError:
            return False
        return True

    def converts(self, produced, consumed, value):
        """What a dump of the value is made into, dumped again beside the first dump; None where it is refused."""
        dumped = self._adapter(produced).dump_python((value,), by_alias=False, warnings=False)
        try:
            made = self._adapter(consumed).validate_python(dumped, strict=True, by_name=True)
        except ValidationError:
            return None
        return dumped, self._adapter(consumed).dump_python(made, by_alias=False, warnings=False)


def settle(value):
    """Pull what pydantic would only check when it is iterated."""
    if type(value).__name__ == "ValidatorIterator":
        value = list(value)
    if isinstance(value, (list, tuple, deque)):
        for one in value:
            settle(one)
    elif isinstance(value, abc.Mapping):
        for one in value.values():
            settle(one)


def families_of(garden):
    """Families of related annotations, each with a twin that has other models of the same structure."""
    for _ in range(FAMILIES):
        family = [garden.grow()]
        for _ in range(BENDS):
            family.append(garden.bend(garden.random.choice(family)))
        family.append(garden.twin(garden.random.choice(family)))
        yield list(dict.fromkeys(family))


def pairs(garden):
    """3,000 different pairs of different nodes: within families, and the rest of strangers; and each with itself."""
    families = list(families_of(garden))
    everyone = list(dict.fromkeys(node for family in families for node in family))
    found = {pair: None for family in families for pair in itertools.permutations(family, 2)}
    while len(found) < PAIRS:
        found[tuple(garden.random.sample(everyone, k=2))] = None
    return [*itertools.islice(found, PAIRS), *zip(everyone, everyone, strict=True)]


def refutations(garden, judge, one, other):
    """The values of a fitting pair that the strict check refuses; of calls, also what goes in and comes out."""
    consumed = garden.annotation(other)
    lazily = other.holds("union")  # where a union has an Iterable, pydantic may choose that and look no further
    yield from (value for value in garden.values(one) if not judge.accepts(consumed, value, lazily=lazily))
    calls = other.kind == one.kind == "callable" or (other.kind == "protocol" and one.kind in ("protocol", "keeper"))
    if calls and not other.holds("deque"):  # which pydantic before 2.14 never takes
        (*taken, result), (*passed, wanted) = one.parts, other.parts
        if len(taken) != len(passed):
            yield "another number of arguments"
            return
        for source, target in [(result, wanted), *zip(passed, taken, strict=True)]:
            accepted = garden.annotation(target)
            for value in garden.values(source):
                # Nothing is validated inside a call: a bool is an int there, and a datetime a date.
                is_one = accepted in (int, date) and isinstance(value, accepted)
                if not is_one and not judge.accepts(accepted, value):
                    yield value


def judged(seed, verdict_of=fits):
    """Counts by verdict, the verdicts that a value refutes, and the refusals of which every value is accepted."""
    garden, judge = Garden(random.Random(seed)), Judge()
    counts, refuted, too_strict = Counter(), [], []
    for one, other in pairs(garden):
        produced, consumed, values = garden.annotation(one), garden.annotation(other), garden.values(one)
        verdict = verdict_of(produced, consumed)
        counts[verdict.fit] += 1
        if verdict.fit is Fit.FITS:
            refuted += [(verdict.reason, value) for value in refutations(garden, judge, one, other)]
        elif verdict.fit is Fit.CONVERTS:
            made = [judge.converts(produced, consumed, value) for value in values]
            # A TypedDict may hold keys that the consumer does not declare, and in a union a subclass is dumped whole.
            keeps_all = not one.holds("typeddict", "union")
            same = lambda dumps: dumps is not None and (dumps[0] == dumps[1] or not keeps_all)  # noqa: B023
            refuted += [(verdict.reason, dumps) for dumps in made if not same(dumps)]
        elif verdict.fit is Fit.DOES_NOT_FIT and len(values) > 3 and pydantic_sees_all(one, other):
            too_strict += [verdict.reason] * all(judge.accepts(consumed, value) for value in values)
    return counts, refuted, too_strict


def pydantic_sees_all(one, other):
    """Whether pydantic would refuse the values of one that are not values of the other."""
    named = any(other.is_plain(name) for name in NAMED_ONLY)
    return not (named or other.holds(*UNSEEN_CONSUMED) or one.holds(*UNSEEN_PRODUCED, "MutableMapping"))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_value_refutes_a_fit(seed):
    """For all pairs that fit and all values of the produced type: pydantic's strict check accepts the value.

    For all that convert: the value, dumped, is accepted and is still the same. Of all that do not fit, at most one in a
    hundred looks too strict: all of its few values pass.
    """
    counts, refuted, too_strict = judged(seed)
    print(f"seed {seed}: {dict(counts)}, looks too strict: {len(too_strict)}")
    assert refuted == []
    assert counts.total() >= PAIRS
    assert counts[Fit.FITS] > 600
    assert counts[Fit.CONVERTS] > 0
    assert len(too_strict) <= 30


BROKEN = {
    "bounds are ignored": (types, "_metadata", lambda *_: FITS),
    "a bound follows from any other": (bounds, "_compare", lambda *_: True),
    "one member of a union is enough": (types, "each_of", any_of),
    "items are ignored": (containers, "all_of", lambda _: FITS),
    "the length of a tuple is ignored": (containers, "_tuple", lambda *_: FITS),
    "any class that derives from an abstract one is taken": (containers, "_is_taken", lambda *_: True),
    "no key is required": (fields, "_requires", lambda *_: False),
    "fields of a TypedDict are ignored": (fields, "all_of", lambda _: FITS),
    "a dump loses nothing": (types, "lost_in_a_dump", lambda _: ""),
    "a model of any structure converts": (models, "all_of", lambda parts: next(iter(parts), FITS)),
    "what derives from Hashable stays so": (types, "_stays_hashable", lambda _: True),
    "parameters are ignored": (calls, "_parameters", lambda *_: []),
    "members of a protocol are ignored": (calls, "_member", lambda *_: FITS),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_refuted(rule, monkeypatch):
    """Each rule that is taken away lets some value through that pydantic refuses: the fuzz can fail."""
    monkeypatch.setattr(*BROKEN[rule])
    assert any(judged(seed, types._judge)[1] for seed in SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_annotation_fits_itself(seed):
    """For all a of understood parts: a fits a. But for a deque, which pydantic before 2.14 never takes."""
    garden = Garden(random.Random(seed))
    nodes = [node for family in families_of(garden) for node in family if not node.holds("deque")]
    kinds = list(map(garden.annotation, nodes))
    assert [fits(kind, kind).reason for kind in kinds if fits(kind, kind).fit is not Fit.FITS] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_fits_through_a_third_is_not_refused(seed):
    """For all a, b, c: where a fits b and b fits c, a is not refused by c.

    But for a NamedTuple, which is a tuple, which is a Sequence: the strict check of Sequence takes a plain tuple only.
    """
    garden = Garden(random.Random(seed))
    broken = []
    for family in families_of(garden):
        kinds = [garden.annotation(node) for node in family if not node.holds("namedtuple")]
        for a, b, c in itertools.product(kinds, repeat=3):
            if fits(a, b).fit is fits(b, c).fit is Fit.FITS and fits(a, c).fit is Fit.DOES_NOT_FIT:
                broken.append((fits(a, b).reason, fits(a, c).reason))
    assert broken == []
