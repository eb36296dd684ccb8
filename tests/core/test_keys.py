"""State keys: what a flow needs, what it surely provides, and what is worth a look."""

from __future__ import annotations

import pytest

from knows_core import LocalEngine, case, each, parallel, pipeline, repeat, step, use


def w(*keys, name=None):
    """A step that writes keys."""

    def write(state):
        for key in keys:
            state[key] = 1

    return step(write, name=name or f"w_{'_'.join(keys)}", writes=keys, reads=[])


def r(*keys, name=None):
    """A step that reads keys."""
    return step(lambda state: [state[key] for key in keys], name=name or f"r_{'_'.join(keys)}", reads=keys, writes=[])


def asked(result, state):
    return True


@pytest.mark.parametrize(
    ("flow", "needs"),
    [
        (r("x"), {"x"}),
        (w("x") | r("x"), set()),
        (r("x") | w("x"), {"x"}),
        (parallel(w("x"), w("y")) | r("x", "y"), set()),
        (parallel(w("x"), r("x")), {"x"}),
        (case((asked, w("x"))) | r("x"), {"x"}),
        (case((asked, w("x")), w("x", name="other")) | r("x"), set()),
        (case((asked, w("x")), w("y")) | r("x"), {"x"}),
        (each(w("x")) | r("x"), {"x"}),
        (repeat(w("x"), until=asked) | r("x"), set()),
        (use(pipeline(w("x"), name="p", version="1.0")) | r("x"), set()),
        (use(pipeline(w("x"), name="p", version="1.0"), keys={"x": "z"}) | r("x"), {"x"}),
        (use(pipeline(w("x"), name="p", version="1.0"), keys="n") | r("n.x"), set()),
        (use(pipeline(r("x"), name="p", version="1.0"), keys="n"), {"n.x"}),
    ],
)
def test_a_key_is_required_where_nothing_before_surely_writes_it(flow, needs):
    """Through branches, items, turns and parts."""
    assert set(pipeline(flow, name="t").get_required_state()) == needs


def test_a_step_keeps_to_what_it_declares():
    """Another write, or a declared key without a value, fails the step; reads are only for the checks."""
    stray = step(lambda state: state.set("other", 1), name="stray", writes=["x"])
    run = LocalEngine().run(pipeline(stray), state={"x": 0})
    assert run.error["code"] == "undeclared-write"
    assert "step stray declares to write x, but it changed other" in run.error["message"]
    lazy = step(lambda state: None, name="lazy", writes=["x"])
    assert "left x without a value" in LocalEngine().run(pipeline(lazy)).error["message"]
    assert LocalEngine().run(pipeline(lazy), state={"x": 0}).error is None


def test_unused_and_overwritten_keys_are_worth_a_note():
    """They keep nothing from running; where some step may read anything, nothing is called unused."""
    keys = pipeline(w("x") | w("x", name="again") | w("y") | r("x"), name="t").definition.keys
    assert keys.problems == []
    assert keys.notes == ["again writes 'x' over what w_x wrote", "w_y writes 'y', which nobody reads"]
    anything = step(lambda state: None, name="any")
    assert pipeline(w("y") | anything, name="t").definition.keys.notes == []
