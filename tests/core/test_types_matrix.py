"""What fits what: the named pairs of types_matrix.txt with their verdicts.

A verdict is expected to be *fits* where both the type system and pydantic's strict check allow the pair. Rows that
say so in their name are allowed by the type system, and always refused by the strict check.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from knows_core.types import Fit, fits
from tests.core import seam_models, seam_types

NAMED = {"FITS": Fit.FITS, "CONVERTS": Fit.CONVERTS, "RUN_TIME": Fit.RUN_TIME, "NO": Fit.DOES_NOT_FIT}
NAMES = {**vars(seam_models), **vars(seam_types)}
TABLE = Path(__file__).with_name("types_matrix.txt").read_text("utf-8")


def rows():
    for line in TABLE.splitlines():
        if not line.startswith("#"):
            name, produced, consumed, verdict = line.split(" ; ")
            sides = [eval(side, NAMES) for side in (produced, consumed)]  # noqa: S307 - our own table
            yield name, *sides, NAMED[verdict]


MATRIX = list(rows())


@pytest.mark.parametrize(("produced", "consumed", "expected"), [pytest.param(*row, id=name) for name, *row in MATRIX])
def test_the_verdict_of_the_matrix(produced, consumed, expected):
    """Each pair has its verdict, and the reason names both sides."""
    verdict = fits(produced, consumed)
    assert verdict.fit is expected, verdict.reason
    assert " -> " in verdict.reason
    assert "cannot be compared" not in verdict.reason


def test_the_matrix_has_no_false_accept_and_at_most_two_false_rejects():
    """Of at least 110 pairs: what must not pass unseen never does, and what may pass is refused at most twice."""
    found = [(fits(produced, consumed).fit, expected) for _, produced, consumed, expected in MATRIX]
    passing = (Fit.FITS, Fit.CONVERTS)
    assert len({name for name, *_ in MATRIX}) == len(MATRIX) >= 110
    assert [pair for pair in found if pair[0] in passing and pair[1] not in passing] == []
    assert len([pair for pair in found if pair[0] is Fit.DOES_NOT_FIT and pair[1] is not Fit.DOES_NOT_FIT]) <= 2
