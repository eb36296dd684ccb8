"""Whether one range lies inside another, against trying every version."""

from __future__ import annotations

import itertools
import random

import pytest

from knows_core import Version, VersionRange
from knows_registry.contracts.version_ranges import is_within

STAGES = ("", "-alpha.1", "-rc.1", "-rc.2")
NUMBERS = range(4)


AROUND = (*STAGES, "-alpha.0", "-alpha.2", "-beta.0", "-rc.0", "-rc.3")


def versions(numbers, stages):
    return [Version(f"{a}.{b}.{c}{stage}") for a, b, c in itertools.product(numbers, repeat=3) for stage in stages]


NAMED, EVERY = versions(NUMBERS, STAGES), versions(range(6), AROUND)  # what a range may name, and what lies around it


def written(seed):
    """A range over small numbers."""
    chance = random.Random(seed)
    version = lambda: str(chance.choice(NAMED))
    match chance.randrange(5):
        case 0:
            return chance.choice(("*", version()))
        case 1:
            return f"^{version()}"
        case 2:
            return f"~{version()}"
        case 3:
            return f"^{chance.choice(NUMBERS)}"
        case _:
            signs = chance.sample((">=", ">", "<", "<=", "!="), 2)
            return ",".join(sign + version() for sign in signs)


@pytest.mark.parametrize("seed", range(40))
def test_a_range_is_within_another_if_every_version_of_it_is(seed):
    """For all ranges a, b: no version of a lies outside of b where the answer is yes, and one does where it is no."""
    for number in range(60):
        a, b = VersionRange(written(seed * 1000 + number)), VersionRange(written(f"{seed} {number}"))
        outside = [one for one in EVERY if one in a and one not in b]
        assert is_within(a, b) is not bool(outside), (a, b, outside[:3])


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("^1.2", "^1.0", True),
        ("^1.0", "^1.2", False),
        ("^1.2", "^2.0", False),
        ("1.2.3", "^1.2", True),
        ("^1.2", "*", True),
        ("*", "^1.2", False),
        ("~1.2.0", "^1.2", True),
        (">=1.2", "^1.2", False),
        (">=1.2,<2", "^1.2", True),
        ("^1.2", ">=1.2,<2", True),
        ("^1.2,!=1.3.0", "^1.2", True),
        ("^1.2", "^1.2,!=1.3.0", False),
        ("^0.2.3", "^0.2.0", True),
        ("^0.2", "^0.3", False),
        ("2.0.0-rc.1", "^2.0", False),
        ("2.0.0-rc.1", "^2.0.0-rc.1", True),
    ],
)
def test_named_ranges(inner, outer, expected):
    """A pre-release is in a range only where the range names one of the same numbers."""
    assert is_within(VersionRange(inner), VersionRange(outer)) is expected
