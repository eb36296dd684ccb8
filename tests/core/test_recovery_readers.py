"""What the readers of a template make of policies and approvals: checks, keys, seams, contract, drawings."""

import pytest
from pydantic import BaseModel

from knows_core import (
    ConfigError,
    Continue,
    ContractError,
    Fail,
    Fallback,
    Retry,
    Suspend,
    approval,
    pipeline,
    scope,
    step,
)
from knows_core.checking.drawing import tree
from knows_core.checking.judgement import UNKNOWN
from knows_core.checking.mermaid import flowchart


class Plan(BaseModel):
    amount: int = 1


class State(BaseModel, extra="forbid"):
    seen: dict[str, str] | None = None


@step(writes=["made"])
def make(result: int | None = None) -> int:
    return 1


@step
def text(number: int) -> str:
    return str(number)


@step
def number(given: int) -> int:
    return given


@step(reads=["made"])
def use_it(result: object) -> object:
    return result


def release(result, state):
    pass


def made(flow, **options):
    return pipeline(flow, name="it", version="1.0", **options)


def test_a_plan_is_drawn_with_its_policies():
    """The tree says what happens when something goes wrong, and shows a flow to fall back on as a branch."""
    charge = step(make, name="charge", effect="once", compensate=release, writes=[])
    pay = step(text, name="pay", retry=Retry(max_retries=3), on_error=Fallback(step(text, name="invoice")))
    template = made(charge | pay | approval("sign", role="engineer", expires=60), on_error=Suspend())
    assert tree(template.definition)[2:] == [
        "└─ scope, waits after an error",
        "   ├─ charge  (int | None) -> int  once  undone by release",
        "   ├─ scope, falls back",
        "   │  ├─ first: pay  (int) -> str  retried 3 times",
        "   │  └─ when it fails: invoice  (int) -> str",
        "   └─ approval sign, by engineer, within 60 s",
    ]
    chart = flowchart(template.definition)
    assert any("when it fails" in line for line in chart)
    assert any("approval sign, by engineer, within 60 s" in line for line in chart)


def test_a_seam_behind_a_fallback_sees_both_values():
    """What may come instead of a result must fit what follows, as the result itself must."""
    assert made(step(make, on_error=Fallback(0)) | number).check() == []
    (wrong,) = made(step(make, on_error=Fallback("none")) | number).check()
    assert "str" in wrong.what
    (other,) = made(scope(make, on_error=Fallback(step(text, name="other"))) | number).check()
    assert "str" in other.what
    assert made(make | step(text, on_error=Continue()) | number).check()  # type: ignore[operator]
    assert made(make | approval("sign", payload=Plan) | number).check()  # type: ignore[operator]
    assert made(make | approval("sign") | number).check() == []


@pytest.mark.parametrize(
    ("policy", "needed"),
    [(Fallback(0), ["made"]), (Continue(), ["made"]), (lambda context: None, ["made"]), (Fail(), []), (Suspend(), [])],
)
def test_a_key_of_a_step_that_may_be_passed_over_is_not_sure(policy, needed):
    """A key counts as provided only where a run that goes on surely has it."""
    assert made(step(make, on_error=policy) | use_it).get_required_state() == needed
    assert made(scope(make, on_error=policy) | use_it).get_required_state() == needed


def test_an_approval_provides_the_key_that_keeps_who_decided():
    """`into` is a write like any other: sure behind it, and a field of a closed state model."""
    assert made(approval("sign", into="made") | use_it).get_required_state() == []
    (wrong,) = made(approval("sign", into="other"), state=State).check()
    assert "'other' is not a field" in wrong.what


def test_the_contract_names_the_decisions():
    """Who decides, and what is given along, is part of what others rely on."""
    contract = made(approval("sign", role="engineer", payload=Plan)).definition.contract
    assert contract["decisions"] == [{"path": "sign", "role": "engineer", "payload": {"ref": "Plan"}}]
    assert "Plan" in contract["definitions"]
    assert made(make).definition.contract["decisions"] == []


def test_a_step_with_a_flow_to_fall_back_on_has_both_in_its_shape():
    """A flow to fall back on decides how a run goes on, and so a recorded run is bound to it."""
    shape = made(step(text, on_error=Fallback(step(text, name="other")))).definition.fingerprint.shape
    assert [entry[:2] for entry in shape] == [
        ["scope", "text@"], ["branch", "text"], ["step", "text"], ["branch", "other"], ["step", "other"],
        ["end of scope", "text@"],
    ]  # fmt: skip
    assert made(make, on_error=Fallback(0)).definition.seams.output is not UNKNOWN


def test_a_plan_that_cannot_be_meant_is_a_problem():
    """An act that is made once has no retry, and a function beside a step gets no parameter that nothing fills."""
    (once,) = made(step(make, effect="once", retry=Retry())).check()
    assert "never retried" in once.what
    (unbound,) = made(step(make, compensate=lambda result, state, more: None)).check()
    assert "'more'" in unbound.what
    assert made(step(make, name="a~")).check()


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"retry": 3}, ConfigError),
        ({"on_error": "stop"}, ConfigError),
        ({"on_error": ValueError}, ConfigError),
        ({"compensate": 3}, ContractError),
        ({"effect": "twice"}, ContractError),
        ({"look": lambda: None}, ContractError),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_at_once(option, error):
    """What is no policy is told where the step is defined, with what was expected."""
    with pytest.raises(error, match=r"expected|only"):
        step(make.function, **option)


@pytest.mark.parametrize("options", [{"role": 3}, {"into": ""}, {"expires": -1}, {"expires": float("nan")}])
def test_an_approval_that_cannot_be_meant_is_refused(options):
    """Role and key are texts, and a time limit is a time."""
    with pytest.raises(ContractError, match="expected"):
        approval("sign", **options)
