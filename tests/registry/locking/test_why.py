"""`kwf why`: every chain of requirements that leads to a template."""

from __future__ import annotations

import json

import pytest

from knows_core import Version, pipeline, step
from knows_registry.chains import chains, users
from knows_registry.locking.lock import Lock, LockedTemplate, write
from knows_registry.manifests.manifest_text import Manifest, text_of
from knows_registry.manifests.profile import profile_of
from knows_registry.resolving.resolve import Slot


def row(name, *required_by, **slot):
    return LockedTemplate(Slot(name, **slot), Version("1.0.0"), "d", "1.0.0", "m:o", "c", "s", "a", False, required_by)


def test_every_chain_from_the_request_is_told(factory):
    """Version, distribution and range at each step, also where a template is asked for by name as well."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    factory.plant("^1.1", name="mill")
    factory.kwf("lock", "plant@^1", "mill", "pump")
    done = factory.kwf("why", "pump")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "the request",
            "  -> pump *: 1.2.0 (knows-pumps 1.2.0)",
            "the request",
            "  -> mill *: 1.0.0 (knows-mill 1.0.0)",
            "  -> pump ^1.1: 1.2.0 (knows-pumps 1.2.0)",
            "the request",
            "  -> plant ^1: 1.0.0 (knows-plant 1.0.0)",
            "  -> pump ^1.0: 1.2.0 (knows-pumps 1.2.0)",
        ],
    )
    told = factory.answer("why", "plant")
    assert (told["source"], told["more"]) == ("knows.lock", False)
    assert told["chains"] == [
        [
            {
                "user": None,
                "range": "^1",
                "name": "plant",
                "alias": "",
                "version": "1.0.0",
                "distribution": "knows-plant",
                "distribution_version": "1.0.0",
            }
            | told["chains"][0][0]
        ]
    ]


def test_without_a_lock_the_chains_begin_at_what_no_other_uses(factory):
    """And a template that nobody uses is there by itself; one that is broken costs only its own chains."""
    factory.pump("1.2.0")
    factory.plant("^1.0")
    factory.plant("^9", name="mill")
    done = factory.kwf("why", "pump")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "what is installed",
            "  -> plant *: 1.0.0 (knows-plant 1.0.0)",
            "  -> pump ^1.0: 1.2.0 (knows-pumps 1.2.0)",
        ],
    )
    assert "kwf: mill is left out" in done.stderr
    assert factory.answer("why", "plant")["source"] == "installed"


@pytest.mark.parametrize("locked", [True, False])
def test_nothing_is_imported_that_is_not_permitted(factory, monkeypatch, locked):
    """Neither with a lock that does not name it nor with the setting: it is left out like what is broken."""
    factory.pump("1.2.0")
    factory.stage.install("bad", templates={"bad@1.0.0": "bad:it"}, modules={"bad": "open('imported', 'a').close()"})
    if locked:
        assert factory.kwf("lock", "pump").returncode == 0
    else:
        monkeypatch.setenv("KNOWS_WORKFLOW_PLUGINS", "allow")
        assert factory.kwf("plugins", "allow", "knows-pumps").returncode == 0
        assert factory.answer("why", "pump")["source"] == "installed"
    factory.plant("^1.0", name="mill")
    done = factory.kwf("why", "mill", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (8, "plugin-not-permitted")
    assert "kwf: bad is left out: " in done.stderr
    assert not (factory.site / "imported").exists()


def test_why_a_template_cannot_be_had_is_an_answer(stage):
    """Where no version may be chosen and nothing leads to it: exit code 3 and the reason."""
    told = profile_of(pipeline(step(len), name="pump", version="1.0.0").definition)._replace(yanked="It burns.")
    manifest = stage.install_unimportable("acme-pump", pipeline(step(len), name="pump", version="1.0.0"))
    manifest.write_text(text_of(Manifest("acme-pump", (told,))))
    done = stage.kwf("why", "pump")
    assert (done.returncode, done.stdout) == (3, "")
    assert "pump 1.0.0 is yanked: It burns." in done.stderr
    assert "left out" not in done.stderr


def test_what_is_in_neither_is_an_error_that_says_what_is_there(factory):
    """Exit code 3, with names that are close and those of the lock."""
    factory.pump("1.2.0")
    factory.kwf("lock", "pump")
    done = factory.kwf("why", "pumps", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["message"] == (
        "no template satisfies pumps: close names are pump, and knows.lock has pump"
    )
    assert factory.kwf("why", "not a name").returncode == 3


def test_a_slot_of_its_own_has_chains_of_its_own():
    """An alias is another place: its chains lead through the template that gave it."""
    plant, pump = row("plant", ("", "^1")), row("pump", ("plant", "^1"))
    old = row("pump", ("plant", "<1"), alias="old", user="plant")
    lock = Lock((), (plant, pump, old), ())
    told = [[(link.user, link.wanted, str(link.row.slot)) for link in chain] for chain in chains(lock, "pump")]
    assert told == [
        [("", "^1", "plant"), ("plant", "^1", "pump")],
        [("", "^1", "plant"), ("plant", "<1", "pump (as old in plant)")],
    ]


def test_templates_that_require_each_other_end():
    """A circle is walked once."""
    lock = Lock((), (row("a", ("", "*"), ("b", "*")), row("b", ("a", "*"))), ())
    assert [[link.row.slot.name for link in chain] for chain in chains(lock, "b")] == [["a", "b"]]
    assert users(lock, "b") == ["a"]


def test_of_very_many_chains_some_are_shown(stage):
    """Chains double with every level of shared parts: the answer shows a hundred and says that there are more."""
    rows = [row("a0", ("", "*"))]
    for level in range(1, 12):
        above = [one.slot.name for one in rows if one.slot.name[1:] == str(level - 1)]
        rows += [row(f"{side}{level}", *((user, "*") for user in above)) for side in "ab"]
    lock = Lock((), tuple(rows), ())
    assert sum(1 for _ in chains(lock, "a11")) == 2**10
    assert users(lock, "a11") == sorted(one.slot.name for one in rows if one.slot.name[1:] != "11")
    write(lock, stage.site / "knows.lock")
    told = stage.answer("why", "a11")
    assert (len(told["chains"]), told["more"]) == (100, True)
    assert stage.kwf("why", "a11").stdout.endswith("and more than these 100.\n")
