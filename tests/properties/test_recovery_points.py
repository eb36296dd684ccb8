"""Every crash point of generated flows that go wrong: what a run makes of it is the same wherever power is lost."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace

import pytest

from knows_core import KnowsError, RunStatus, folding, recorded, undoing
from knows_core.recorder import JournalRecorder
from knows_core.records import StepDone, StepIntended
from knows_core.situation import Retrying
from knows_core.testing.recovering import answer, recovering
from knows_core.testing.simulator import Simulator
from knows_core.undoing import UNDONE

FLOWS, CHUNK = int(os.environ.get("KNOWS_TEST_RECOVERING_FLOWS", "2000")), 100  # `make nightly` tries more
POINTS = int(os.environ.get("KNOWS_TEST_RECOVERING_POINTS", "4"))  # of each flow, but of every sixteenth all
MUTANT_FLOWS = 200


def records(run, *kinds):
    return [(one.kind, one.content) for one in run.history if one.kind in kinds]


def seen(run):
    """What must be the same whatever happens; times, and attempts that a power loss ended, may differ."""
    state = {key: plain(value) for key, value in run.state.items() if key != "error" or run.error is None}
    failed = Counter(content["path"] for _, content in records(run, "StepFailed"))
    asked, answers, questions = Counter(), Counter(), {}
    for kind, content in records(run, "Asked", "Answered"):
        path = content["path"]
        if kind == "Asked":
            questions[path] = content["question"]
            asked[path] += content["question"] != "doubt"  # whether an act is in doubt is a matter of power
        elif questions[path] != "doubt":
            answers[path, content["choice"]] += 1
    settled = Counter((content["path"], content["how"]) for _, content in records(run, "Settled"))
    error = run.error and (run.error["step"], run.error["type"], message(run.error["message"]))
    return {
        "status": run.status, "compensated": run.compensated, "result": run.result, "state": state, "error": error,
        "failed": failed, "asked": +asked, "answers": answers, "settled": settled, "undone": sorted(undone(run)),
    }  # fmt: skip


def plain(value):
    """A value of the state without the times in it."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in ("timestamp", "at", "attempt")}
    return value


def message(text):
    """The text of an error; which compensation failed first depends on what ended last side by side."""
    return "".join(sorted(text))


def undone(run):
    return [content["path"] for _, content in records(run, "StepDone") if content["path"].endswith(UNDONE)]


def out_of_order(run):
    """Whether something was undone before what came to its end after it, and did not wait for anybody."""
    waited = {content["path"] for _, content in records(run, "Asked")}
    ends = [content["path"] + UNDONE for _, content in records(run, "StepDone", "Settled")]
    places = [ends.index(path) for path in undone(run) if path not in waited]
    return places != sorted(places, reverse=True)


def simulated(flow, simulator, seed, *crashes):
    flow.world.begin()
    given = {"input": flow.input, "state": flow.state, "seed": seed}
    return simulator.run(*crashes, **given, person=lambda question, times: answer(flow.world, question, times))


def difference(seed):
    """What shows first in a generated flow: in the uninterrupted run, or at some crash point, or at two of them."""
    flow = recovering(seed)
    if flow.template.check():
        return None
    simulator = Simulator(flow.template, rules=flow.rules, failures=flow.world.failures)
    whole = simulated(flow, simulator, seed)
    expected = seen(whole.run)
    if out_of_order(whole.run) or whole.run.status is RunStatus.SUSPENDED:
        return f"flow {seed}: {whole.run.status}, undone {undone(whole.run)}"
    chance = random.Random(seed)
    points = list(range(1, whole.effects + 1))
    if seed % 16:
        points = chance.sample(points, min(POINTS, whole.effects))
    for crash in points:
        crashes = (crash, crash + chance.randint(1, 20)) if chance.random() < 1 / 4 else (crash,)
        tried = simulated(flow, simulator, seed, *crashes)
        found = seen(tried.run)
        if found != expected:
            differing = {key: (found[key], expected[key]) for key in expected if found[key] != expected[key]}
            return f"flow {seed}, crash {crashes}: {differing}"
        if tried.again or out_of_order(tried.run):
            return f"flow {seed}, crash {crashes}: {tried.again} made again, undone {undone(tried.run)}"
        if any(count > 1 for count in flow.world.made.values()):
            return f"flow {seed}, crash {crashes}: an act was made twice: {flow.world.made}"
    return None


@pytest.mark.parametrize("first", range(0, FLOWS, CHUNK))
def test_a_crash_changes_nothing_of_what_is_made_of_failures(first):
    """Result, state, attempts on record, compensations and decisions are those of the uninterrupted run."""
    differences = filter(None, map(difference, range(first, min(first + CHUNK, FLOWS))))
    assert next(differences, None) is None


# ------------------------------------------------------------------ the check can fail


def forget_the_retries(monkeypatch):
    monkeypatch.setattr(folding, "Retrying", lambda retries, until, since, pause=0.0: Retrying(0, until, since, pause))


def undo_the_oldest_first(monkeypatch):
    real = undoing._to_undo
    monkeypatch.setattr(undoing, "_to_undo", lambda *given: real(*given)[::-1])


def forget_what_was_undone(monkeypatch):
    real = JournalRecorder.add

    def add(self, record):
        if not (isinstance(record, StepDone) and record.path.endswith(UNDONE)):
            real(self, record)

    monkeypatch.setattr(JournalRecorder, "add", add)


def intend_nothing(monkeypatch):
    real = JournalRecorder.add
    monkeypatch.setattr(
        JournalRecorder, "add", lambda self, record: None if isinstance(record, StepIntended) else real(self, record)
    )


def try_again_what_failed(monkeypatch):
    real = recorded._past
    monkeypatch.setattr(recorded, "_past", lambda *given: replace(real(*given), failed={}))


MUTANTS = [forget_the_retries, undo_the_oldest_first, forget_what_was_undone, intend_nothing, try_again_what_failed]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_recovery_is_noticed(mutant, monkeypatch):
    """With recovery broken on purpose, some flow and crash point shows it."""
    mutant(monkeypatch)

    def shows(seed):
        try:
            return difference(seed) is not None
        except KnowsError:  # a journal that does not hold together, or a decision that nothing waits for
            return True

    assert any(map(shows, range(MUTANT_FLOWS)))
