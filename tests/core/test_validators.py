"""Validators of plugins: asked before and after every step, and failing it where they say no."""

from __future__ import annotations

import pytest

from knows_core import Fallback, Retry, RunStatus, hookimpl, step
from tests.core.mending import Steps, hooked, ran

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


@both_drivers
def test_validators_are_asked_around_every_step(driver):
    """Before, with the input; after, with the result and the state as it would be."""
    heard = []

    def validator(when, path, value, state):
        heard.append((when, path, value, dict(state)))

    @step
    def a(state):
        state["level"] = 1
        return 5

    ran(a | Steps().works("b"), hooks=hooked(validators=[validator]), driver=driver)
    assert heard == [
        ("before", "a", None, {}),
        ("after", "a", 5, {"level": 1}),
        ("before", "b", 5, {"level": 1}),
        ("after", "b", 5, {"level": 1}),
    ]


@pytest.mark.fault(82)
@pytest.mark.parametrize("which", ["before", "after"])
def test_a_validator_that_raises_fails_the_attempt(which):
    """As the step's own error would: its writes are dropped, its policies are asked."""

    def validator(when, path, value, state):
        if when == which and path == "a":
            raise ValueError("out of range")

    def a(state):
        state["level"] = 1

    run = ran(step(a), hooks=hooked(validators=[validator]))
    assert (run.status, run.error["message"], set(run.state)) == (RunStatus.FAILED, "out of range", {"error"})
    assert ran(step(a, on_error=Fallback(3)), hooks=hooked(validators=[validator])).result == 3


def test_what_a_validator_said_no_to_may_be_tried_again():
    """It is asked at each attempt."""
    answers = [ValueError, None]

    def validator(when, path, value, state):
        if when == "after" and (error := answers.pop(0)):
            raise error

    steps = Steps()
    run = ran(steps.works("a", 1, retry=Retry(exceptions=ValueError, delay=0)), hooks=hooked(validators=[validator]))
    assert (run.status, steps.calls) == (RunStatus.COMPLETED, ["a", "a"])


def test_a_plugin_that_offers_no_validators_but_an_error_costs_only_itself(caplog):
    """Its name is logged, without the text of the error, which may hold anything."""

    class Broken:
        def __iter__(self):
            raise RuntimeError("secret")

    asked = []
    manager = hooked(validators=[lambda *given: asked.append(given)])
    manager.register(_Offering(Broken()), "broken")
    assert ran(Steps().works("a", 1), hooks=manager).status is RunStatus.COMPLETED
    assert len(asked) == 2
    assert ["plugin broken failed to offer validators" in one.getMessage() for one in caplog.records] == [True]
    assert "secret" not in caplog.text


class _Offering:
    def __init__(self, offered):
        self._offered = offered

    @hookimpl
    def knows_validators(self):
        return self._offered
