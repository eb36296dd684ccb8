"""What a release is told of its steps, over pairs of small flows: a run that cannot go on always has a reason."""

from __future__ import annotations

import random

from knows_core import KnowsError
from knows_core.contract import fingerprint_of
from knows_core.template import definition_of
from knows_registry.contracts import shape_diff
from knows_registry.contracts.shape_diff import is_resumable, shape_changes
from tests.properties.changed_flows import Making, a, box, seq

FLOWS = 240
KINDS = ("parallel", "case", "each", "repeat", "scope", "part")
WORDS = {"repeat": ("no",), "part": ("1.0.0",)}


def grown(picked, names, depth=0):
    """A flow of these steps in this order, grouped at random."""
    inside, left = [], list(names)
    while left:
        size = picked.randint(1, len(left)) if depth < 3 else 1
        group, left = left[:size], left[size:]
        is_bare = depth == 3 or (size == 1 and picked.random() < 0.7)
        inside.append(a(group[0]) if is_bare else boxed(picked, group, depth))
    return seq(*inside)


def boxed(picked, names, depth):
    kind = picked.choice(KINDS)
    at = picked.randint(1, len(names) - 1) if len(names) > 1 and kind in ("parallel", "case") else len(names)
    parts = [grown(picked, some, depth + 1) for some in (names[:at], names[at:]) if some]
    if kind == "parallel" and len(parts) == 1:
        return parts[0]
    words = ("yes", "else")[: len(parts)] if kind == "case" else WORDS.get(kind, ())
    return box(kind, *parts, name="p" if kind == "part" else "", words=words)


def shapes(seed):
    """Shapes of flows with the steps a to d, some left out, some in another order; a flow that is refused has none."""
    picked, found = random.Random(seed), []
    while len(found) < FLOWS:
        names = picked.sample("abcd", picked.randint(2, 4))
        tree = grown(picked, sorted(names) if picked.random() < 0.8 else names)
        try:
            found.append(fingerprint_of(definition_of(Making().template(tree))).shape)
        except KnowsError:
            continue
    return found


def unexplained(found):
    """Pairs of which nothing is told although they differ, or only what lets runs go on although they could not."""
    for old in found:
        for new in found:
            rules = {one.rule for one in shape_changes(old, new)}
            stops = bool(rules - {"step-appended"})
            if bool(rules) != (old != new) or stops == is_resumable(old, new):
                yield old, new, rules


def test_every_run_that_cannot_go_on_is_told_why():
    """Something is told exactly where shapes differ, and only appended steps exactly where runs go on."""
    found = shapes(1)
    assert sum(old != new and is_resumable(old, new) for old in found for new in found) > 20
    assert list(unexplained(found)) == []


def test_ends_that_are_left_out_are_noticed(monkeypatch):
    """Were the ends of nodes no entries of their own, a step that has come into a node would be told by nothing."""
    real = shape_diff._changes
    bare = lambda entries: [one for one in entries if not one.kind.startswith("end of ")]
    monkeypatch.setattr(
        shape_diff, "_changes", lambda gone, come, *rest, **more: real(bare(gone), bare(come), *rest, **more)
    )
    assert list(unexplained(shapes(1)))
