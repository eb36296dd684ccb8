"""The profile of a template: it alone as data, whatever is installed of what it uses."""

from __future__ import annotations

from knows_core import Fallback, WorkflowState, case, pipeline, step, use
from knows_core.flows.migration import Migration
from knows_core.linking import linked
from knows_registry.manifests.profile import profile_of


@step
def weigh() -> int:
    return 1


@step
def label(weight: float) -> str:
    return str(weight)


@step
def pack(boxes: list[bytes], state: WorkflowState) -> None:
    state["packed"] = len(boxes)


def heavy(value, state):
    return value > 1


def test_a_use_is_told_by_its_place_name_range_alias_and_keys():
    """In the order of the flow, those in templates that were given as objects among them."""
    inner = pipeline([use("weigher", keys="own")], name="inner", version="1.0")
    flow = weigh | use("scale", "^1.2", alias="fine", keys={"unit": "grams"}) | inner
    profile = profile_of(pipeline(flow, name="line", version="1.0").definition)
    assert profile.uses == (
        ("fine", "scale", "^1.2", "fine", {"unit": "grams"}),
        ("inner/weigher", "weigher", "*", "", "own"),
    )


def test_the_flow_is_told_with_its_types_and_keys_and_without_its_functions():
    """A node says what it takes and gives, which keys it reads and writes, and what follows when it fails."""
    packing = step(pack, reads=["lot"], writes=["packed"], on_error=Fallback(0))
    flow = [case((heavy, label)), use("scale"), packing]
    told = profile_of(pipeline(flow, name="line", version="1.0", required_state=["lot"]).definition).flow
    taken, given = {"kind": "float"}, {"kind": "str"}
    assert told == {
        "definitions": {},
        "declared": ["lot"],
        "required": ["lot"],
        "node": {
            "kind": "sequence",
            "inner": [
                {
                    "kind": "case",
                    "asked": ["heavy"],
                    "inner": [{"kind": "step", "name": "label", "takes": taken, "gives": given}],
                },
                {"kind": "use"},
                {
                    "kind": "step",
                    "name": "pack",
                    "takes": {"kind": "list", "args": [{"kind": "bytes"}]},
                    "gives": {"kind": "none"},
                    "reads": ["lot"],
                    "writes": ["packed"],
                    "state": True,
                    "on_error": {"kind": "value", "gives": {"kind": "int"}},
                },
            ],
        },
    }


def test_migrations_are_told_without_their_functions():
    """From which versions they take runs, and what becomes of the steps."""
    migration = Migration("^1.0", {"measure": "weigh"}, state=dict)
    template = pipeline([weigh], name="line", version="2.0", migrations=[migration])
    assert profile_of(template.definition).migrations == (Migration("^1.0", {"measure": "weigh"}),)


def test_what_it_uses_need_not_be_installed_and_is_in_the_contract_by_name_and_range():
    """The contract of the template alone names what it uses; the shape has the place and the name."""
    profile = profile_of(pipeline(weigh | use("scale", "~1.2"), name="line", version="1.0").definition)
    assert profile.contract["uses"] == {"scale": ["scale", "~1.2"]}
    assert profile.shape == [["step", "weigh"], ["use", "scale", "scale"], ["end of use", "scale"]]
    other = profile_of(pipeline(weigh | use("scale", "^1.2"), name="line", version="1.0").definition)
    assert other.contract_digest != profile.contract_digest
    assert other.shape_digest == profile.shape_digest


def test_without_uses_by_name_the_digests_are_those_that_runs_are_bound_to():
    """Templates that were given as objects are part of it, as they are in a run."""
    inner = pipeline([weigh], name="inner", version="2.1")
    whole = pipeline([inner, label], name="line", version="1.0").definition
    profile, bound = profile_of(whole), linked(whole, None).fingerprint
    assert (profile.contract_digest, profile.shape_digest) == (bound.contract_digest, bound.shape_digest)


def test_required_state_is_told():
    """The keys that the template alone requires, sorted."""
    template = pipeline([pack], name="line", version="1.0", required_state=["lot", "boxes"], summary="Packs.")
    profile = profile_of(template.definition)
    assert (profile.required_state, profile.summary) == (["boxes", "lot"], "Packs.")
