"""What the command line shows of values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from knows_core.errors import MissingState, PermanentError
from knows_core.errors.backend import RunBusy
from knows_registry.cli.answer import columns, plain, run_answer, shown
from knows_registry.cli.failure import failure_of


class Model(BaseModel):
    at: datetime
    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class Reading:
    value: float
    tags: tuple[str, ...]


class Colour(Enum):
    RED = 1


class Hostile:
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (10**30, 10**30),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (1.5, 1.5),
        (b"\xff", "b'\\xff'"),
        (Decimal("1.10"), "1.10"),
        (Colour.RED, "Colour.RED"),
        (datetime(2030, 1, 2, tzinfo=UTC), "2030-01-02T00:00:00+00:00"),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        ({1: 2, "1": 3}, {"1": 2, "1 (str)": 3}),
        ({10**5000: -(10**5000)}, {hex(10**5000): hex(-(10**5000))}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (Reading(math.inf, ("x",)), {"value": "inf", "tags": ["x"]}),
        (
            [Model(at=datetime(2030, 1, 2, tzinfo=UTC), path=PurePosixPath("/a"))],
            [{"at": "2030-01-02T00:00:00+00:00", "path": "/a"}],
        ),
        (Hostile(), "<Hostile cannot be shown: RuntimeError>"),
    ],
)
def test_values_that_json_lacks_are_shown_as_text(value, expected):
    """Records as objects, everything else unknown as its text, hostile values without harm."""
    assert plain(value) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_what_json_has_is_shown_as_it_is(value):
    """For every JSON value v: plain(v) == v, and it survives the round trip."""
    assert json.loads(json.dumps(plain(value))) == value


def test_a_value_that_contains_itself_is_cut():
    """There is an end to every answer."""
    endless: list[object] = []
    endless.append(endless)
    assert "..." in json.dumps(plain(endless))


def test_the_answer_of_a_run_has_every_key():
    """In the promised order, null where unknown."""
    assert json.dumps(run_answer(run="r", state={})) == (
        '{"run": "r", "template": null, "version": null, "status": null, "result": null, "state": {},'
        ' "error": null, "next": null}'
    )


def test_a_failure_tells_its_next_move_apart():
    """The sentence has no remedy in it, so that nobody reads it twice."""
    failure = failure_of(MissingState(template="a@1.0.0", missing="x", found="none"))
    assert failure.message == "template a@1.0.0 requires the state x, found none"
    assert (failure.next_move or "").startswith("Give each with --set")
    assert (failure.code, failure.exit_code) == ("missing-state", 4)
    assert failure_of(RunBusy(run="r", owner="o", since="s", step="a/b")).step is None  # that is for what failed in one
    own = failure_of(PermanentError("The document is encrypted."))
    assert (own.message, own.next_move) == ("The document is encrypted.", None)


def test_columns_are_aligned_and_unprintable_signs_are_shown():
    """A foreign text cannot move the cursor."""
    assert columns([("a", "b\x1bc"), ("long", "")], ("H", "")) == ["H", "a     b\\x1bc", "long"]
    assert shown("two\nlines\r") == "two\nlines\\r"
