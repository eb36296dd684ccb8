"""What changed between two versions of a template, as a person would release them."""

from __future__ import annotations

from typing import Literal

import pytest
from annotated_types import Ge, Le
from pydantic import Field

from knows_core import Migration, Version, approval, pipeline, step, use
from knows_registry.contracts.contract_diff import Bump, compare, next_version, required_bump
from knows_registry.contracts.contract_rules import OTHER_RULES
from knows_registry.manifests.profile import profile_of
from tests.registry.contract_rows import list_of, model, of


def doing(name, takes, gives, state=None):
    """A step of that name, with these annotations."""

    def do(value, state): ...

    do.__annotations__ = {"value": takes, "return": gives} | ({"state": state} if state else {})
    return step(do, name=name)


def profile(flow, version="1.0.0", **options):
    return profile_of(pipeline(flow, name="etch", version=version, **options).definition)


# ------------------------------------------------------------------ seven planted breaks

Part, Shelf = model("Part", tag=str, size=of(int, Ge(0))), model("Shelf", level=float)
WAS = profile(
    doing("load", model("Recipe", name=str, parts=list_of(Part), speed=float), int, Shelf)
    | doing("cut", int, model("Report", mode=Literal["dry", "wet"], count=of(int, Le(10)))),
    state=Shelf,
)
NewPart, NewShelf = model("Part", tag=str, size=of(int, Ge(1)), unit=str), model("Shelf", level=float, pump=str)
NOW = profile(
    doing("load", model("Recipe", name=str, parts=list_of(NewPart), speed=int), int, NewShelf)
    | doing("cut", int, model("Report", mode=Literal["dry", "wet", "hot"], count=of(int, Le(12))) | None),
    version="2.0.0",
    state=NewShelf,
)
PLANTED = {
    "input.parts[].unit": "field-new-required",
    "input.parts[].size": "bound-tighter",
    "input.speed": "type-narrower",
    "output.mode": "value-added",
    "output.count": "bound-looser",
    "output": "type-wider",
    "state_in.pump": "key-new-required",
}


def test_seven_planted_breaks_are_found_with_path_and_bump():
    """A new required input field, two narrowed inputs, two widened outputs, a required key, the return type: 7 of 7."""
    changes = compare(WAS, NOW)
    breaks = {one.path: one for one in changes if one.breaks == "contract"}
    assert {path: one.rule for path, one in breaks.items()} == PLANTED
    assert {one.bump for one in breaks.values()} == {Bump.MAJOR}
    assert str(next_version(Version(WAS.version), required_bump(changes))) == "2.0.0"
    assert str(breaks["input.parts[].size"]) == "input.parts[].size: tighter bound: >= 0 -> >= 1"


def test_equal_versions_ask_for_nothing_and_another_wording_for_a_patch():
    """What is equal needs no change of the version, and a new summary the smallest one."""
    assert compare(WAS, WAS) == []
    (change,) = compare(WAS, WAS._replace(summary="Etches wafers."))
    assert (change.path, change.bump, change.breaks) == ("summary", Bump.PATCH, "")


def test_the_reverse_of_the_seven_breaks_is_minor():
    """Whoever could use the stricter version can use the looser one."""
    changes = compare(NOW, WAS)
    assert required_bump(changes) is Bump.MINOR
    assert {one.path for one in changes} >= set(PLANTED)
    assert not [one for one in changes if one.breaks]


def test_before_the_first_major_version_a_break_asks_for_a_minor_one():
    """In 0.y.z a break raises the minor part, all else the patch; it is still called a break."""
    changes = compare(WAS._replace(version="0.4.0"), NOW)
    assert required_bump(changes) is Bump.MINOR
    assert sum(one.breaks == "contract" for one in changes) == 7
    assert required_bump(compare(NOW._replace(version="0.4.0"), WAS)) is Bump.PATCH


# ------------------------------------------------------------------ runs under way


def flow_of(*names, **options):
    return profile([doing(name, int, int) for name in names], **options)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (("a", "x", "c"), [("step-renamed", "b", "x")]),
        (("a", "c"), [("step-removed", "b", "")]),
        (("a", "c", "b"), [("step-moved", "c", "c")]),
        (("a", "x", "b", "c"), [("step-inserted", "", "x")]),
        (("x", "a", "b", "c"), [("step-inserted", "", "x")]),
        (("x", "y", "c"), [("step-renamed", "a", "x"), ("step-renamed", "b", "y")]),
        (("a", "b"), [("step-removed", "c", "")]),
    ],
)
def test_a_changed_shape_is_a_resume_break_and_at_least_minor(now, told):
    """A step renamed, removed, moved or inserted keeps runs from going on, and breaks no contract."""
    changes = compare(flow_of("a", "b", "c"), flow_of(*now))
    assert sorted((one.rule, one.was, one.now) for one in changes) == sorted(told)
    assert {(one.path, one.bump, one.breaks) for one in changes} == {("shape", Bump.MINOR, "resume")}


def test_a_step_appended_at_the_end_lets_runs_go_on():
    """Whatever is recorded is a beginning of the new shape; a patch is enough for the shape."""
    (change,) = compare(flow_of("a", "b"), flow_of("a", "b", "c"))
    assert (change.rule, change.now, change.bump, change.breaks) == ("step-appended", "c", Bump.PATCH, "")


def test_another_node_at_the_place_of_a_step_is_told():
    """A step that becomes an approval of the same path is neither renamed nor removed."""
    (change, *_) = [
        one for one in compare(flow_of("a", "b"), profile([doing("a", int, int), approval("b")])) if one.path == "shape"
    ]
    assert (change.rule, change.was, change.now) == ("step-replaced", "b", "approval b")


def test_a_declared_migration_covers_a_resume_break():
    """A rename that the new version's migration names is told with it, and no break; another one still is."""
    migrations = [Migration("^1.0", {"b": "x"})]
    (change,) = compare(flow_of("a", "b"), flow_of("a", "x", migrations=migrations))
    assert (change.rule, change.breaks, change.covered, change.bump) == ("step-renamed", "", "^1.0", Bump.MINOR)
    (change,) = compare(flow_of("a", "b"), flow_of("a", "y", migrations=migrations))
    assert (change.breaks, change.covered) == ("resume", "")


def test_a_class_with_other_fields_is_named_for_the_runs_that_hold_one():
    """Adding an optional field is compatible; runs that recorded a value of the class are told of."""
    one, other = (
        profile([doing("a", model("Recipe", **fields), int)]) for fields in ({"a": int}, {"a": int, "b": (int, 1)})
    )
    changes = {change.path: change for change in compare(one, other)}
    assert changes.keys() == {"classes.Recipe", "input.b"}
    assert {change.bump for change in changes.values()} == {Bump.MINOR}
    assert not [change for change in changes.values() if change.breaks]


# ------------------------------------------------------------------ everything that is no type

LEVEL, OPTIONAL = model("S", level=int), model("S", level=(int, 1))


def keyed(state):
    return profile([doing("a", int, int)], state=state)


def deciding(*nodes):
    return profile([doing("a", int, int), *nodes, doing("b", int, int)])


def raising(*errors, **lineage):
    return WAS._replace(contract={**WAS.contract, "errors": list(errors)}, lineage=lineage)


ASKED, GIVEN = deciding(approval("apply")), deciding(approval("apply", payload=int))
TABLE = [
    ("key-new-required", "state_in.more", keyed(LEVEL), keyed(model("S", level=int, more=int)), "major"),
    ("key-new-optional", "state_in.more", keyed(LEVEL), keyed(model("S", level=int, more=(int, 1))), "minor"),
    ("key-no-longer-read", "state_in.more", keyed(model("S", level=int, more=int)), keyed(LEVEL), "minor"),
    ("key-now-required", "state_in.level", keyed(OPTIONAL), keyed(LEVEL), "major"),
    ("key-now-optional", "state_in.level", keyed(LEVEL), keyed(OPTIONAL), "minor"),
    ("key-no-longer-produced", "state_out.more", keyed(model("S", level=int, more=(int, 1))), keyed(LEVEL), "major"),
    ("key-newly-produced", "state_out.more", keyed(LEVEL), keyed(model("S", level=int, more=(int, 1))), "minor"),
    ("default-changed", "state_in.level", keyed(OPTIONAL), keyed(model("S", level=(int, 2))), "minor"),
    ("type-narrower", "state_in.level", keyed(model("S", level=float)), keyed(LEVEL), "major"),
    ("type-wider", "state_in.level", keyed(LEVEL), keyed(model("S", level=float)), "minor"),
    ("type-wider", "state_out.level", keyed(OPTIONAL), keyed(model("S", level=(float, 1.0))), "major"),
    ("type-narrower", "state_out.level", keyed(model("S", level=(float, 1.0))), keyed(OPTIONAL), "minor"),
    ("error-new", "errors", raising("PumpStuck"), raising("PumpStuck", "Spill"), "major"),
    ("error-gone", "errors", raising("PumpStuck", "Spill"), raising("PumpStuck"), "minor"),
    ("error-narrower", "errors", raising("Stuck"), raising("Stuck", "Jam", Jam=["Jam", "Stuck"]), "minor"),
    (
        *("error-base-lost", "errors", raising("Jam", Jam=["Jam", "Stuck"]), raising("Jam", Jam=["Jam", "Other"])),
        "major",
    ),
    ("decision-new", "decisions.apply", deciding(), deciding(approval("apply")), "major"),
    ("decision-gone", "decisions.apply", deciding(approval("apply")), deciding(), "minor"),
    (
        *("decision-role", "decisions.apply", deciding(approval("apply", role="engineer"))),
        *(deciding(approval("apply", role="chief")), "major"),
    ),
    (
        "decision-any-role",
        "decisions.apply",
        deciding(approval("apply", role="a")),
        deciding(approval("apply")),
        "minor",
    ),
    (
        "decision-payload",
        "decisions.apply",
        deciding(approval("apply")),
        deciding(approval("apply", payload=int)),
        "major",
    ),
    (
        *("type-narrower", "decisions.apply", deciding(approval("apply", payload=float))),
        *(deciding(approval("apply", payload=int)), "major"),
    ),
    ("use-wider", "uses.fix", deciding(use("fix", "^1.2")), deciding(use("fix", ">=1.2,<3")), "patch"),
    ("use-narrower", "uses.fix", deciding(use("fix", "^1.2")), deciding(use("fix", "^1.3")), "minor"),
    ("use-narrower", "uses.fix", deciding(use("fix", "^1.2")), deciding(use("fix", "^2.0")), "minor"),
    ("use-new", "uses.fix", deciding(), deciding(use("fix", "^1.2")), "minor"),
    ("use-gone", "uses.fix", deciding(use("fix", "^1.2")), deciding(), "minor"),
    ("use-keys", "uses.fix", deciding(use("fix", keys={"a": "b"})), deciding(use("fix", keys={"a": "c"})), "minor"),
    ("step-replaced", "shape", deciding(doing("x", int, int)), deciding(approval("x")), "minor"),
    ("class-changed", "classes.S", profile([doing("a", LEVEL, int)]), profile([doing("a", OPTIONAL, str)]), None),
    ("name-changed", "name", WAS, WAS._replace(name="other"), "major"),
    ("wording", "summary", WAS, WAS._replace(summary="other"), "patch"),
    ("undecided", "contract", WAS, WAS._replace(contract_digest="0" * 64), "major"),
]


@pytest.mark.parametrize(("rule", "path", "old", "new", "bump"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_a_change_beside_the_types_falls_under_its_rule(rule, path, old, new, bump):
    """Keys, errors, decisions, uses and wording: each change is found at its path and asks for its part."""
    found = [one for one in compare(old, new) if (one.rule, one.path) == (rule, path)]
    assert [one.bump for one in found] == ([bump] if bump else [])


def test_a_key_that_is_required_goes_in_only():
    """Its caller gives it, so that it is told once and its type counts in one direction."""
    changes = compare(keyed(LEVEL), keyed(model("S", level=float, more=int)))
    assert {one.path for one in changes} == {"state_in.level", "state_in.more"}


def test_a_default_is_told_once_with_both_values_and_strands_no_run():
    """It is no part of what a run is bound to; one that a function makes cannot be told from another."""
    old, new = (keyed(model("S", level=(int, one), at=(list_of(int), Field(default_factory=list)))) for one in (1, 2))
    (change,) = compare(old, new)
    assert (str(change), change.breaks) == ("state_in.level: default value changed: 1 -> 2", "")
    assert old.contract_digest == new.contract_digest
    assert compare(old._replace(defaults=None), new) == []


def test_an_error_for_which_everybody_was_ready_is_no_break():
    """One that derives from all that a former one did; by its name alone, a new error is a break."""
    old = raising("Stuck", Stuck=["Stuck", "OSError"])
    for told, bump in ((["Jam", "Stuck", "OSError"], "minor"), (["Jam", "Stuck"], "major"), ([], "major")):
        assert required_bump(compare(old, raising("Jam", Jam=told))) == bump
    assert compare(old, raising("Stuck")) == []


def test_every_other_rule_has_a_row():
    """No rule is there that nothing above falls under."""
    steps = {"step-renamed", "step-removed", "step-moved", "step-inserted", "step-appended"}
    assert {row[0] for row in TABLE} | steps >= set(OTHER_RULES)


# ------------------------------------------------------------------ what the author signs


def test_a_change_that_cannot_be_compared_is_major_until_it_is_signed():
    """The author's reason stands with the change, which then asks for a minor version and is no break."""
    old, new = (profile([doing("a", model("R", tag=of(str, Field(pattern=one))), int)]) for one in ("a", "b"))
    (change,) = compare(old, new)
    assert (change.path, change.rule, change.bump, change.breaks) == ("input.tag", "undecided", "major", "contract")
    (change,) = compare(old, new, signed={"input.tag": "b is all that was ever sent"})
    assert (change.bump, change.breaks, change.signed) == ("minor", "", "b is all that was ever sent")


def test_a_break_that_is_plain_cannot_be_signed_away():
    """Only what cannot be compared is the author's to judge."""
    changes = compare(WAS, NOW, signed=dict.fromkeys(PLANTED, "it is fine"))
    assert sum(one.breaks == "contract" for one in changes) == 7
    assert not any(one.signed for one in changes)
