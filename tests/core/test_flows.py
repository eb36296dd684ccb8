"""The flow algebra: what each kind of node gives, and under which paths it is recorded."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from knows_core import (
    ContractError,
    LocalEngine,
    MemoryBackend,
    PipelineWorkflow,
    RunStatus,
    case,
    each,
    parallel,
    pipeline,
    repeat,
    scope,
    step,
)


@step
def double(value: int) -> int:
    return value * 2


@step
def add(value: int, amount: int = 1) -> int:
    return value + amount


def negate(value: int) -> int:
    return -value


def is_big(value, state):
    return value > 10


def named(name, call=lambda value: value):
    return step(call, name=name)


def ran(flow, input=None, **state):
    run = LocalEngine(MemoryBackend()).run(pipeline(flow, name="t", version="1.0"), input=input, state=state)
    assert run.error is None, run.error["message"]
    return run


def paths(run, kind="StepDone"):
    return [one.content["path"] for one in run.history if one.kind == kind]


FLOWS = [
    (parallel(double, add, negate), 3, (6, 4, -3), ["double", "add", "negate"]),
    (parallel(double, add, name="both"), 3, (6, 4), ["both/double", "both/add"]),
    (add | [double, negate], 3, [8, -4], ["add", "double", "negate"]),
    (case((is_big, double), add), 11, 22, ["double"]),
    (case((is_big, double), add), 1, 2, ["add"]),
    (case((is_big, double), default=add), 1, 2, ["add"]),
    (case((is_big, double)), 1, 1, []),
    (case((is_big, double), add, name="size"), 11, 22, ["size/double"]),
    (each(double | add), [1, 2], [3, 5], ["double[0]/double", "double[1]/double", "double[0]/add", "double[1]/add"]),
    (each(double, name="all"), (1, 2), [2, 4], ["all[0]/double", "all[1]/double"]),
    (each(double), [], [], []),
    (repeat(double, until=is_big, max_times=9), 3, 12, ["double[0]/double", "double[1]/double"]),
    (repeat(double, until=is_big, max_times=1, name="up"), 3, 6, ["up[0]/double"]),
    (scope(double | add, name="box"), 3, 7, ["box/double", "box/add"]),
    (scope(double), 3, 6, ["double"]),
    (add.partial(amount=5), 3, 8, ["add"]),
    (each(parallel(double, add)), [1], [(2, 2)], ["double[0]/double", "double[0]/add"]),
    (each(repeat(double, until=is_big), max_concurrency=1), [6, 3], [12, 12], None),
]


@pytest.mark.parametrize(("flow", "input", "result", "where"), FLOWS)
@pytest.mark.parametrize("driver", ["sync", "async", "unrecorded"])
def test_a_flow_gives_its_result_under_its_paths(flow, input, result, where, driver):
    """Every kind of node means the same under both drivers, recorded or not; paths come from names."""
    template = pipeline(flow, name="t", version="1.0")
    if driver == "async":
        with LocalEngine(MemoryBackend()) as engine:
            run = asyncio.run(engine.arun(template, input=input))
    else:
        run = LocalEngine(MemoryBackend() if driver == "sync" else None).run(template, input=input)
    assert (run.status, run.result) == (RunStatus.COMPLETED, result)
    if driver != "unrecorded" and where is not None:
        assert sorted(paths(run)) == sorted(where)


def test_verdicts_are_recorded():
    """A case records which branch it took, a repeat after each turn whether it is over."""
    flow = case((is_big, double), add) | repeat(named("turn", lambda value: value + 5), until=is_big)
    verdicts = [(one.content["path"], one.content["verdict"]) for one in ran(flow, 1).history if one.kind == "Decided"]
    assert verdicts == [("double?", 1), ("turn[0]", 0), ("turn[1]", 1)]


def test_a_resumed_run_takes_the_same_branch():
    """The recorded verdict counts, although the predicate would say otherwise by now."""
    says, broken = [True], [True]

    def asked(value, state):
        return says[0]

    def fails(value):
        if broken[0]:
            raise OSError
        return "taken"

    template = pipeline(case((asked, named("yes", fails)), named("no")), name="t", version="1.0")
    engine = LocalEngine(MemoryBackend())
    assert engine.run(template, run_id="r").status is RunStatus.FAILED
    says[0] = broken[0] = False
    assert engine.resume("r", template).result == "taken"


def test_a_predicate_that_raises_is_a_failure_at_its_path():
    """It is recorded, and asked again when the run is resumed."""
    broken = [True]

    def asked(value, state):
        if broken[0]:
            raise OSError("no answer")
        return True

    template = pipeline(case((asked, named("yes"))), name="t", version="1.0")
    engine = LocalEngine(MemoryBackend())
    run = engine.run(template, input=5, run_id="r")
    assert (run.error["type"], run.error["step"], run.error["attempt"]) == ("OSError", "yes?", 1)
    broken[0] = False
    assert engine.resume("r", template).result == 5


def test_a_predicate_takes_what_it_needs():
    """Result and state by position, or whichever it names; what it does to the state is dropped."""

    def only_state(state):
        state["x"] = 5
        return state["key"] == 1

    run = ran(case((only_state, double)) | case((lambda r, s: r == 6 and s["key"] == 1, add)), 3, key=1)
    assert (run.result, run.state.data) == (7, {"key": 1})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (parallel, "expected branches"),
        (case, "pairs"),
        (lambda: case(double, add), "pairs"),
        (lambda: case((double,)), "pairs"),  # type: ignore[arg-type]
        (lambda: case((3, double)), "expected a predicate"),  # type: ignore[arg-type]
        (lambda: each(double, max_concurrency=0), "whole number from 1"),
        (lambda: repeat(double, until=is_big, max_times=True), "whole number from 1"),
        (lambda: repeat(double, until=pipeline(double)), "expected a predicate"),  # type: ignore[call-overload]
        (lambda: scope(double, timeout=-1), "seconds above 0"),
        (lambda: step(negate, timeout=float("nan")), "seconds above 0"),
        (lambda: step(negate, isolation="box"), "'thread' or 'process'"),
        (lambda: step(negate, reads="key"), r"Write \['key'\]"),
        (lambda: add.partial(limit=3), "names of its parameters"),
        (lambda: double | [], "found list"),
        (lambda: each(5), "found int"),  # type: ignore[call-overload]
    ],
)  # fmt: skip
def test_what_makes_no_flow_is_refused_at_once(make, sentence):
    """Each constructor says what it expected."""
    with pytest.raises(ContractError, match=sentence):
        make()


def test_nothing_but_a_list_is_gone_over():
    """A text is no list of letters: the run fails at the node, and nothing inside was called."""
    run = LocalEngine().run(pipeline(each(named("letter"))), input="text")
    assert (run.error["code"], run.error["step"]) == ("seam-mismatch", "letter[]")


def test_branches_run_side_by_side():
    """Two branches that wait for each other both end, and an each holds at most so many items at once."""
    meeting = threading.Barrier(2, timeout=30)
    flow = parallel(named("one", lambda value: meeting.wait() * 0), named("other", lambda value: meeting.wait() * 0))
    assert ran(flow).result == (0, 0)
    lock, under_way, most = threading.Lock(), [0], [0]
    both = threading.Barrier(2, timeout=30)

    def hold(value):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        both.wait()
        with lock:
            under_way[0] -= 1

    ran(each(named("hold", hold), max_concurrency=2), list(range(6)))
    assert most == [2]


def test_what_lies_too_deep_is_a_problem():
    """More than 32 nodes inside each other are refused, with the place."""
    flow: Any = double
    for number in range(33):
        flow = scope(flow, name=f"s{number}")
    (problem,) = PipelineWorkflow([flow], name="deep").check()
    assert "more than 32 deep" in str(problem)
    with pytest.raises(ContractError):
        LocalEngine().run(PipelineWorkflow([flow]), input=1)


def test_equal_paths_are_a_problem_wherever_they_come_from():
    """Branches share the scope of their node; a name on one of them tells them apart."""
    assert "2 steps have the name 'double'" in str(pipeline(parallel(double, double)).check()[0])
    assert "2 steps have the name 'double'" in str(pipeline(double | case((is_big, double))).check()[0])
    assert pipeline(double | scope(double, name="again") | repeat(double, until=is_big)).check() == []
