"""WorkflowState, and the attempt of a step as a transaction over it."""

from __future__ import annotations

import copy
import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from knows_core import ContractError, TooDeep, WorkflowState
from knows_core.state import Attempt


def test_the_proposals_calls_work():
    """set, get, clear, data, created_at and updated_at behave as the proposal says, with aware times."""
    state = WorkflowState()
    assert state.created_at.tzinfo is UTC
    assert state.created_at == state.updated_at
    state.set("pressure", 3)
    assert (state.get("pressure"), state.get("absent")) == (3, None)
    assert state.data == {"pressure": 3}
    assert state.updated_at >= state.created_at
    state.clear()
    assert state.data == {}


def test_data_is_a_view_and_not_a_copy():
    """What is changed in `data` is changed in the state, and a dict equals it from both sides."""
    state = WorkflowState()
    state.data["a"] = 1
    assert isinstance(state.data, MutableMapping)
    assert state["a"] == 1
    assert state.data == {"a": 1}
    del state.data["a"]
    assert "a" not in state


def test_a_change_moves_updated_at_and_a_look_does_not():
    """updated_at moves with every kind of change only."""
    state = WorkflowState(a=1)
    before = state.updated_at
    assert state.get("a") == 1
    assert state.updated_at == before
    state["b"] = 2
    assert state.updated_at > before


def test_mapping_sugar():
    """in, len, iteration, update and deletion work as for a dict."""
    state = WorkflowState({"a": 1}, b=2)
    state.update(c=3)
    del state["a"]
    assert (sorted(state), len(state), "a" in state, dict(state)) == (["b", "c"], 2, False, {"b": 2, "c": 3})
    with pytest.raises(KeyError):
        state["a"]


@pytest.mark.fault(53)
def test_an_attempt_reaches_nobody_before_it_is_applied():
    """Writes, deletions and in-place changes stay in the attempt."""
    base = WorkflowState(numbers=[1], name="x", gone=True)
    work = Attempt(base)
    work["numbers"].append(2)
    work["name"] = "y"
    del work["gone"]
    assert base.data == {"numbers": [1], "name": "x", "gone": True}
    assert work.data == {"numbers": [1, 2], "name": "y"}
    base.apply(work.changes())
    assert base.data == {"numbers": [1, 2], "name": "y"}


def test_a_mutable_value_is_the_same_private_copy_throughout_an_attempt():
    """Reading a list twice gives one list, and it is not the run's own."""
    base = WorkflowState(numbers=[1])
    work = Attempt(base)
    assert work["numbers"] is work.get("numbers")
    assert work["numbers"] is not base["numbers"]


def test_reading_alone_changes_nothing():
    """A mutable value that was only read is not a write."""
    work = Attempt(WorkflowState(numbers=[1, {"a": (1, 2)}], text="x"))
    assert work["numbers"]
    assert work["text"]
    assert work.changes().written == {}


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0.0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})])
def test_values_that_are_equal_but_not_the_same_are_a_write(before, after):
    """Equality is not enough: types, signs of zero and the order of keys are part of a value."""
    work = Attempt(WorkflowState(key=before))
    work["key"] = after
    assert "key" in work.changes().written


def test_a_nan_that_did_not_change_is_no_write():
    """A NaN is the same as itself although it does not equal itself."""
    work = Attempt(WorkflowState(values=[math.nan]))
    assert work["values"]
    assert work.changes().written == {}


def test_a_step_keeps_no_way_into_the_state():
    """A list that a step wrote and kept can be changed later without changing the run's state."""
    base = WorkflowState()
    mine = [1]
    work = Attempt(base)
    work["numbers"] = mine
    base.apply(work.changes())
    mine.append(2)
    assert base["numbers"] == [1]


def test_clear_drops_every_key_of_the_run():
    """clear() in an attempt is a deletion of each key."""
    base = WorkflowState(a=1, b=2)
    work = Attempt(base)
    work.clear()
    work["c"] = 3
    assert (work.data, len(work)) == ({"c": 3}, 1)
    base.apply(work.changes())
    assert base.data == {"c": 3}


def test_what_cannot_be_copied_passes_as_it_is():
    """An open connection in an unrecorded state is handed out itself, and is no write."""
    handle = (number for number in range(3))
    work = Attempt(WorkflowState(handle=handle))
    assert work["handle"] is handle
    assert work.changes().written == {}


def test_the_times_of_an_attempt_are_the_runs():
    """created_at and updated_at tell the times of the run's state."""
    base = WorkflowState(a=1)
    work = Attempt(base)
    work["a"] = 2
    assert (work.created_at, work.updated_at) == (base.created_at, base.updated_at)
    later = datetime.now(UTC) + timedelta(seconds=1)
    base.apply(work.changes(), later)
    assert work.updated_at == later


@pytest.mark.parametrize("key", [1, (1, 2), None, b"a"])
def test_keys_are_texts(key):
    """Another key would come back from a journal as something else; it is refused where it is set."""
    for state in (WorkflowState(), Attempt(WorkflowState())):
        with pytest.raises(ContractError, match="expected text"):
            state[key] = 1
    with pytest.raises(ContractError, match="expected text"):
        WorkflowState({key: 1})


def test_a_text_of_a_class_of_its_own_becomes_plain():
    """A member of a StrEnum is a key like its text."""

    class Key(StrEnum):
        PRESSURE = "pressure"

    state = WorkflowState({Key.PRESSURE: 1})
    assert [type(key) for key in state] == [str]
    assert state[Key.PRESSURE] == state["pressure"] == 1


class Plain:
    def __init__(self):
        self.parts = [1]


@dataclass
class Noted:
    x: int


def test_reading_an_object_or_a_set_changes_nothing():
    """Values whose parts can be seen are compared, not taken for changed because they were read."""
    noted = Noted(1)
    noted.note = "beside the fields"  # type: ignore[attr-defined]
    work = Attempt(WorkflowState(plain=Plain(), tags={1, 2}, noted=noted))
    assert work["plain"].parts == [1]
    assert work["tags"] == {1, 2}
    assert work["noted"].x == 1
    assert work.changes().written == {}
    work["plain"].parts.append(2)
    work["tags"].add(3)
    work["noted"].note = "changed"
    assert set(work.changes().written) == {"plain", "tags", "noted"}


def test_a_value_too_deep_to_copy_is_refused_and_not_shared():
    """What a failed attempt did to it must not stay."""
    deep: list[object] = []
    for _ in range(20_000):
        deep = [deep]
    work = Attempt(WorkflowState(deep=deep))
    with pytest.raises(TooDeep, match="expected at most 200 levels"):
        work["deep"]


def test_a_key_that_would_come_back_as_another_is_refused():
    """JSON makes one character of two surrogates; one by itself is an ordinary key."""
    assert WorkflowState({"\ud83d": 1})["\ud83d"] == 1
    with pytest.raises(ContractError, match="two surrogates in a row"):
        WorkflowState()["\ud83d\ude00"] = 1


def test_a_copy_of_a_state_is_its_own():
    """copy.copy shares nothing with the original but the values."""
    state = WorkflowState(a=1)
    other = copy.copy(state)
    other["a"] = 2
    assert state["a"] == 1
