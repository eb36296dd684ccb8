"""What a request comes to: which versions are chosen, by which rules, and whose needs are asked for."""

from __future__ import annotations

import itertools

import pytest

from knows_core import Version
from knows_registry.resolving.resolve import Slot, Unsatisfiable, resolve
from knows_registry.resolving.search import ChoicesTooMany
from tests.properties.registries import Stock, wanted


def chosen(stock, *request, locked=None):
    """The answer in words, to compare with."""
    preferred = {Slot(name): Version(version) for name, version in (locked or {}).items()}
    found = resolve([wanted(text) for text in request], stock, preferred=preferred)
    return {str(slot): str(version) for slot, version in found.items()}


def several(name, *versions, **marks):
    stock = Stock()
    for version in versions:
        stock.add(name, version, **marks)
    return stock


# ------------------------------------------------------------------ which versions


def test_the_newest_version_that_the_range_admits_is_chosen():
    """Newest by number, not by text."""
    stock = several("etch", "1.9.0", "1.10.0", "2.0.0", "1.2.0")
    assert chosen(stock, "etch@^1.2") == {"etch": "1.10.0"}
    assert chosen(stock, "etch") == {"etch": "2.0.0"}


def test_both_sides_of_a_diamond_get_one_version():
    """Two templates that use a third share the newest version that both admit."""
    stock = several("equipment", "1.4.0", "1.5.0", "2.0.0")
    stock.add("etch", "1.0.0", "equipment@>=1.4").add("clean", "1.0.0", "equipment@<1.5")
    assert chosen(stock, "etch", "clean") == {"clean": "1.0.0", "equipment": "1.4.0", "etch": "1.0.0"}


def test_an_older_version_is_taken_where_the_newest_fits_nothing():
    """A conflict of the newest is a reason to go back, not to give up."""
    stock = several("equipment", "1.4.0", "2.0.0").add("clean", "1.0.0", "equipment@^1")
    stock.add("etch", "2.0.0", "equipment@^2").add("etch", "1.0.0", "equipment@^1")
    assert chosen(stock, "etch", "clean") == {"clean": "1.0.0", "equipment": "1.4.0", "etch": "1.0.0"}


def test_what_the_request_names_is_kept_newest_rather_than_what_it_uses():
    """The newest etch with an older equipment, although the older etch would allow the newest equipment."""
    stock = several("equipment", "1.0.0", "2.0.0")
    stock.add("etch", "1.1.0", "equipment@^1").add("etch", "1.0.0", "equipment@^2")
    assert chosen(stock, "etch") == {"equipment": "1.0.0", "etch": "1.1.0"}


def test_templates_that_use_each_other_resolve_together():
    """A cycle is no error of resolution: each version only has to admit the other."""
    stock = Stock().add("a", "1.0.0", "b@^1").add("a", "2.0.0", "b@^2").add("b", "1.0.0", "a@^1")
    stock.add("b", "2.0.0", "a@^1")
    assert chosen(stock, "a") == {"a": "1.0.0", "b": "1.0.0"}


def test_nothing_is_in_the_answer_that_the_request_does_not_reach():
    """What only a version that was not chosen uses stays out."""
    stock = several("extra", "1.0.0").add("etch", "1.0.0").add("etch", "2.0.0", "extra@^1", "clean@^2")
    stock.add("clean", "1.0.0")
    assert chosen(stock, "etch") == {"etch": "1.0.0"}


def test_an_alias_opens_a_second_version_side_by_side():
    """Whoever gave the alias has a slot of its own; everybody else shares the other."""
    stock = several("equipment", "1.0.0", "2.0.0")
    stock.add("etch", "1.0.0", "equipment@^2", "old=equipment@^1").add("clean", "1.0.0", "equipment")
    assert chosen(stock, "etch", "clean") == {
        "clean": "1.0.0", "equipment": "2.0.0", "equipment (as old in etch)": "1.0.0", "etch": "1.0.0",
    }  # fmt: skip


def test_equal_aliases_of_two_templates_are_two_slots():
    """An alias belongs to the template that gave it."""
    stock = several("equipment", "1.0.0", "2.0.0")
    stock.add("etch", "1.0.0", "old=equipment@^1").add("clean", "1.0.0", "old=equipment@^2")
    found = chosen(stock, "etch", "clean")
    assert found["equipment (as old in etch)"] == "1.0.0"
    assert found["equipment (as old in clean)"] == "2.0.0"


def test_what_a_side_by_side_version_uses_is_shared_again():
    """Only the slot that has the alias is separate, not all that lies below it."""
    stock = several("sensor", "1.0.0", "2.0.0")
    stock.add("equipment", "1.0.0", "sensor@^1").add("equipment", "2.0.0", "sensor@^2")
    stock.add("etch", "1.0.0", "equipment@^2", "old=equipment@^1")
    with pytest.raises(Unsatisfiable, match="sensor"):
        chosen(stock, "etch")


# ------------------------------------------------------------------ pre-releases, yanked and deprecated versions


def test_a_pre_release_is_chosen_only_where_it_is_named():
    """A range without one never brings it in, and one that names it takes the newest of its three numbers."""
    stock = several("etch", "1.0.0", "2.0.0-rc.1", "2.0.0-rc.2")
    assert chosen(stock, "etch") == {"etch": "1.0.0"}
    assert chosen(stock, "etch@^2.0.0-rc.1") == {"etch": "2.0.0-rc.2"}


def test_one_pre_release_range_does_not_name_it_for_another():
    """Each range on a slot has to admit the version by itself."""
    stock = several("etch", "1.0.0", "2.0.0-rc.1").add("flow", "1.0.0", "etch@>=1")
    with pytest.raises(Unsatisfiable):
        chosen(stock, "flow", "etch@2.0.0-rc.1")


def yanked():
    return several("etch", "1.2.0").add("etch", "1.3.0", yanked="the pressure table is wrong")


def test_a_yanked_version_is_passed_over():
    """Although it is the newest."""
    assert chosen(yanked(), "etch") == {"etch": "1.2.0"}
    with pytest.raises(Unsatisfiable):
        chosen(yanked(), "etch@>1.2")


def test_a_yanked_version_is_kept_where_it_is_locked():
    """What worked yesterday works today."""
    assert chosen(yanked(), "etch", locked={"etch": "1.3.0"}) == {"etch": "1.3.0"}


@pytest.mark.parametrize("exact", ["1.3.0", "==1.3.0", "=1.3", ">=1.0,==1.3.0"])
def test_a_yanked_version_is_chosen_where_the_request_names_it_exactly(exact):
    """A person who names it wants it, and others that use it go along."""
    stock = yanked().add("flow", "1.0.0", "etch@^1")
    assert chosen(stock, "flow", f"etch@{exact}")["etch"] == "1.3.0"


def test_a_template_that_names_a_yanked_version_decides_for_itself_alone():
    """Another template with a wider range is not made to use it, unless the request names it too."""
    stock = yanked().add("flow", "1.0.0", "etch@1.3.0").add("other", "1.0.0", "etch@^1")
    assert chosen(stock, "flow")["etch"] == "1.3.0"
    with pytest.raises(Unsatisfiable, match=r"(?s)1\.3\.0 is yanked.* `etch@1\.3\.0` too"):
        chosen(stock, "flow", "other")
    assert chosen(stock, "flow", "other", "etch@1.3.0")["etch"] == "1.3.0"


def test_a_deprecated_version_is_chosen_only_where_no_other_can_be_had():
    """It is the last choice, not a refusal."""
    stock = several("etch", "1.2.0", "1.1.0").add("etch", "1.3.0", deprecated="use etch_dry")
    assert chosen(stock, "etch") == {"etch": "1.2.0"}
    assert chosen(stock, "etch@>=1.3") == {"etch": "1.3.0"}
    stock.add("clean", "1.0.0", "etch@>1.2")
    assert chosen(stock, "etch", "clean")["etch"] == "1.3.0"


def test_a_deprecated_version_that_is_locked_is_kept():
    """The lock goes over the rule, as for every other version."""
    stock = several("etch", "1.2.0").add("etch", "1.3.0", deprecated="use etch_dry")
    assert chosen(stock, "etch", locked={"etch": "1.3.0"}) == {"etch": "1.3.0"}


# ------------------------------------------------------------------ the lock


def test_locked_versions_are_kept_although_newer_ones_exist():
    """An answer that is locked comes back as it is."""
    stock = (
        several("equipment", "1.0.0", "1.1.0").add("etch", "1.0.0", "equipment@^1").add("etch", "1.1.0", "equipment@^1")
    )
    locked = {"etch": "1.0.0", "equipment": "1.0.0"}
    assert chosen(stock, "etch", locked=locked) == locked


def test_what_is_not_locked_gives_way_to_what_is():
    """The newest clean would need another equipment than the locked one, so an older clean is taken."""
    stock = several("equipment", "1.0.0", "2.0.0").add("etch", "1.0.0", "equipment")
    stock.add("clean", "1.0.0", "equipment@^1").add("clean", "2.0.0", "equipment@^2")
    found = chosen(stock, "clean", "etch", locked={"etch": "1.0.0", "equipment": "1.0.0"})
    assert found == {"clean": "1.0.0", "equipment": "1.0.0", "etch": "1.0.0"}


def test_a_locked_version_that_no_longer_fits_is_given_up_alone():
    """The others are kept."""
    stock = several("equipment", "1.0.0", "1.1.0").add("etch", "1.0.0", "equipment").add("etch", "2.0.0", "equipment")
    found = chosen(stock, "etch@^2", locked={"etch": "1.0.0", "equipment": "1.0.0", "gone": "1.0.0"})
    assert found == {"equipment": "1.0.0", "etch": "2.0.0"}


# ------------------------------------------------------------------ how it asks


def test_only_versions_that_come_into_question_are_asked_for_their_needs():
    """Of a hundred versions one is chosen, and one is looked at."""
    stock = several("etch", *(f"1.{minor}.0" for minor in range(100))).add("unused", "1.0.0")
    chosen(stock, "etch")
    assert stock.asked == ["etch 1.99.0"]


def test_nothing_is_asked_twice():
    """Not even while a conflict is explained and its suggestion tried."""
    stock = several("equipment", "1.0.0", "2.0.0")
    for version in ("1.0.0", "1.1.0"):
        stock.add("etch", version, "equipment@^2").add("clean", version, "equipment@^1")
    with pytest.raises(Unsatisfiable):
        chosen(stock, "etch", "clean")
    assert sorted(stock.asked) == sorted(set(stock.asked))


def test_the_answer_does_not_depend_on_the_order_of_request_or_supply():
    """All orders of three wishes over a supply forwards and backwards come to one answer."""
    stock = several("equipment", "1.0.0", "1.1.0", "2.0.0")
    for name, range_text in (("a", "^1"), ("b", ">=1"), ("c", "<2")):
        stock.add(name, "1.0.0", f"equipment@{range_text}").add(name, "2.0.0", "equipment@2.0.0")
    found = []
    for _ in range(2):
        found += [chosen(stock, *order) for order in itertools.permutations("abc")]
        stock.rows = {name: dict(reversed(rows.items())) for name, rows in stock.rows.items()}
    assert all(list(one.items()) == list(found[0].items()) for one in found)


def test_an_empty_request_comes_to_nothing():
    """And asks nothing."""
    assert resolve([], Stock()) == {}


def pigeons(holes):
    """One pigeon more than there are holes, none of which takes two: no search by learning is short."""
    stock = Stock()
    for hole in range(1, holes + 1):
        for pigeon in range(1, holes + 2):
            stock.add(f"hole-{hole}", f"{pigeon}.0.0").add(f"pigeon-{pigeon}", f"{hole}.0.0", f"hole-{hole}@{pigeon}")
    return stock, [f"pigeon-{pigeon}" for pigeon in range(1, holes + 2)]


def test_few_choices_that_exclude_each_other_are_proved_so():
    """Three pigeons do not go into two holes."""
    stock, request = pigeons(2)
    with pytest.raises(Unsatisfiable):
        chosen(stock, *request)


def test_a_search_that_nobody_would_wait_for_ends(monkeypatch):
    """With the number of attempts, which is the same on every machine, and a way to ask for less."""
    monkeypatch.setattr("knows_registry.resolving.search.MOST_TURNS", 300)
    stock, request = pigeons(9)
    with pytest.raises(
        ChoicesTooMany, match=r"no answer after 300 attempts: .* Name some of them with exact"
    ) as caught:
        chosen(stock, *request)
    assert caught.value.exit_code == 3
