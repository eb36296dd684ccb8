"""Every crash point of generated flows: losing power anywhere changes nothing but the number of tries."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace

import pytest

from knows_core import RecordCorrupt, RunStatus, parallel, pipeline, scope, step, use
from knows_core.flows.paths import placed
from knows_core.journals.recorder import JournalRecorder
from knows_core.journals.records import Decided
from knows_core.testing.flows import GeneratedFlow, Shared, generated
from knows_core.testing.plain import evaluate
from knows_core.testing.simulator import Simulator
from knows_core.walking.situation import Place, Situation

FLOWS, CHUNK = int(os.environ.get("KNOWS_TEST_FLOWS", "1000")), 100  # `make nightly` tries more
MUTANT_FLOWS = 100  # far more than it takes to notice any of the mutants


def seen(run):
    """What must be the same whatever happens: status, result, state, and where it failed; attempts may differ."""
    state = dict(run.state)
    error = state.pop("error", None)
    return run.status, run.result, state, error and (error["step"], error["type"], error["message"])


def difference(seed, flow=None):
    """What shows first in a generated flow, or in a given one: in the uninterrupted run, or at some crash point."""
    flow = flow or generated(seed)
    simulator = Simulator(flow.template)
    given = {"input": flow.input, "state": flow.state, "seed": seed}
    expected = evaluate(flow.template, flow.input, flow.state)
    plain_calls = Counter(flow.world.calls)
    flow.world.reset()
    whole = simulator.run(**given)
    status, result, state, failure = found = seen(whole.run)
    if (result, state, failure and failure[0]) != (expected.result, expected.state, expected.failed):
        return f"flow {seed}: {found}, not {expected}"
    if status is not (RunStatus.COMPLETED if expected.failed is None else RunStatus.FAILED):
        return f"flow {seed}: {status}, not {expected}"
    # Where a branch fails the others still come to their end, which the plain evaluation leaves out.
    if plain_calls - Counter(flow.world.calls) or (
        expected.failed is None and plain_calls != Counter(flow.world.calls)
    ):
        return f"flow {seed}: called {flow.world.calls}, not {plain_calls}"
    for crash in range(1, whole.effects + 1):
        resumed = simulator.run(crash, **given)
        if resumed.again:
            return f"flow {seed}, crash {crash}: {resumed.again} called although recorded"
        if seen(resumed.run) != found:
            return f"flow {seed}, crash {crash}: {seen(resumed.run)}, not {found}"
    return None


@pytest.mark.fault(1, 5)
@pytest.mark.parametrize("first", range(0, FLOWS, CHUNK))
def test_a_crash_at_any_effect_changes_nothing(first):
    """The run equals the plain evaluation, each resumed run equals it, and no recorded step is called again."""
    for seed in range(first, first + CHUNK):
        assert difference(seed) is None


@pytest.mark.parametrize("first", range(0, FLOWS // 5, CHUNK))
def test_a_cancelled_run_goes_on_as_if_nothing_had_been(first):
    """Stopped after any number of calls and resumed, a run ends as the undisturbed one and repeats nothing recorded."""
    for seed in range(first, first + CHUNK):
        flow = generated(seed)
        simulator, given = Simulator(flow.template), {"input": flow.input, "state": flow.state, "seed": seed}
        expected = seen(simulator.run(**given).run)
        calls = len(flow.world.calls)
        for stop in range(1, calls + 1):
            resumed = simulator.run(stop=stop, **given)
            assert (resumed.again, seen(resumed.run)) == ((), expected), (seed, stop)


def test_the_generated_flows_are_of_every_kind():
    """All kinds of nodes are tried, and runs that complete, that fail in a step, and that fail where branches join."""
    kinds, ends = Counter(), Counter()
    for seed in range(200):
        flow = generated(seed)
        assert flow.template.check() == []
        kinds.update(node.kind for _, node, _ in placed(flow.template.definition.flow))
        error = Simulator(flow.template).run(input=flow.input, state=flow.state).run.state.get("error")
        ends[error and error["type"]] += 1
    assert set(kinds) == {"step", "sequence", "parallel", "case", "each", "repeat", "scope", "template"}
    assert set(ends) >= {None, "ValueError", "StateConflict", "SeamMismatch"}
    assert min(ends[None], ends["ValueError"], ends["StateConflict"]) > 20


def test_a_default_filled_in_by_an_inner_branch_is_no_conflict():
    """A part's default gives way to what another branch wrote, however deep it was filled in, after a crash too."""
    filling = pipeline([step(lambda: 1, name="any")], name="filling", version="1.0.0", state=Shared)
    inside = parallel(use(filling), step(lambda: 2, name="beside"))
    writing = step(lambda state: state.set("peak", 5), name="writer") | step(lambda: 3, name="after")
    template = pipeline(parallel(inside, writing))
    assert [difference(seed, GeneratedFlow(template, None, {})) for seed in range(8)] == [None] * 8
    run = Simulator(template).run().run
    assert (run.status, run.state.data) == (RunStatus.COMPLETED, {"log": [], "peak": 5})


def test_a_run_that_was_undone_before_the_power_went_is_shown_as_it_ended():
    """Nothing follows a compensated run, whether or not its process lived to tell."""
    template = pipeline(step(lambda: 1, name="do", compensate=lambda: None) | step(lambda: 1 // 0, name="fail"))
    simulator = Simulator(template)
    runs = [simulator.run(crash).run for crash in range(simulator.run().effects + 1)]
    assert {(run.status, run.compensated) for run in runs} == {(RunStatus.FAILED, True)}


# ------------------------------------------------------------------ broken machines must be noticed


def hold_records_back(monkeypatch):
    real = JournalRecorder.flush

    def late(self):
        records, self._records = self._records[:-1], self._records[-1:]
        kept, self._records = self._records, records
        self.waiting = bool(records)
        real(self)
        self._records, self.waiting = kept, bool(kept)

    monkeypatch.setattr(JournalRecorder, "flush", late)


def share_one_state(monkeypatch):
    real = Situation.forked

    def forked(self, branch):
        return replace(real(self, branch), state=self.state)

    monkeypatch.setattr(Situation, "forked", forked)


def leave_out_turns(monkeypatch):
    real = Place.at
    monkeypatch.setattr(Place, "at", lambda self, prefix: real(self, re.sub(r"\[\d+\]", "[]", prefix)))


def record_no_verdict(monkeypatch):
    real = JournalRecorder.add

    def add(self, record):
        if not isinstance(record, Decided):
            real(self, record)

    monkeypatch.setattr(JournalRecorder, "add", add)


@pytest.mark.parametrize("mutant", [hold_records_back, share_one_state, leave_out_turns, record_no_verdict])
def test_a_broken_machine_is_noticed(mutant, monkeypatch):
    """With a machine or journal broken on purpose, some flow and crash point shows it: the check can fail."""
    mutant(monkeypatch)
    noticed = 0
    for seed in range(MUTANT_FLOWS):
        try:
            noticed += difference(seed) is not None
        except RecordCorrupt:  # its journal ends before its status does
            noticed += 1
        if noticed:
            break
    assert noticed


# ------------------------------------------------------------------ time


def long_ones(simulators, timeout):
    """Three steps of 4 s each within a time limit."""

    def body(result):
        simulators[0].pass_time(4)
        return (result or 0) + 1

    return pipeline(scope(step(body, name="a") | step(body, name="b") | step(body, name="c"), timeout=timeout))


@pytest.mark.parametrize(("timeout", "error"), [(10, "ScopeTimeout"), (20, None)])
def test_a_crash_gives_a_scope_no_more_time(timeout, error):
    """Three steps of 4 s are too long for 10 s wherever the power is lost, and never for 20 s, one of them twice."""
    simulators = []
    simulators.append(Simulator(long_ones(simulators, timeout)))
    effects = simulators[0].run().effects
    for crash in range(effects + 1):
        state = simulators[0].run(crash).run.state
        assert (state["error"]["type"] if "error" in state else None) == error
