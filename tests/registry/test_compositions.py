"""What everything that a template uses comes to: one choice for the whole composition."""

from __future__ import annotations

import pytest

from knows_core import Requirement, Version, pipeline, step, use
from knows_core.linking import linked
from knows_core.template import definition_of
from knows_registry import LockedMissing, Registry
from knows_registry.composition import need_of
from knows_registry.locking.lock import Lock, LockedTemplate
from knows_registry.resolving.resolve import Slot, Unsatisfiable


def offer(registry, text, *uses):
    """Register a template that uses others: texts such as `pump@^1`, or uses made by hand."""
    name, _, version = text.partition("@")
    parts = [use(one) if isinstance(one, str) else one for one in uses]
    flow = [step(lambda: text, name="say"), *parts]
    return registry.register(pipeline(flow, name=name, version=version))


def row(text, *, slot=None):
    """A row of a lock that pins a version which `acme 7.0` offers."""
    name, _, version = text.partition("@")
    return LockedTemplate(slot or Slot(name), Version(version), "acme", "7.0", text, "", "", "", False, ())


def parts(registry, template):
    """The version at every path of a template once it is linked."""
    definition = linked(definition_of(template), registry)
    return {path: str(part.definition) for path, part in definition.parts}


@pytest.fixture
def registry():
    return Registry(paths=[], lock=None)


def test_one_version_is_chosen_that_everybody_can_live_with(registry):
    """The first use would take 2.0.0 for itself; the second needs ^1, and both get that."""
    for version in ("1.0.0", "1.4.0", "2.0.0"):
        offer(registry, f"pump@{version}")
    offer(registry, "valve@1.0.0", "pump@^1")
    cell = offer(registry, "cell@1.0.0", "pump", "valve")
    assert parts(registry, cell) == {"pump": "pump@1.4.0", "valve": "valve@1.0.0", "valve/pump": "pump@1.4.0"}


def test_an_older_version_is_found_where_the_newest_cannot_be_composed(registry):
    """`find` looks at what a version uses, so that what it gives can be run."""
    offer(registry, "pump@1.0.0")
    offer(registry, "cell@1.0.0", "pump@^1")
    offer(registry, "cell@1.1.0", "pump@^2")
    assert registry.find("cell").version == "1.0.0"


def test_an_exact_version_is_found_whatever_it_uses(registry):
    """A recorded run asks for it, and is linked to the parts that it names itself."""
    offer(registry, "cell@1.0.0", "absent")
    offer(registry, "cell@1.1.0", "absent")
    assert registry.find("cell@1.1.0").version == "1.1.0"


def test_an_alias_opens_a_second_version_side_by_side(registry):
    """Both run in one composition, each with what it uses."""
    offer(registry, "seal@1.0.0")
    offer(registry, "pump@1.0.0", "seal@^1")
    offer(registry, "pump@2.0.0", "seal@^1")
    cell = offer(registry, "cell@1.0.0", "pump", use("pump", "^1", alias="old"))
    assert parts(registry, cell) == {
        "pump": "pump@2.0.0", "pump/seal": "seal@1.0.0", "old": "pump@1.0.0", "old/seal": "seal@1.0.0",
    }  # fmt: skip
    assert registry.engine().run(cell).result == "seal@1.0.0"


def test_a_given_template_shares_the_aliases_of_the_one_that_holds_it(registry):
    """It is a piece of that one, with no name of its own in the registry."""
    offer(registry, "pump@1.0.0")
    offer(registry, "pump@2.0.0")
    inner = pipeline([use("pump", "^1", alias="old")], name="inner", version="1.0")
    cell = offer(registry, "cell@1.0.0", use(inner), "pump")
    assert parts(registry, cell) == {"inner": "inner@1.0.0", "inner/old": "pump@1.0.0", "pump": "pump@2.0.0"}


def test_a_template_in_a_file_is_composed_by_what_it_uses(registry):
    """It is no offer; its uses are the request."""
    offer(registry, "pump@1.0.0")
    offer(registry, "pump@2.0.0")
    local = pipeline([use("pump", "<2")], name="local", version="1.0")
    assert parts(registry, local) == {"pump": "pump@1.0.0"}


def test_what_is_registered_later_counts_from_then_on(registry):
    """A template that was linked before is linked anew."""
    offer(registry, "pump@1.0.0")
    cell = offer(registry, "cell@1.0.0", "pump")
    assert parts(registry, cell) == {"pump": "pump@1.0.0"}
    offer(registry, "pump@1.1.0")
    assert parts(registry, cell) == {"pump": "pump@1.1.0"}


def test_an_unchanged_registry_links_a_template_once(registry):
    """The second run costs a look."""
    offer(registry, "pump@1.0.0")
    cell = definition_of(offer(registry, "cell@1.0.0", "pump"))
    assert linked(cell, registry) is linked(cell, registry)


def test_ranges_that_exclude_each_other_are_refused(registry):
    """Before anything runs."""
    for version in ("1.0.0", "2.0.0"):
        offer(registry, f"pump@{version}")
    offer(registry, "valve@1.0.0", "pump@^1")
    cell = offer(registry, "cell@1.0.0", "pump@^2", "valve")
    with pytest.raises(Unsatisfiable) as caught:
        parts(registry, cell)
    assert caught.value.exit_code == 3


def test_a_request_comes_to_what_a_run_of_it_uses(registry):
    """`compose`, by which a lock is made, and `find` with the linker give one answer."""
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        offer(registry, f"pump@{version}")
    offer(registry, "valve@1.0.0", "pump@<1.1")
    offer(registry, "valve@1.1.0", "pump@^2")
    offer(registry, "cell@1.0.0", "valve", "pump@^1")
    composition = registry.compose([need_of(Requirement.parse("cell@^1"))])
    chosen = {str(slot): str(offer) for slot, offer in composition.offers.items()}
    assert chosen == {"cell": "cell@1.0.0", "pump": "pump@1.0.0", "valve": "valve@1.0.0"}
    linked_parts = parts(registry, registry.find("cell@^1"))
    assert set(linked_parts.values()) == {"pump@1.0.0", "valve@1.0.0"}


# ------------------------------------------------------------------ with a lock in force


def locked(*rows):
    """A registry with pumps 1.0.0 and 1.1.0 and a cell that uses one, and these rows in its lock."""
    registry = Registry(paths=[], lock=Lock((), rows, ()))
    for version in ("1.0.0", "1.1.0"):
        offer(registry, f"pump@{version}")
    return registry, offer(registry, "cell@1.0.0", "pump@^1")


def test_a_locked_version_is_kept_although_a_newer_one_is_there():
    """In what is found and in what is used."""
    registry, cell = locked(row("pump@1.0.0"))
    assert registry.find("pump").version == "1.0.0"
    assert parts(registry, cell) == {"pump": "pump@1.0.0"}


def test_a_lock_says_nothing_about_what_it_does_not_allow():
    """A range that excludes the locked version is answered by what is there."""
    registry, _ = locked(row("pump@1.0.0"))
    assert registry.find("pump@>1.0").version == "1.1.0"


def test_nothing_stands_in_for_a_locked_version_that_is_not_installed():
    """Exit 3 with the line that installs it, whether it was asked for or is used."""
    registry, cell = locked(row("pump@1.0.5"))
    for ask in (lambda: registry.find("pump"), lambda: parts(registry, cell)):
        with pytest.raises(LockedMissing, match=r"pins pump@1\.0\.5.*`pip install acme==7\.0`") as caught:
            ask()
        assert caught.value.exit_code == 3


def test_a_locked_name_of_which_nothing_is_left_names_its_distribution():
    """Alone and inside another."""
    registry, _ = locked(row("gauge@1.0.0"))
    line = offer(registry, "line@1.0.0", "gauge")
    for ask in (lambda: registry.find("gauge"), lambda: parts(registry, line)):
        with pytest.raises(LockedMissing, match=r"`pip install acme==7\.0`"):
            ask()


def test_an_alias_is_locked_by_itself():
    """Its slot names the template that gave the alias."""
    registry, _ = locked(row("pump@1.0.0", slot=Slot("pump", "old", "plant")))
    plant = offer(registry, "plant@1.0.0", "pump", use("pump", "^1", alias="old"))
    assert parts(registry, plant) == {"pump": "pump@1.1.0", "old": "pump@1.0.0"}
