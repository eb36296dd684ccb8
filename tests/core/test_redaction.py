"""Known values are taken out of texts, in every form that texts give them."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knows_core.journals.envelope import describe
from knows_core.secrecy.redaction import MASK, Passage, Redactor, without_passwords

if TYPE_CHECKING:
    from collections.abc import Callable

SECRETS = st.text(st.characters(codec="utf-8"), min_size=4, max_size=40).filter(lambda text: len(text.strip()) >= 4)
AROUND = st.binary(max_size=8)
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 without padding": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    "urlsafe base64": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "quoted": urllib.parse.quote,
    "quoted whole": lambda value: urllib.parse.quote(value, safe=""),
    "quoted in small letters": lambda value: "".join(f"%{one:02x}" for one in value.encode()),
    "quoted for a form": urllib.parse.quote_plus,
    "JSON": lambda value: json.dumps(value)[1:-1],
    "JSON as it is": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda value: json.dumps(json.dumps(value))[3:-3],
    "base64 in JSON": lambda value: json.dumps(base64.b64encode(value.encode()).decode())[1:-1],
    "repr": lambda value: repr(value)[1:-1],
    "ascii": lambda value: ascii(value)[1:-1],
    "bytes": lambda value: repr(value.encode())[2:-1],
}


def knowing(*values):
    redactor = Redactor()
    for value in values:
        redactor.learn(value)
    return redactor


@pytest.mark.parametrize("form", FORMS)
@given(SECRETS)
@example("p\"a\\s's/w?o+r d\n")
@example("pässwörd/€")
def test_a_secret_is_found_in_every_form(form, value):
    """What stands around stays, what stood there is `[secret]`, and nothing of it can be found afterwards."""
    redactor, shown = knowing(value), FORMS[form](value)
    text = f"<{shown}>"
    assert redactor.holds(text)
    cleared = redactor.text(text)
    assert MASK in cleared
    assert shown not in cleared
    assert not redactor.holds(cleared)


@given(SECRETS, AROUND, AROUND, st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_a_secret_among_other_bytes_is_found_in_their_base64(value, before, after, encode):
    """Wherever it begins: all three alignments."""
    text = encode(before + value.encode() + after).decode()
    redactor = knowing(value)
    assert redactor.holds(text)
    assert not redactor.holds(redactor.text(text))


def test_what_stands_around_a_secret_stays():
    """Only the secret goes, as often as it stands there; a text without one is the same."""
    redactor = knowing("hunter2")
    assert redactor.text("a hunter2, b hunter2!") == "a [secret], b [secret]!"
    assert redactor.text("nothing") == "nothing"
    assert redactor.text("before aHVudGVyMg== after") == "before [secret] after"


def test_secrets_that_overlap_leave_no_rest():
    """Two that share characters, one inside the other, and one that overlaps itself."""
    assert knowing("abcdef", "defghi", "cdef").text("-abcdefghi-") == "-[secret]-"
    assert knowing("abab").text("ababab") == "[secret]"


def test_the_mask_itself_is_never_a_secret():
    """Who chose `secret` as the password gets texts that can be redacted twice and recorded."""
    redactor = knowing("secret")
    assert redactor.text(redactor.text("a secret")) == "a [secret]"
    assert not redactor.holds("a [secret]")


@pytest.mark.parametrize("value", ["", "abc", "   ab   ", " " * 20])
def test_what_is_too_short_is_not_searched(value):
    """Below four characters, not counting the space around, a value stands in too many texts by chance."""
    redactor = knowing(value)
    assert not redactor.known
    assert redactor.text("abc ab") == "abc ab"


def test_a_value_is_found_without_the_space_around_it():
    """As a program shows it that strips what it reads."""
    assert knowing("hunter2\n").text("<hunter2>") == "<[secret]>"


def test_a_lone_surrogate_is_no_obstacle():
    """As the environment gives a value that is no UTF-8."""
    redactor = knowing("pass\udcffword")
    assert redactor.text("<pass\udcffword>") == "<[secret]>"
    assert describe(ValueError("<pass\udcffword>"), redact=redactor.error)["message"] == "<[secret]>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:p4ss@host/db", "postgresql://me:***@host/db"),
        ("at redis://:p@ss:word@host:6379/0, or https://u:x@h", "at redis://:***@host:6379/0, or https://u:***@h"),
        ("postgresql://me:***@host/db", "postgresql://me:***@host/db"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("http://host/?mail=a:b@c", "http://host/?mail=a:b@c"),
        ("no url", "no url"),
    ],
)
def test_passwords_of_urls_are_masked_in_errors(text, shown):
    """Known or not, and also where no redactor is at hand; twice is the same as once."""
    assert without_passwords(text) == shown
    assert without_passwords(shown) == shown
    assert describe(ValueError(text))["message"] == shown
    assert Redactor().error(text) == shown


@pytest.mark.parametrize("text", ["://" * 300_000, "://a:" + "b@" * 300_000 + "/", "://" + ":" * 1_000_000])
def test_no_text_makes_the_search_for_passwords_slow(text):
    """The time grows with the length; the test would not end otherwise."""
    assert len(without_passwords(text)) <= len(text) + 3


@given(SECRETS, st.lists(st.integers(0, 60), max_size=6), st.text(max_size=20))
def test_a_secret_in_pieces_is_found(value, cuts, around):
    """Where a stream is cut makes no difference to what it shows."""
    whole, redactor = f"{around}{value}{around}", knowing(value)
    passage, ends = Passage(redactor), [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    shown = "".join(passage.pass_on(whole[begin:end]) for begin, end in itertools.pairwise(ends))
    shown += passage.rest()
    assert value not in shown.replace(MASK, "\0")
    assert MASK in shown


def test_what_cannot_be_the_beginning_of_a_secret_is_shown_at_once():
    """Only the beginning itself waits, and is shown when something else follows."""
    passage = Passage(knowing("hunter2"))
    assert [passage.pass_on(piece) for piece in ("a hunt", "ing b", " h")] == ["a ", "hunting b", " "]
    assert passage.rest() == "h"
    assert passage.rest() == ""


def test_any_thread_may_teach_it():
    """What one learns, all find; no lesson is lost."""
    redactor, start = Redactor(), threading.Barrier(8)

    def learn(number):
        start.wait(30)
        for one in range(20):
            redactor.learn(f"secret-{number}-{one}")
            assert redactor.text(f"secret-{number}-{one}") == MASK

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(learn, range(8)))
    assert all(redactor.holds(f"secret-{number}-{one}") for number in range(8) for one in range(20))
