"""The catalog chooses among offers, and never silently between rivals."""

from __future__ import annotations

import pytest

from knows_core import Requirement, Version
from knows_core.errors.registry import DuplicateTemplate, TemplateNotFound
from knows_registry.catalog import Catalog, DuplicatePlugin
from knows_registry.discover import PLUGINS, TEMPLATES, Entry, Fault, Found, Offer, Plugin


def offer(text: str, distribution: str = "dist", attribute: str = "it") -> Offer:
    name, _, version = text.partition("@")
    return Offer(name, Version(version), Entry(TEMPLATES, text, "module", attribute, distribution, "1.0", "folder"))


def plugin(text: str, distribution: str = "dist") -> Plugin:
    kind, _, key = text.partition(".")
    return Plugin(kind, key, Entry(PLUGINS, text, "module", "it", distribution, "1.0", "folder"))


def catalog(*offers: Offer, faults: tuple[Fault, ...] = ()) -> Catalog:
    return Catalog(Found(offers, (), faults))


def find(stock: Catalog, text: str) -> str:
    return str(stock.find(Requirement.parse(text)))


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("a", "a@2.1.0"),
        ("a@^1.2", "a@1.10.0"),
        ("a@~1.2.0", "a@1.2.5"),
        ("a@1.2.5", "a@1.2.5"),
        ("a@<2", "a@1.10.0"),
        ("a@>=3.0.0-rc.1", "a@3.0.0-rc.1"),
    ],
)
def test_the_highest_version_in_the_range_is_chosen(requirement, expected):
    """By number, not by text, and a pre-release only where the range names one."""
    stock = catalog(*map(offer, ("a@1.2.5", "a@1.10.0", "a@1.2.0", "a@2.1.0", "a@3.0.0-rc.1", "b@9.0.0")))
    assert find(stock, requirement) == expected


def test_offers_are_listed_by_name_and_the_newest_version_first():
    """Several versions stand side by side."""
    stock = catalog(*map(offer, ("b@1.0.0", "a@1.9.0", "a@1.10.0")))
    assert list(map(str, stock.offers())) == ["a@1.10.0", "a@1.9.0", "b@1.0.0"]


def test_a_range_that_nothing_satisfies_names_the_versions_there_are():
    """The error says what was asked, what exists, and the next move."""
    with pytest.raises(TemplateNotFound) as caught:
        find(catalog(offer("a@1.0.0"), offer("a@2.0.0-rc.1")), "a@^3")
    assert str(caught.value) == (
        "no template satisfies a@^3: there are 2.0.0-rc.1, 1.0.0. `kwf list` shows what is installed."
    )


def test_an_unknown_name_is_answered_with_close_ones():
    """A typing mistake costs one look."""
    with pytest.raises(TemplateNotFound, match="close names are process_control"):
        find(catalog(offer("process_control@1.0.0")), "proces_control")
    with pytest.raises(TemplateNotFound, match="no name is close to it"):
        find(catalog(offer("process_control@1.0.0")), "zzz")
    with pytest.raises(TemplateNotFound, match="no template is installed"):
        find(catalog(), "zzz")


def test_a_name_whose_only_entry_is_malformed_is_answered_with_the_reason():
    """Not found is a lie where it is there but cannot be read."""
    fault = Fault("bad-dist", "a@1.x = m:a", "version '1.x' is odd", "Update it.")
    with pytest.raises(TemplateNotFound, match=r"bad-dist offers it, but version '1\.x' is odd"):
        find(catalog(faults=(fault,)), "a")


def test_two_distributions_that_claim_one_version_are_both_named_when_it_would_be_chosen():
    """Nothing is chosen silently; other versions and names are unharmed."""
    stock = catalog(offer("a@2.0.0", "left"), offer("a@2.0.0", "right"), offer("a@1.0.0", "left"), offer("b@1.0.0"))
    with pytest.raises(DuplicateTemplate) as caught:
        find(stock, "a")
    assert "left 1.0 (module:it) and right 1.0 (module:it)" in str(caught.value)
    assert find(stock, "a@<2") == "a@1.0.0"
    assert find(stock, "b") == "b@1.0.0"


def test_a_conflict_is_a_fault_that_names_both_distributions():
    """It is listed before anybody asks for the template."""
    (fault,) = catalog(offer("a@2.0.0", "left"), offer("a@2.0.0", "right")).faults()
    assert (fault.distribution, fault.entry) == ("left and right", "a@2.0.0")
    assert "left 1.0" in fault.reason
    assert "right 1.0" in fault.reason


def test_what_is_pinned_has_no_rivals():
    """Where something else says which distribution counts, that one is offered and there is no fault."""
    offers = (offer("a@1.0.0", "left"), offer("a@1.0.0", "right"), offer("b@1.0.0", "left"), offer("b@1.0.0", "right"))
    plugins = (plugin("backend.x", "left"), plugin("backend.x", "right"))
    pins = {"a@1.0.0": "right", "backend.x": "left", "b@1.0.0": "gone"}
    stock = Catalog(Found(offers, plugins), pins.get)
    assert stock.claimants("a", Version("1.0.0")) == [offers[1]]
    assert stock.find(Requirement.parse("a")) == offers[1]
    assert (stock.plugin("backend", "x"), stock.sole_plugins(["backend"])) == (plugins[0], [plugins[0]])
    with pytest.raises(DuplicateTemplate):
        find(stock, "b")
    assert [fault.entry for fault in stock.faults()] == ["b@1.0.0"]
    assert stock.offers() == list(offers)


def test_one_distribution_that_names_one_object_twice_is_accepted_once():
    """`1.0` and `1.0.0` are one version, and the object is the same."""
    stock = catalog(offer("a@1.0"), offer("a@1.0.0"))
    assert len(stock.offers()) == 1
    assert not stock.faults()


def test_one_distribution_that_names_two_objects_for_one_version_conflicts_with_itself():
    """Which of the two is meant cannot be known."""
    with pytest.raises(DuplicateTemplate, match=r"module:one\) and dist 1\.0 \(module:two"):
        find(catalog(offer("a@1.0", attribute="one"), offer("a@1.0.0", attribute="two")), "a")


def test_a_template_made_at_run_time_stands_beside_the_installed_ones():
    """A new version of an installed name is welcome, the same version is refused."""
    stock = catalog(offer("a@1.0.0"))
    stock.add(Offer("a", Version("1.1.0")))
    assert find(stock, "a") == "a@1.1.0"
    with pytest.raises(DuplicateTemplate, match="this process"):
        stock.add(Offer("a", Version("1.0.0")))
    assert find(stock, "a@1.0.0") == "a@1.0.0"


def test_two_distributions_with_one_plugin_key_are_both_named():
    """As with templates; the error is also a fault of the catalog."""
    stock = Catalog(Found((), (plugin("backend.x", "left"), plugin("backend.x", "right"), plugin("backend.y"))))
    with pytest.raises(DuplicatePlugin) as caught:
        stock.plugin("backend", "x")
    assert str(caught.value) == (
        "plugin backend.x is claimed by left 1.0 (module:it) and right 1.0 (module:it). Uninstall all but one of them."
    )
    assert stock.plugin("backend", "y") == plugin("backend.y")
    assert stock.plugin("backend", "z") is None
    assert stock.keys("backend") == ["x", "y"]
    assert [fault.entry for fault in stock.faults()] == ["backend.x"]
