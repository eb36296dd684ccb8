"""The profile of a template: it alone as data, whatever is installed of what it uses."""

from __future__ import annotations

import pytest

from knows_core import WorkflowState, case, each, parallel, pipeline, repeat, step, use
from knows_core.linking import linked
from knows_registry.manifests.profile import profile_of


@step
def weigh() -> int:
    return 1


@step
def label(weight: float) -> str:
    return str(weight)


@step
def pair(both: tuple[str, float]) -> list[int]:
    return [len(both)]


@step
def pack(boxes: list[bytes], state: WorkflowState) -> None:
    state["packed"] = len(boxes)


def used(flow):
    return {one.path: one for one in profile_of(pipeline(flow, name="line", version="1.0").definition).uses}


def test_a_use_is_described_by_what_comes_in_and_what_is_wanted_of_its_result():
    """Name, range, alias and keys are those of the use; the types are those of its neighbours."""
    found = used(weigh | use("scale", "^1.2", alias="fine", keys={"unit": "grams"}) | label)["fine"]
    assert found[:4] == ("fine", "scale", "^1.2", "fine")
    assert found[4:] == ({"kind": "int"}, {"kind": "float"}, {"unit": "grams"})


def test_a_use_among_branches_and_items_is_described_by_its_own_place_in_them():
    """The part of a tuple that a branch gives, and the items of a list, are found in the types around them."""
    found = used(weigh | parallel(use("scan"), use("weigher")) | pair | each(use("wrap")) | pack)
    assert (found["scan"].taken, found["weigher"].taken) == ({"kind": "str"}, {"kind": "float"})
    assert (found["wrap[]/wrap"].given, found["wrap[]/wrap"].taken) == ({"kind": "int"}, {"kind": "bytes"})


def test_what_another_used_template_gives_stands_for_itself():
    """Where one follows the other, what comes in is the result of that one, by its path."""
    found = used(weigh | use("first") | use("second") | label)
    assert found["first"].taken is None
    assert found["second"].given == {"kind": "class", "class": "result of:first"}


def test_several_that_take_a_result_are_all_told():
    """Two branches that take it in their own ways both count."""
    found = used(use("scale") | parallel(label, pair))["scale"]
    tuple_of_both = {"kind": "tuple", "args": [{"kind": "str"}, {"kind": "float"}]}
    assert found.taken == {"kind": "all_of", "of": [{"kind": "float"}, tuple_of_both]}


@pytest.mark.parametrize("flow", [use("scale"), use("scale") | (lambda value: value), [use("scale"), weigh]])
def test_where_the_flow_does_not_say_nothing_is_told(flow):
    """The run's own input, and a step without annotations, say nothing on types."""
    found = used([pipeline(flow, name="inner", version="1.0")])["inner/scale"]
    assert (found.given, found.taken, found.keys) == (None, None, {})


def test_a_use_in_a_repeat_and_in_a_case_is_given_what_comes_from_outside():
    """Its own result, which comes in again, says nothing new."""
    again = weigh | repeat(use("tune"), until=lambda value, _: value > 1, max_times=3) | label
    assert used(again)["tune[]/tune"].given == {"kind": "int"}
    either = weigh | case((lambda value, _: value > 1, use("slow")), label)
    assert used(either)["slow"].given == {"kind": "int"}


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
