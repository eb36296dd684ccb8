"""Every crash point of generated flows: losing power anywhere changes nothing but the number of tries."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from knows_core import PipelineWorkflow, RecordCorrupt, RunStatus, step
from knows_core.testing.simulator import Simulator

KEYS = ("a", "b", "c")


@dataclass(frozen=True)
class Plan:
    """What a generated step does: reads a key, writes or drops another, changes a list in place, or fails."""

    reads: str
    writes: str
    drops: bool
    grows: bool
    fails: bool


FLAGS, FAILURES = st.booleans(), st.sampled_from([True] + [False] * 9)
PLANS = st.lists(st.builds(Plan, st.sampled_from(KEYS), st.sampled_from(KEYS), FLAGS, FLAGS, FAILURES), max_size=5)


def effect(plan, number, result, state):
    """The meaning of a plan on any mutable mapping: shared by the steps and by the plain evaluation."""
    seen = state.get(plan.reads)
    if plan.grows:
        state.setdefault("list", []).append(number)
        state["list"][0] = number
    if plan.drops:
        state.pop(plan.writes, None)
    else:
        state[plan.writes] = [result, seen]
    if plan.fails:
        raise ValueError(f"step {number}")
    return {"number": number, "after": result, "seen": seen}


def template_of(plans, calls):
    def body(number, plan):
        def run(result, state):
            calls.append(number)
            return effect(plan, number, result, state)

        return step(run, name=f"s{number}")

    return PipelineWorkflow([body(number, plan) for number, plan in enumerate(plans)], name="generated")


def evaluate(plans, result, state):
    """The same flow as a plain loop: result, state and the number of the failing step."""
    for number, plan in enumerate(plans):
        before = {key: list(value) if key == "list" else value for key, value in state.items()}
        try:
            result = effect(plan, number, result, state)
        except ValueError:
            return None, before, number
    return result, state, None


@settings(max_examples=300, deadline=None)
@given(PLANS, st.integers(0, 3))
def test_a_crash_at_any_effect_changes_nothing(plans, start):
    """Result, state and status equal the plain evaluation, and a recorded step is called once."""
    calls: list[int] = []
    simulator = Simulator(template_of(plans, calls))
    given_state = {"a": start}
    result, state, failed = evaluate(plans, start, dict(given_state))
    _, effects = simulator.run(input=start, state=given_state)
    assert calls == list(range(len(plans) if failed is None else failed + 1))
    for crash in range(1, effects + 1):
        calls.clear()
        run, _ = simulator.run(crash, input=start, state=given_state)
        assert run.status is (RunStatus.COMPLETED if failed is None else RunStatus.FAILED)
        assert run.result == result
        assert {key: value for key, value in run.state.items() if key != "error"} == state
        # One step was in flight when the power went: it alone may have been called twice.
        assert len(calls) - len(set(calls)) <= 1
        assert calls == sorted(calls)


def test_the_simulator_notices_a_machine_that_records_late(monkeypatch):
    """With records held back by one, some crash point gives another answer: the check can fail."""
    from knows_core.recorder import JournalRecorder

    real = JournalRecorder.flush

    def late(self):
        records, self._records = self._records[:-1], self._records[-1:]
        kept, self._records = self._records, records
        self.waiting = bool(records)
        real(self)
        self._records, self.waiting = kept, bool(kept)

    monkeypatch.setattr(JournalRecorder, "flush", late)
    calls: list[int] = []
    plans = [Plan("a", "b", drops=False, grows=False, fails=False)] * 3
    simulator = Simulator(template_of(plans, calls))
    _, effects = simulator.run()
    doubled = 0
    for crash in range(1, effects + 1):
        calls.clear()
        try:
            simulator.run(crash)
        except RecordCorrupt:  # its journal ends before its status does
            doubled += 1
        doubled += len(calls) - len(set(calls)) > 1
    assert doubled
