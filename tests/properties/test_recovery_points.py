"""Every crash point of generated flows that go wrong: what a run makes of it is the same wherever power is lost."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest

import knows_core.resuming.recorded
import knows_core.walking.asking
import knows_core.walking.calling
import knows_core.walking.failing
import knows_core.walking.undoing
from knows_core import RecordCorrupt, RunStatus
from knows_core.flows.paths import placed
from knows_core.journals.recorder import JournalRecorder
from knows_core.journals.records import StepIntended
from knows_core.state import NO_CHANGES
from knows_core.testing.flows import generated
from tests.properties.recovered import Trial, difference

FLOWS, CHUNK = int(os.environ.get("KNOWS_TEST_RECOVERING_FLOWS", "2000")), 100  # `make nightly` tries more
COMPLETE = 4  # of so many flows one is tried at every crash point, and the others at some
POINTS = 4
MUTANT_FLOWS = 300  # far more than it takes to notice any of the mutants


@pytest.mark.parametrize("first", range(0, FLOWS, CHUNK))
def test_a_crash_changes_nothing_of_what_is_made_of_failures(first):
    """Result, state, failures on record, compensations and decisions are those that the rules give, crash or not."""
    for seed in range(first, min(first + CHUNK, FLOWS)):
        assert difference(seed, None if seed % COMPLETE == 0 else POINTS) is None


def test_the_generated_flows_go_wrong_in_every_way():
    """All policies, answers, questions and ends are tried, each not only once."""
    found = Counter()
    for seed in range(400):
        flow = generated(seed, policies=True)
        for _, node, _ in placed(flow.template.definition.flow):
            for option in ("retry", "on_error", "compensate", "effect", "look"):
                value = getattr(node, option, None)
                found[f"{node.kind} {option}"] += value is not None
                found[f"{node.kind} {type(value).__name__}"] += option == "on_error" and value is not None
        trial = Trial(seed, flow)
        told = trial.found
        found[told["status"], told["compensated"]] += 1
        found.update({(kind, choice) for _, kind, choice, _ in told["asked"] + told["doubts"]})
        found.update({how for _, how in told["settled"]})
        found["failed and went on"] += told["status"] is RunStatus.COMPLETED and bool(told["failures"])
        found["several undone"] += len(told["undone"]) > 1
    ends = [(RunStatus.COMPLETED, False), (RunStatus.FAILED, False), (RunStatus.FAILED, True)]
    asked = [("approval", "approve"), ("approval", "reject"), ("approval", None), ("doubt", "done")]
    asked += [("failure", choice) for choice in ("done", "retry", "reject")]
    answers = ["Fallback", "Continue", "Suspend", "Fail", "function"]
    wanted = [
        *ends, (RunStatus.COMPENSATION_FAILED, False), *asked, "failed and went on", "several undone",
        *("continue", "fallback", "approved", "done", "scope"), "step effect", "step look",
        *(f"{kind} {option}" for kind in ("step", "scope") for option in ("retry", "compensate", *answers)),
    ]  # fmt: skip
    assert {one: found[one] for one in wanted if found[one] < 3} == {}


# ------------------------------------------------------------------ broken machines must be noticed


def past_with(change):
    """Break what a resumed run knows of its past."""

    def broken(monkeypatch):
        real = knows_core.resuming.recorded._past
        monkeypatch.setattr(knows_core.resuming.recorded, "_past", lambda *args: change(real(*args)))

    return broken


def count_retries_anew(past):
    retrying = {path: one._replace(retries=0) for path, one in past.retrying.items()}
    return replace(past, retrying=retrying)


def try_failures_again(past):
    return replace(past, failed={})


def ask_again(past):
    return replace(past, asked={}, answers={})


def compensate_what_this_try_made(monkeypatch):
    real = knows_core.walking.undoing._to_undo

    def to_undo(now, undoable):
        made = {path for path, _ in now.ground.finished}
        return [one for one in real(now, undoable) if one[0] in made]

    monkeypatch.setattr(knows_core.walking.undoing, "_to_undo", to_undo)


def compensate_the_oldest_first(monkeypatch):
    real = knows_core.walking.undoing._to_undo
    monkeypatch.setattr(knows_core.walking.undoing, "_to_undo", lambda *args: real(*args)[::-1])


def record_no_intent(monkeypatch):
    real = JournalRecorder.add

    def add(self, record):
        if not isinstance(record, StepIntended):
            real(self, record)

    monkeypatch.setattr(JournalRecorder, "add", add)


def note_no_error(monkeypatch):
    monkeypatch.setattr(knows_core.walking.failing, "Changes", lambda *_: NO_CHANGES)


@pytest.mark.parametrize(
    "mutant",
    [
        past_with(count_retries_anew), past_with(try_failures_again), past_with(ask_again),
        compensate_what_this_try_made, compensate_the_oldest_first, record_no_intent, note_no_error,
    ],
    ids=["retries", "failures", "questions", "forgotten", "oldest", "intent", "continue"],
)  # fmt: skip
def test_a_machine_that_recovers_wrongly_is_noticed(mutant, monkeypatch):
    """With what follows a failure broken on purpose, some flow and crash point shows it: the check can fail."""
    mutant(monkeypatch)
    noticed = 0
    for seed in range(MUTANT_FLOWS):
        try:
            noticed += difference(seed) is not None
        except (RecordCorrupt, AssertionError, RuntimeError):  # an answer to nothing, or two, or none ever
            noticed += 1
        if noticed:
            break
    assert noticed
