"""The rules of a release as a table: what each change of a type asks where values go in, and where they come out."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from knows_core import Version
from knows_core.describing.descriptors import described_together
from knows_registry.contracts.contract_rules import OTHER_RULES, TYPE_RULES, Bump, is_raised, lowered, next_version
from knows_registry.contracts.contract_walk import Side, differences
from knows_registry.contracts.described import Typed
from tests.registry.contract_rows import ROWS


def found(old, new, side):
    one, other = described_together({"it": old}), described_together({"it": new})
    return differences(Typed(one.types["it"], one.definitions), Typed(other.types["it"], other.definitions), "it", side)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_change_of_a_type_falls_under_its_rule(row):
    """Each row is found once, at its path, and asks for what the table of the design says on either side."""
    for side, bump in ((Side.IN, row.going_in), (Side.OUT, row.coming_out)):
        (one,) = found(row.old, row.new, side)
        rule = TYPE_RULES[one.rule]
        assert one.path == f"it{row.path}"
        assert (rule.going_in if side is Side.IN else rule.coming_out) == bump


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_what_is_the_same_is_no_change(row):
    """Either type of a row, described twice, differs in nothing."""
    for side in Side:
        assert found(row.old, row.old, side) == found(row.new, row.new, side) == []


def test_every_rule_of_a_type_has_a_row():
    """No rule is there without a type that falls under it."""
    assert {one.rule for row in ROWS for side in Side for one in found(row.old, row.new, side)} == set(TYPE_RULES)
    assert all(found(row.old, row.new, Side.IN)[0].rule == row.rule for row in ROWS)


def test_a_class_that_refers_to_itself_is_compared_to_its_end():
    """A change inside a recursive class is found once, at the first place."""
    old, new = (described_together({"it": one}) for one in (Tree, OtherTree))
    new.definitions["Tree"] = new.definitions.pop("OtherTree")
    renamed = json.loads(json.dumps(new.definitions).replace("OtherTree", "Tree"))
    (one,) = differences(Typed({"ref": "Tree"}, old.definitions), Typed({"ref": "Tree"}, renamed), "it", Side.IN)
    assert (one.path, one.rule, one.was, one.now) == ("it.size", "type-narrower", "float", "int")


class Tree(BaseModel):
    branches: list[Tree] = []
    size: float


class OtherTree(BaseModel):
    branches: list[OtherTree] = []
    size: int


# ------------------------------------------------------------------ the arithmetic of versions


@pytest.mark.parametrize(
    ("version", "bump", "least"),
    [
        ("1.2.3", Bump.MAJOR, "2.0.0"),
        ("1.2.3", Bump.MINOR, "1.3.0"),
        ("1.2.3", Bump.PATCH, "1.2.4"),
        ("1.2.3", Bump.NONE, "1.2.3"),
        ("0.4.1", Bump.MINOR, "0.5.0"),
        ("2.0.0-rc.1", Bump.MAJOR, "2.0.0"),
        ("2.0.0-rc.1", Bump.PATCH, "2.0.0"),
    ],
)
def test_the_next_version_raises_one_part_and_sets_the_others_back(version, bump, least):
    """SemVer 2.0, items 6 to 8: patch, minor or major is raised, and what stands behind it becomes 0."""
    assert str(next_version(Version(version), bump)) == least


@pytest.mark.parametrize(("bump", "before"), [(Bump.MAJOR, Bump.MINOR), (Bump.MINOR, Bump.PATCH), (Bump.PATCH,) * 2])
def test_before_the_first_major_version_every_rule_asks_for_one_part_less(bump, before):
    """SemVer 2.0, item 4: 0.y.z is for initial development; the table of the design says what follows."""
    assert lowered(bump, Version("0.4.1")) is before
    assert lowered(bump, Version("1.0.0")) is bump


@pytest.mark.parametrize(
    ("old", "new", "bump", "is_enough"),
    [
        ("1.2.3", "2.0.0", Bump.MAJOR, True),
        ("1.2.3", "2.0.0-rc.1", Bump.MAJOR, True),
        ("1.2.3", "1.9.0", Bump.MAJOR, False),
        ("1.2.3", "3.1.4", Bump.MAJOR, True),
        ("1.2.3", "1.3.0", Bump.MINOR, True),
        ("1.2.3", "1.2.4", Bump.MINOR, False),
        ("1.2.3", "1.2.3", Bump.PATCH, False),
        ("1.2.3", "1.2.3", Bump.NONE, True),
        ("1.2.3", "1.2.2", Bump.NONE, False),
        ("2.0.0-rc.1", "2.0.0-rc.2", Bump.MAJOR, True),
        ("2.0.0-rc.1", "2.0.0", Bump.MAJOR, True),
        ("2.0.0-rc.2", "2.0.0-rc.1", Bump.PATCH, False),
    ],
)
def test_a_version_is_raised_enough_from_the_required_one_on(old, new, bump, is_enough):
    """A pre-release of the required version counts as raised; a lower part, or none, does not."""
    assert is_raised(Version(old), Version(new), bump) is is_enough


def test_every_rule_has_its_own_words():
    """What a rule says tells it from all others."""
    said = [rule[0] for rule in (*TYPE_RULES.values(), *OTHER_RULES.values())]
    assert len(set(said)) == len(said)
