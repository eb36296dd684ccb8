"""An option of `scope`, `use` or `step` that could do nothing is refused, with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from knows_core import (
    ContractError,
    DefinitionError,
    Fallback,
    LocalEngine,
    MemoryBackend,
    Retry,
    approval,
    case,
    compose,
    each,
    parallel,
    pipeline,
    scope,
    step,
    use,
)

POLICY = Retry(max_retries=1, delay=0)


def work(value=None):
    return value


def named(flow, name="inner", **options):
    return pipeline(flow, name=name, version="1.0", **options)


def whats(flow, **options):
    return [problem.what for problem in pipeline(flow, name="t", version="1.0", **options).check()]


USED = use(named(step(work)))
ACT = step(work, name="act", effect="once")


@pytest.mark.parametrize(
    "flow", [USED, approval("apply"), ACT, parallel(USED, ACT), case((lambda r, s: True, USED)), each(USED)]
)
def test_a_retry_that_no_step_could_take_is_refused(flow):
    """On a scope and on a template: what to write is told, and nothing runs."""
    template = pipeline(scope(flow, name="box", retry=POLICY), name="t", version="1.0")
    (problem,) = template.check()
    assert (problem.where, problem.what.partition(":")[0]) == ("t/box", "its retry would do nothing")
    assert "pipeline(..., retry=...)" in problem.remedy
    with LocalEngine(MemoryBackend()) as engine, pytest.raises(DefinitionError, match="its retry would do nothing"):
        engine.run(template)
    assert whats(flow, retry=POLICY)[0].startswith("its retry would do nothing")


def test_a_composition_takes_no_retry():
    """Its parts are templates, named or given; all other policies count for each of them as one step."""
    other = named(step(work), name="other")
    assert len(compose([named(step(work)), other], name="t", version="1.0", retry=POLICY).check()) == 1
    policies: dict[str, Any] = {"timeout": 60, "on_error": Fallback(1), "compensate": lambda result: None}
    assert compose([named(step(work)), other], name="t", version="1.0", **policies).check() == []


@pytest.mark.parametrize("flow", [step(work), USED | step(work), parallel(USED, step(work)), ACT | step(work)])
def test_a_retry_is_taken_by_any_step_beside(flow):
    """A default for some of what a scope has is one; a step with a policy of its own keeps it."""
    assert whats(scope(flow, retry=POLICY)) == []


def test_a_fallback_is_no_step_of_the_scope():
    """The way out has what is around the scope, not its policies."""
    assert len(whats(scope(USED, retry=POLICY, on_error=Fallback(step(work, name="other"))))) == 1


def test_a_time_limit_around_approvals_alone_is_refused():
    """Waiting for a person is not owned time; the question has a time of its own."""
    assert whats(scope(approval("apply"), timeout=60))[0].startswith("its timeout would do nothing")
    assert whats(scope(approval("apply") | step(work), timeout=60)) == whats(scope(USED, timeout=60)) == []


def test_a_range_beside_a_template_that_has_its_version_is_refused():
    """A template that is given, and a text that names a range already."""
    with pytest.raises(ContractError, match=r"use: inner is given.*found the range '\^1.0'.*use\('inner', '\^1.0'\)"):
        use(named(step(work)), "^1.0")
    with pytest.raises(ContractError, match=r"use: expected one range, found 'inner@\^1' and '\^2'"):
        use("inner@^1", "^2")
    assert [repr(named(use("inner", *given)).definition.flow) for given in ((), ("*",))] == [
        repr(use("inner", "*"))
    ] * 2


def test_options_of_a_function_beside_a_step_count_or_are_refused():
    """What is undone is not undone again, and a look is asked once."""
    twice = step(work, name="undo", compensate=work)
    with pytest.raises(ContractError, match="compensate: compensate of undo would do nothing"):
        step(work, compensate=twice)
    with pytest.raises(ContractError, match="compensate: compensate of undo would do nothing"):
        scope(step(work), compensate=twice)
    with pytest.raises(ContractError, match="look: retry of seen would do nothing"):
        step(work, effect="once", look=step(work, name="seen", retry=POLICY))
    act = step(work, effect="once", look=step(work, timeout=3), compensate=step(work, retry=POLICY))
    assert act.look is not None
    assert act.look.timeout == 3
    with pytest.raises(ContractError, match=r'look: it is asked for a step with effect="once" only'):
        step(step(work), look=work)
    assert step(ACT, look=work).look is not None
