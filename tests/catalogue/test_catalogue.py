"""Every fault of the groups that the page of failures holds is shown by a test that bears its number, or left out."""

from __future__ import annotations

import re

import pytest

from tests.catalogue.page import PAGE, marked, rewritten, rows
from tests.docs.reference import ours

GROUPS = {"A": range(1, 15), "D": range(45, 59), "F": range(74, 93)}
TEXT = PAGE.read_text("utf-8")
SHOWN, LEFT_OUT = rows(TEXT)


@pytest.mark.parametrize("number", [number for group in GROUPS.values() for number in group])
def test_every_fault_is_shown_or_left_out_with_a_reason(number):
    """It has a row that says what happens, and a test; or a row that says why there is none."""
    if marked()[number]:
        assert all(SHOWN[number][:2])
    else:
        assert number not in SHOWN
        assert LEFT_OUT[number][1]


def test_no_test_bears_a_number_that_nobody_knows():
    """Groups have numbers of their own, and the page has no other."""
    known = {number for group in GROUPS.values() for number in group}
    assert {number for number, tests in marked().items() if tests} <= known
    assert {*SHOWN, *LEFT_OUT} <= known


def test_the_page_names_the_tests_that_there_are():
    """Run `python -m tests.catalogue.page`."""
    assert rewritten(TEXT) == TEXT


def test_the_page_tells_the_codes_that_there_are():
    """Each error that it names has the exit code that stands behind it."""
    codes = re.findall(r"`([a-z]+(?:-[a-z]+)*)` \((\d)\)", TEXT)
    assert len(codes) > 20
    assert [(code, str(ours()[code].exit_code)) for code, _ in codes] == codes
