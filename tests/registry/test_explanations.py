"""Why a request cannot be satisfied, word for word: real versions, the request last, and the bound to loosen."""

from __future__ import annotations

import json
import pickle

import pytest

from knows_registry.cli.failure import failure_of
from knows_registry.resolving import derivation, loosening
from knows_registry.resolving.resolve import Unsatisfiable, resolve
from tests.properties.registries import Stock, wanted


def refused(stock, *request):
    with pytest.raises(Unsatisfiable) as caught:
        resolve([wanted(text) for text in request], stock)
    return caught.value


def diamond():
    stock = Stock().add("equipment", "1.4.0").add("equipment", "2.0.0").add("equipment", "2.1.0")
    stock.add("etch", "1.2.0", "equipment@^2").add("etch", "1.3.0", "equipment@^2")
    return stock.add("clean", "1.0.0", "equipment@^1")


def test_a_diamond_is_told_by_both_sides_and_the_request():
    """Versions that say the same are one line; the last line is the request; the message is the lines and the move."""
    error = refused(diamond().add("etch", "1.1.0", "equipment"), "etch@^1.2", "clean@^1")
    assert error.lines == [
        "every version of clean in ^1 (1.0.0) uses equipment ^1 (1.4.0)",
        "every version of etch in ^1.2 (1.2.0, 1.3.0) uses equipment ^2 (2.0.0, 2.1.0)",
        "so, by 1 and 2, clean 1.0.0 and etch ^1.2 do not go together",
        "the request wants clean ^1 (1.0.0) and etch ^1.2 (1.2.0, 1.3.0)",
    ]
    assert error.suggestion == (
        "Ask for `etch@^1.1` instead of `etch@^1.2`: it comes to clean 1.0.0, equipment 1.4.0 and etch 1.1.0."
    )
    assert str(error) == (
        "no versions satisfy the request:\n"
        + "\n".join(f"{number}. {line}" for number, line in enumerate(error.lines, 1))
        + f". {error.suggestion}"
    )


def test_where_no_bound_of_the_request_helps_one_of_a_template_is_named():
    """Both sides have no other version, so one of them would have to admit what the other uses."""
    assert refused(diamond(), "etch", "clean").suggestion == (
        "Loosen what clean 1.0.0 uses, equipment ^1, so that it admits 2.1.0:"
        " it comes to clean 1.0.0, equipment 2.1.0 and etch 1.3.0."
    )


def test_where_no_single_bound_helps_the_request_is_told_which_to_change_together():
    """Two conflicts at once: each alone leaves the other."""
    stock = Stock().add("etch", "1.0.0").add("clean", "1.0.0")
    error = refused(stock, "etch@^2", "clean@^3")
    assert error.lines == ["the request wants clean ^3, and there is only 1.0.0"]
    assert error.suggestion == (
        "No single range is enough to loosen. Ask for `clean@^1.0` and `etch@^1.0` instead: it comes to clean 1.0.0."
    )


def test_where_the_templates_exclude_each_other_no_request_is_suggested():
    """Nothing that a person may ask for would help."""
    stock = Stock().add("a", "1.0.0", "b@^2", "c@^2").add("b", "1.0.0").add("c", "1.0.0")
    assert refused(stock, "a").suggestion == (
        "No range of the request is enough to loosen: what the templates use must change."
    )


def test_a_template_that_is_not_installed_is_said_to_be_missing():
    """With the sentence of whoever knows where it could be had from, or a plain one."""
    stock = Stock().add("etch", "1.0.0", "equipment@^2").add("etch", "1.1.0", "equipment@^2")
    error = refused(stock, "etch")
    assert error.lines == [
        "every version of etch (1.0.0, 1.1.0) uses equipment ^2, and no version of equipment is installed",
        "the request wants etch (1.0.0, 1.1.0)",
    ]
    assert error.suggestion == "Install a distribution that offers equipment, or ask for versions without it."
    assert error.missing == ["equipment"]
    stock.hints["equipment"] = "knows-equipment 2.0.0 offered it: pip install knows-equipment==2.0.0"
    assert refused(stock, "etch").suggestion == stock.hints["equipment"]


def test_a_request_for_what_is_not_installed_is_one_line():
    """There is nothing to derive."""
    error = refused(Stock(), "etch@^1")
    assert error.lines == ["the request wants etch ^1, and no version of etch is installed"]


def test_a_range_beside_all_versions_names_those_there_are():
    """So that a reader sees at once which to ask for."""
    error = refused(diamond(), "etch@^2")
    assert error.lines == ["the request wants etch ^2, and there is only 1.2.0 and 1.3.0"]
    assert error.suggestion == "Ask for `etch@^1.3` instead of `etch@^2`: it comes to etch 1.3.0."


def test_a_pre_release_that_would_do_has_to_be_named():
    """The line says so, and the suggestion names it."""
    error = refused(Stock().add("etch", "1.0.0").add("etch", "2.0.0-rc.1"), "etch@^2")
    assert error.lines == [
        (
            "the request wants etch ^2, and there is only 1.0.0 and 2.0.0-rc.1;"
            " a range must name a pre-release such as 2.0.0-rc.1"
        )
    ]
    assert error.suggestion == "Ask for `etch@^2.0.0-rc.1` instead of `etch@^2`: it comes to etch 2.0.0-rc.1."


def test_a_yanked_version_is_told_with_its_reason():
    """For the request, and for a template that uses it."""
    stock = Stock().add("etch", "1.3.0", yanked="the pressure table is wrong").add("flow", "1.0.0", "etch@^1")
    error = refused(stock, "etch@^1")
    assert error.lines == ["etch 1.3.0 is yanked: the pressure table is wrong", "the request wants etch ^1 (1.3.0)"]
    assert error.suggestion == "To take it all the same ask for `etch@1.3.0` too: it comes to etch 1.3.0."
    assert refused(stock, "flow").lines == [
        "every version of flow (1.0.0) uses etch ^1 (1.3.0)",
        "every version of flow (1.0.0) uses etch ^1, and etch 1.3.0 is yanked: the pressure table is wrong",
        "so, by 1 and 2, no version of flow can be used",
        "the request wants flow (1.0.0)",
    ]


def test_a_long_chain_comes_to_something_on_the_way():
    """Nobody has to hold more than a few lines in mind: what follows so far is a line of its own."""
    stock = Stock().add("e", "1.0.0").add("e", "2.0.0")
    for user, used in ("ab", "bc", "cd"):
        stock.add(user, "1.0.0", used)
    stock.add("d", "1.0.0", "e@^1").add("z", "1.0.0", "e@^2")
    assert refused(stock, "a", "z").lines == [
        "every version of d (1.0.0) uses e ^1 (1.0.0)",
        "every version of z (1.0.0) uses e ^2 (2.0.0)",
        "so, by 1 and 2, d 1.0.0 and z 1.0.0 do not go together",
        "every version of b (1.0.0) uses c (1.0.0)",
        "every version of c (1.0.0) uses d (1.0.0)",
        "so, by 3 to 5, b 1.0.0 and z 1.0.0 do not go together",
        "every version of a (1.0.0) uses b (1.0.0)",
        "so, by 6 and 7, a 1.0.0 and z 1.0.0 do not go together",
        "the request wants a (1.0.0) and z (1.0.0)",
    ]


def test_of_many_versions_the_first_and_last_are_named():
    """A line stays a line."""
    stock = Stock()
    for minor in range(20):
        stock.add("etch", f"1.{minor}.0", "equipment")
    assert refused(stock, "etch").lines[-1] == "the request wants etch (1.0.0, 1.1.0, 17 more, 1.19.0)"


def test_a_slot_with_an_alias_is_told_with_the_template_that_opened_it():
    """The reader sees which of two it is."""
    stock = Stock().add("equipment", "1.0.0").add("etch", "1.0.0", "equipment", "old=equipment@^2")
    assert refused(stock, "etch").lines[0] == (
        "every version of etch (1.0.0) uses equipment (as old in etch) ^2, and there is only 1.0.0"
    )


def test_what_has_no_part_in_the_conflict_is_not_told():
    """Of ten templates in the request two are named."""
    stock = diamond()
    for number in range(8):
        stock.add(f"t{number}", "1.0.0", "etch").add(f"t{number}", "1.1.0", "etch")
    error = refused(stock, *(f"t{number}" for number in range(8)), "etch", "clean")
    assert len(error.lines) == 4
    assert "t0" not in str(error)


def test_a_conflict_that_is_too_large_is_told_without_shortening_it(monkeypatch):
    """The effort is bounded: the proof stays as it was found, and the suggestion says why there is none."""
    monkeypatch.setattr(derivation, "_PATIENCE", 0)
    monkeypatch.setattr(loosening, "_PATIENCE", -1)
    error = refused(diamond().add("etch", "1.1.0", "equipment"), "etch@^1.2", "clean@^1")
    assert error.lines[-1] == "the request wants clean ^1 (1.0.0) and etch ^1.2 (1.2.0, 1.3.0)"
    assert error.suggestion == (
        "Too many templates are part of it for a suggestion: ask for fewer, and then for one more each time."
    )


def test_the_error_keeps_its_facts_on_every_way_out():
    """Pickled for another process, as JSON, and as the failure of a command with its next move apart."""
    error = refused(diamond(), "etch", "clean")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(again), again.lines, again.suggestion) == (str(error), error.lines, error.suggestion)
    assert json.loads(json.dumps(error.facts)) == error.facts
    failure = failure_of(error)
    assert (failure.code, failure.exit_code, failure.next_move) == ("unsatisfiable", 3, error.suggestion)
    assert failure.message == str(error).removesuffix(f". {error.suggestion}")
