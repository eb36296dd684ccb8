"""`raises=`: the errors that a step declares, and which of them its template tells its callers to expect."""

from __future__ import annotations

import pytest

from knows_core import (
    Continue,
    ContractError,
    Fail,
    Fallback,
    LocalEngine,
    PermanentError,
    Retry,
    ScopeTimeout,
    Suspend,
    case,
    each,
    parallel,
    pipeline,
    repeat,
    scope,
    step,
    use,
)
from knows_core.checking.drawing import tree
from knows_core.linking import linked


class TooHot(PermanentError):
    pass


class Late(ScopeTimeout):
    def __init__(self):
        super().__init__(scope="elsewhere", timeout=1, step="other")


TOO_HOT = f"{__name__}:TooHot"


def fails(error=TooHot, name="heat", **options):
    """A step that declares an error, and raises it."""

    def heat(value=None):
        raise error

    return step(heat, name=name, raises=error, **options)


def made(flow, **options):
    return pipeline(flow, name="bake", version="1.0", **options)


def errors(template):
    return template.definition.contract["errors"]


def quiet(value=None):
    return 1


def says_nothing(failure):
    return None


def says_fail(failure):
    return Fail()


def test_what_a_step_declares_is_in_the_contract():
    """One class or several, named as classes are in a contract, sorted and once each."""
    several = step(quiet, raises=[TooHot, ValueError, TooHot])
    assert errors(made(several | fails(name="again"))) == ["builtins:ValueError", TOO_HOT]
    assert errors(made(step(quiet, raises=OSError))) == ["builtins:OSError"]
    assert errors(made(step(several, name="none", raises=()))) == []


def test_a_template_that_declares_none_has_the_digest_that_it_had():
    """Nothing is added to its contract; one error more is another contract."""
    plain, raising = made(step(quiet)), made(step(quiet, raises=TooHot))
    digests = [one.definition.fingerprint.contract_digest for one in (plain, raising)]
    assert digests[0] == "46de0b3246ccc214dacd5cba0b0bee66feea5477a1d56556e03388d06b94422c"
    assert digests[1] != digests[0]


LEFT = {
    "alone": fails(),
    "retried": fails(retry=Retry(max_retries=0, exceptions=TooHot)),
    "failing at once": fails(on_error=Fail()),
    "waiting, where nobody records it": fails(on_error=Suspend()),
    "with a handler that says nothing": fails(on_error=says_nothing),
    "with a handler that says fail": scope(fails(on_error=says_fail), on_error=Continue()),
    "failing at once in a scope that goes on": scope(fails(on_error=Fail()), on_error=Continue()),
    "failing at once in a part": scope(use(made(fails(on_error=Fail()))), on_error=Fallback(1)),
    "a scope that says fail, around one that falls back": scope(scope(fails(), on_error=Fail()), on_error=Fallback(1)),
    "in a branch": parallel(step(quiet), fails()),
    "in a case": case((lambda result, state: True, fails())),
    "in a list": step(lambda: [1], name="list") | each(fails()),
    "in a turn": repeat(fails(), until=lambda result, state: True),
    "in a part": use(made(fails())),
    "in a part with a handler around": scope(use(made(fails())), on_error=says_fail),
    "in the flow to fall back on": scope(fails(ValueError, "other"), on_error=Fallback(fails())),
    "the time limit of something inside": fails(Late, on_error=Continue()),
}
TAKEN = {
    "going on": fails(on_error=Continue()),
    "falling back": fails(on_error=Fallback(1)),
    "falling back on a flow": fails(on_error=Fallback(step(quiet))),
    "in a scope that goes on": scope(fails(), on_error=Continue()),
    "in a scope that falls back": scope(parallel(step(quiet), fails()), on_error=Fallback(1)),
    "in a scope that falls back on a flow": scope(fails(), on_error=Fallback(step(quiet))),
    "falling back inside one that fails": scope(scope(fails(), on_error=Fallback(1)), on_error=Fail()),
    "in the flow to fall back on, in a scope that goes on": scope(
        fails(ValueError, "other", on_error=Fallback(fails())), on_error=Continue()
    ),
    "in a part that goes on": use(made(fails(), on_error=Continue())),
    "in a part, in a scope that goes on": scope(use(made(fails())), on_error=Continue()),
    "in a part, in a scope that falls back": scope(use(made(fails())), on_error=Fallback(1)),
    "the time limit of something inside, in a scope that falls back": scope(fails(Late), on_error=Fallback(1)),
}


@pytest.mark.parametrize("flow", LEFT.values(), ids=LEFT)
def test_an_error_that_nothing_surely_takes_away_is_told(flow):
    """It is in the contract, and, raised, it is what `execute` raises or may raise."""
    template = made(flow)
    (told,) = errors(template)
    run = LocalEngine().run(template)
    assert (run.status, told.rpartition(":")[2]) == ("failed", run.error["type"])


@pytest.mark.parametrize("flow", TAKEN.values(), ids=TAKEN)
def test_an_error_that_a_policy_takes_away_is_not_told(flow):
    """The contract is silent about it, and a run in which it is raised completes."""
    template = made(flow)
    assert errors(template) == []
    assert LocalEngine().run(template).status == "completed"


def test_policies_of_the_template_itself_count():
    """What stands for the whole flow is a scope around it; a handler there may let the run fail after all."""
    assert errors(made(fails(), on_error=Continue())) == errors(made(fails(), on_error=Fallback(1))) == []
    assert errors(made(fails(), on_error=says_nothing)) == [TOO_HOT]


def test_errors_of_a_template_used_by_name_are_known_when_it_is_linked():
    """Until then the contract is that of the template alone."""

    class Shelf:
        def find(self, requirement):
            return pipeline(fails(), name="oven", version="1.0")

    whole = made(use("oven", "^1.0"))
    assert errors(whole) == []
    assert linked(whole.definition, Shelf()).contract["errors"] == [TOO_HOT]
    guarded = made(use("oven", "^1.0"), on_error=Continue())
    assert linked(guarded.definition, Shelf()).contract["errors"] == []


@pytest.mark.parametrize("given", ["ValueError", 3, ValueError("x"), [ValueError, "x"], KeyboardInterrupt, int, [None]])
def test_what_is_no_class_of_errors_is_refused_at_once(given):
    """Where the step is defined, with what was expected and how to write it."""
    with pytest.raises(ContractError, match=r"raises: expected classes of exceptions, found .*Write raises=\["):
        step(quiet, raises=given)


def test_a_drawing_tells_what_a_step_raises():
    """By the names of the classes, behind its policies."""
    template = made(step(quiet, raises=[TooHot, ValueError], on_error=Continue()))
    assert tree(template.definition)[-1] == "└─ quiet  goes on after an error  raises TooHot, ValueError"
