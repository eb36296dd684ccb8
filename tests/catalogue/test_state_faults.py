"""State and results: what cannot be stored, what a failed attempt leaves, and what is shared with others."""

from __future__ import annotations

import copy
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knows_core import LocalEngine, MemoryBackend, TransientError, parallel, step
from tests.core.mending import AT_ONCE, made, ran

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.fault(45)
@pytest.mark.parametrize("value", [lambda: 1, (one for one in "a"), open, object()])
def test_what_cannot_be_stored_is_not_tried_again(value):
    """The step has had its effect: it failed at its path, and no policy repeats that by itself."""
    calls = []

    def gives():
        calls.append(1)
        return {"a": [0, value]}

    run = ran(step(gives, name="gives", retry=AT_ONCE))
    assert (run.error["code"], run.error["attempt"], calls) == ("not-storable", 1, [1])
    assert "$.a[1]" in run.error["message"]


def changed(state, changes):
    """Put each value in its place: behind a list, into a dict, or over what else is there."""
    for key, value in changes:
        if isinstance(state.get(key), list):
            state[key].append(value)
        elif isinstance(state.get(key), dict):
            state[key]["more"] = value
        else:
            state[key] = value


@pytest.mark.fault(53)
@given(
    state=st.dictionaries(KEYS, VALUES), changes=st.lists(st.tuples(KEYS, VALUES), max_size=4), recorded=st.booleans()
)
def test_a_failed_attempt_leaves_no_trace(state, changes, recorded):
    """Whatever it set, deleted or changed in place: the next one and the run see the state as it was before."""
    seen = []

    def body(state):
        seen.append(copy.deepcopy(dict(state)))
        changed(state, copy.deepcopy(changes))
        if len(seen) == 1:
            state.clear()
        if len(seen) < 3:
            raise TransientError("not now")

    with LocalEngine(MemoryBackend() if recorded else None) as engine:
        run = engine.run(made(step(body, name="body", retry=AT_ONCE)), state=state)
    assert seen == [state] * 3
    changed(state, copy.deepcopy(changes))
    assert (run.status, dict(run.state)) == ("completed", state)


def logging(name, meet):
    """A step that changes the list it is handed while another one does the same."""

    def body(state):
        log = state["log"]
        for _ in range(2):
            log.append(name)
            meet.wait()
        return list(log)

    return step(body, name=name)


@pytest.mark.fault(54)
def test_an_object_is_not_shared_between_runs():
    """Given to two runs at once, each has its own, and what it is for the caller does not change."""
    given, meet, results = {"log": ["given"]}, threading.Barrier(2, timeout=30), {}
    with LocalEngine(MemoryBackend()) as engine:

        def drive(name):
            results[name] = engine.run(made(logging(name, meet)), state=given).result

        threads = [threading.Thread(target=drive, args=[name]) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert results == {name: ["given", name, name] for name in ("one", "two")}
    assert given == {"log": ["given"]}


@pytest.mark.fault(54)
def test_an_object_is_not_shared_between_branches():
    """Each changes its own; that both changed it is a conflict where they join, and neither counts."""
    meet = threading.Barrier(2, timeout=30)
    with LocalEngine(MemoryBackend()) as engine:
        run = engine.run(made(parallel(logging("one", meet), logging("two", meet))), state={"log": ["given"]})
    results = [entry.content["result"] for entry in run.history if entry.kind == "StepDone"]
    assert sorted(results) == [["given", name, name] for name in ("one", "two")]
    assert (run.error["code"], run.state["log"]) == ("state-conflict", ["given"])
