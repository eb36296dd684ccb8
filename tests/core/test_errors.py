"""The error tree: codes, exit codes, sentences, and the record of a hostile error."""

from __future__ import annotations

import copy
import json
import pickle
import string
from datetime import UTC, datetime

import pytest

from knows_core import KnowsError, PermanentError, RunBusy, TransientError
from knows_core.errors import error_kinds
from knows_core.journals.envelope import LONGEST_TEXT, describe, error_record
from tests.error_rooms import load_error_rooms

load_error_rooms()
KINDS = error_kinds()
CORE = {code: kind for code, kind in KINDS.items() if kind.__module__.startswith("knows_core.errors")}
EXIT_CODES = {
    "config": 2, "registry": 3, "contract": 4, "run-busy": 5, "lease-lost": 5, "backend": 6, "resume-refused": 7,
    "access-denied": 8,
}  # fmt: skip


def fields(*texts):
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("kind", CORE.values(), ids=CORE)
def test_every_error_makes_a_sentence_with_a_next_move(kind):
    """Each fact of the sentence is an attribute and stands in the text; the next move follows."""
    facts = {name: f"<{name}>" for name in fields(kind.sentence, kind.remedy)}
    error = kind(**facts)
    assert all(getattr(error, name) == value for name, value in facts.items())
    assert all(value in str(error) for value in facts.values())
    if kind.sentence:
        assert error.next_move
        assert str(error) == f"{kind.sentence.format(**facts)}. {error.next_move}"


@pytest.mark.parametrize("kind", CORE.values(), ids=CORE)
def test_every_error_says_what_it_means(kind):
    """A documentation, a code of its own, and the root."""
    assert kind.__doc__
    assert issubclass(kind, KnowsError)
    assert sum(other.code == kind.code for other in CORE.values()) == 1


@pytest.mark.parametrize(("code", "exit_code"), EXIT_CODES.items())
def test_families_have_their_exit_codes(code, exit_code):
    """A whole family answers with one exit code."""
    assert all(kind.exit_code == exit_code for kind in error_kinds(KINDS[code]).values())


@pytest.mark.parametrize("kind", [TransientError, PermanentError])
def test_steps_raise_with_a_sentence_of_their_own(kind):
    """The text is the step's, and the run failed: 1."""
    error = kind("the pump is broken")
    assert (str(error), error.next_move, error.exit_code) == ("the pump is broken", "", 1)


def test_braces_in_facts_are_only_text():
    """Facts are never formatted."""
    assert "owned by {x.__class__} since" in str(RunBusy(run="r", owner="{x.__class__}", since="now"))


def test_errors_survive_copying_between_processes():
    """An error with facts can be sent through a pool."""
    error = RunBusy(run="r", owner="o", since="s")
    for back in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert (str(back), back.run) == (str(error), "r")
    with pytest.raises(AttributeError):
        error.absent  # noqa: B018


def test_an_error_is_data_with_its_causes():
    """Type, message, code and the chain of causes; the record survives JSON but for its time."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise TransientError("outer") from inner
    except TransientError as error:
        record = error_record(error, datetime(2026, 1, 1, tzinfo=UTC), "a", 2)
    assert record["code"] == "transient"
    assert record["cause"] == {"type": "KeyError", "message": "'inner'", "code": None, "cause": None}
    assert (record["step"], record["attempt"]) == ("a", 2)
    assert json.loads(json.dumps(record, default=str))["type"] == "TransientError"


@pytest.mark.fault(75)
def test_hostile_errors_are_described():
    """A text that raises, one of 10 MB, and a chain that never ends."""

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    assert describe(Mute())["message"] == "<its text could not be made: RuntimeError>"
    assert len(describe(ValueError("x" * 10_000_000))["message"]) < LONGEST_TEXT + 50
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert json.dumps(describe(one)).count("other") < 10


def test_an_error_without_its_facts_still_has_a_text():
    """A step may raise any of our errors by hand."""
    assert "run ? is owned by ?" in str(RunBusy())


def test_an_error_that_is_hostile_in_its_parts_is_described():
    """A code that is no text, a text that exits, a cause that raises."""

    class Hostile(KnowsError):
        code = object()  # type: ignore[assignment]

        def __str__(self):
            raise SystemExit(3)

        @property
        def __cause__(self):  # type: ignore[override]
            raise RuntimeError

    described = describe(Hostile())
    assert (described["code"], described["cause"]) == (None, None)
    assert "SystemExit" in described["message"]
