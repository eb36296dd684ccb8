"""An error as plain data, whatever its class does."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, field_validator

from knows_core import PermanentError
from knows_core.journals.contents import fault_in
from knows_core.journals.envelope import LONGEST_TEXT, RecordedError, describe, error_record, in_words, safe_text

AT = datetime(2026, 1, 1, tzinfo=UTC)


RAISING: Any = property(lambda self: 1 / 0)
Liar: Any = type("Liar", (type,), {"__name__": RAISING, "__module__": RAISING})
Nameless = Liar("Nameless", (Exception,), {})  # its class does not let anybody ask


class Speechless(Exception):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def __str__(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Hostile(PermanentError):
    """Raises wherever it is asked."""

    code = RAISING
    __cause__ = RAISING
    __context__ = RAISING
    __suppress_context__ = RAISING

    def __bool__(self):
        raise RuntimeError

    def __reduce__(self):
        raise TypeError("not to be pickled")


class HostileGroup(ExceptionGroup):
    exceptions = RAISING


class Text(str):
    __slots__ = ()

    def __len__(self):
        raise RuntimeError

    def __getitem__(self, at):
        raise RuntimeError


def chained(errors):
    """The first error, each with the next one as its cause."""
    for one, cause in itertools.pairwise(errors):
        BaseException.__dict__["__cause__"].__set__(one, cause)
    return errors[0]


def group(errors):
    return ExceptionGroup("group", errors)


TEXTS = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL included
SPEECHLESS = st.sampled_from([SystemExit(1), KeyboardInterrupt(), ValueError(), 5, None, b"octets"])
SINGLE = st.one_of(
    st.builds(Speechless, TEXTS),
    st.builds(Speechless, SPEECHLESS),
    st.builds(lambda text: Speechless(Text(text)), TEXTS),
    st.tuples(TEXTS).map(lambda parts: Nameless(*parts)),  # hypothesis would ask the class for its name
    st.builds(Hostile, TEXTS),
)
ERRORS = st.recursive(
    SINGLE,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(chained)
        | st.lists(inner, min_size=1, max_size=30).map(group)
        | st.lists(inner, min_size=1, max_size=3).map(lambda errors: HostileGroup("hostile", errors))
    ),
)


@given(ERRORS)
def test_every_error_is_described_as_data_that_json_gives_back(error):
    """`describe` never raises, a journal admits what it gives, and JSON gives back the same."""
    described = describe(error)
    text = json.dumps(described)
    assert json.loads(text) == described
    assert text.encode()
    assert fault_in("StepFailed", {"path": "a", "attempt": 1, "error": described}) is None
    assert describe(RecordedError(json.loads(text))) == described


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (Nameless("text"), "Nameless", "text"),
        (Speechless(ValueError()), "Speechless", "<its text could not be made: ValueError>"),
        (Speechless(SystemExit()), "Speechless", "<its text could not be made: SystemExit>"),
        (Speechless(5), "Speechless", "<its text could not be made: TypeError>"),
        (Speechless(Text("lying")), "Speechless", "lying"),
        (Hostile("text"), "Hostile", "text"),
        (ValueError("a\0b\ud800c"), "ValueError", "a\0b\\ud800c"),
        (type("N" * 10_000, (Exception,), {})("x"), "N" * 200 + "... (10000 characters)", "x"),
    ],
)
def test_a_hostile_error_keeps_its_name_and_what_text_it_has(error, kind, message):
    """The class's own name, the text where there is one, no code where asking for it raises."""
    described = describe(error)
    assert (described["type"], described["message"], described["code"]) == (kind, message, None)


def test_an_enormous_text_is_cut():
    """8,000 characters of 10 MB, and how many there were."""
    text = safe_text(ValueError("x" * 10_000_000))
    assert text == "x" * LONGEST_TEXT + "... (10000000 characters)"


def test_a_text_is_redacted_before_it_is_cut():
    """A secret across the cut leaves no beginning of itself."""
    text = safe_text(ValueError("x" * (LONGEST_TEXT - 3) + "hunter2"), lambda text: text.replace("hunter2", "[secret]"))
    assert "hun" not in text


def test_causes_that_bite_their_tail_end():
    """Each error of a circle is told once; of a long chain the first nine."""
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert describe(first)["cause"] == {"type": "ValueError", "message": "2", "code": None, "cause": None}
    described = str(describe(chained([ValueError(str(number)) for number in range(1000)])))
    assert described.count("'cause'") == 9


def test_what_an_error_was_raised_during_is_its_cause_unless_suppressed():
    """`__context__` counts where nothing was named, and `from None` hides it."""
    error = PermanentError("second")
    error.__context__ = KeyError("first")
    assert (describe(error)["code"], describe(error)["cause"]["type"]) == ("permanent", "KeyError")
    error.__suppress_context__ = True
    assert describe(error)["cause"] is None


def test_a_group_tells_its_errors():
    """Only a group has `errors`; those keep causes and groups of their own."""
    inner = ExceptionGroup("inner", [chained([ValueError("b"), OSError("c")])])
    described = describe(ExceptionGroup("outer", [TypeError("a"), inner]))
    assert described["message"] == "outer (2 sub-exceptions)"
    assert [one["type"] for one in described["errors"]] == ["TypeError", "ExceptionGroup"]
    assert described["errors"][1]["errors"][0]["cause"]["message"] == "c"
    assert "errors" not in described["errors"][0]


def test_a_group_of_many_says_how_many_more_there_are():
    """20 entries at most, the last one counting; groups in groups stay small."""
    described = describe(group([ValueError(str(number)) for number in range(50)]))
    assert [one["message"] for one in described["errors"]] == [*map(str, range(19)), "31 more errors, not kept"]
    wide = group([ValueError("x")] * 20)
    for _ in range(4):
        wide = group([wide] * 20)
    assert len(json.dumps(describe(wide))) < 100_000


def test_an_error_of_a_journal_is_described_as_it_was():
    """Also as the cause of another one, and in words."""
    described = describe(ValueError("text"))
    error = PermanentError("later")
    error.__cause__ = RecordedError(described)
    assert describe(error)["cause"] == described
    assert in_words(RecordedError(described)) == "ValueError: text"


class Login(BaseModel):
    user: str
    password: SecretStr
    port: int

    @field_validator("password")
    @classmethod
    def _check(cls, value):
        raise ValueError("it is too short")


def refused():
    with pytest.raises(ValueError, match="Login") as caught:
        Login.model_validate({"user": ["hunter2"], "password": "hunter2", "port": "hunter2"})
    return caught.value


@pytest.mark.parametrize(
    "wrapped",
    [lambda error: error, lambda error: chained([ValueError("x"), error]), lambda error: group([error])],
    ids=["itself", "cause", "group"],
)
def test_pydantic_tells_what_is_wrong_and_never_the_input(wrapped):
    """Fields and rules are there; inputs, contexts and links are not."""
    text = json.dumps(describe(wrapped(refused())))
    assert "3 validation errors for Login: user: Input should be a valid string [string_type]; password: Value" in text
    assert "hunter2" not in text
    assert "http" not in text


def test_the_record_of_a_failure_adds_when_and_where():
    """`timestamp`, `step` and `attempt` stand beside the description; there is no traceback and no local variable."""
    local = "a local variable"
    try:
        raise ValueError("x")
    except ValueError as error:
        record = error_record(error, AT, "a/b", 2)
    assert record == {
        "type": "ValueError", "message": "x", "code": None, "cause": None, "timestamp": AT, "step": "a/b", "attempt": 2
    }  # fmt: skip
    assert local not in str(record)


@pytest.mark.parametrize("errors", [None, {}, [None], [{"type": "x"}]])
def test_a_journal_believes_no_malformed_group(errors):
    """`errors` is a list of descriptions or is not there."""
    error = {**describe(ValueError("x")), "errors": errors}
    assert "error" in str(fault_in("StepFailed", {"path": "a", "attempt": 1, "error": error}))
