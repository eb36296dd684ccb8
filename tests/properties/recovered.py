"""What a run makes of failures, as far as it must be the same wherever power is lost, and how it differs."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from knows_core import RunStatus
from knows_core.testing.flows import generated
from knows_core.testing.plain import evaluate
from knows_core.testing.simulator import Simulator
from knows_core.walking.undoing import UNDONE

_APPROVED = {"by", "role", "at", "note", "shown"}  # what an approval keeps in the state


@dataclass(frozen=True)
class Journal:
    """What the records tell: how many failures there are at each path, every question with its answer, and so on.

    `undone` are the paths at which something was undone, `is_in_order` tells that the newest was first.
    """

    failures: Counter[Any]
    asked: Counter[Any]
    doubts: Counter[Any]
    settled: Counter[Any]
    undone: Counter[Any]
    is_in_order: bool


def journal(history):
    asked, doubts, undone, ends, questions = [], [], [], [], {}
    for one in history:
        path = one.content.get("path") or ""
        if one.kind == "Asked":
            questions[path] = [path, one.content["question"], None, None]
            (doubts if one.content["question"] == "doubt" else asked).append(questions[path])
        elif one.kind == "Answered":
            assert questions[path][2] is None, f"{path} was answered twice"
            questions[path][2:] = [one.content["choice"], one.content.get("value")]
        if path.endswith(UNDONE) and path not in undone:
            undone.append(path)
        elif one.kind in ("StepDone", "Settled"):
            ends.append(path + UNDONE)
    newest = [path for path in reversed(ends) if path in set(undone)]
    return Journal(
        Counter(one.content["path"] for one in history if one.kind == "StepFailed"),
        Counter(map(tuple, asked)), Counter(map(tuple, doubts)),
        Counter((one.content["path"], one.content["how"]) for one in history if one.kind == "Settled"),
        Counter(undone), undone == newest,
    )  # fmt: skip


def without_times(state):
    """A state as it must be: that somebody approved counts, not when."""
    return {
        key: "approved" if isinstance(value, dict) and (set(value) == _APPROVED or "count" in value) else value
        for key, value in state.items()
    }


def seen(run):
    """What must be the same; times, and the numbers of attempts, which count those that a power loss ended, may not."""
    state = without_times(run.state)
    error, told = state.pop("error", None), journal(run.history)
    # Which of several compensations failed first depends, side by side, on what came to its end last.
    message = error and sorted(re.split(r"; |\. |failed: ", error["message"]))
    return {
        "status": run.status, "compensated": run.compensated, "result": run.result, "state": state,
        "error": error and (error["step"], error["type"], message), "failures": told.failures, "asked": told.asked,
        "doubts": told.doubts, "settled": told.settled, "undone": told.undone, "order": told.is_in_order,
    }  # fmt: skip


def expected_of(flow):
    """What the rules alone say of it, and how often each path is called."""
    flow.world.reset()
    told = evaluate(flow.template, flow.input, flow.state, rules=flow.rules, world=flow.world, person=flow.person)
    asked, doubts = (Counter(tuple(one) for one in told.asked if (one.kind == "doubt") is is_doubt)
                     for is_doubt in (False, True))  # fmt: skip
    expected = {
        "status": told.status, "compensated": told.compensated, "result": told.result,
        "state": without_times(told.state),
        "error": told.continued if told.failed is None else (told.failed, told.error), "failures": told.failures,
        "asked": asked, "doubts": doubts, "undone": Counter(told.undone), "order": True,
    }  # fmt: skip
    return expected, Counter(flow.world.calls)


def differing(found, expected, flow):
    """Where two of them differ. An act may be in doubt where no look can tell; then the person is asked."""
    other = {key: (found[key], value) for key, value in expected.items() if found[key] != value}
    more = found["doubts"] - expected["doubts"]
    is_known = expected["doubts"] <= found["doubts"] and all(
        path.rpartition("/")[2] in flow.unsure for path, *_ in more
    )
    if is_known and all(choice is not None for _, _, choice, _ in more):
        other.pop("doubts", None)
    return other


class Trial:
    """A generated flow with what is expected of it; how its uninterrupted run differs from that is `difference`."""

    def __init__(self, seed: int, flow: Any = None) -> None:
        self.seed = seed
        self.flow = flow or generated(seed, policies=True)
        self._simulator = Simulator(self.flow.template, rules=self.flow.rules, failures=self.flow.world.failures)
        expected, calls = expected_of(self.flow)
        whole = self._run()
        self.effects = whole.effects
        self.found = seen(whole.run)
        short = self.found | {"error": self.found["error"] and self.found["error"][:2]}
        self.difference = {key: (short[key], value) for key, value in expected.items() if short[key] != value}
        if calls != Counter(self.flow.world.calls) or whole.run.status is RunStatus.SUSPENDED:
            self.difference["calls"] = (self.flow.world.calls, calls)

    def _run(self, *crashes: int) -> Any:
        flow = self.flow
        flow.world.reset()
        given = {"input": flow.input, "state": flow.state, "seed": self.seed, "person": flow.person}
        return self._simulator.run(*crashes, **given)

    def crashed(self, *crashes: int) -> Any:
        """How it differs when power is lost there."""
        tried = self._run(*crashes)
        other = differing(seen(tried.run), self.found, self.flow)
        wrong = {"again": tried.again, "blind": tried.blind, "made twice": tuple(self.flow.world.repeated)}
        return other | {key: paths for key, paths in wrong.items() if paths}


def difference(seed, points=None, flow=None):
    """What shows first: in the uninterrupted run, or at some crash point (`points`: at so many of them), or at two."""
    trial, chance = Trial(seed, flow), random.Random(seed)
    if trial.difference:
        return f"flow {seed}: {trial.difference}"
    crashes = range(1, trial.effects + 1)
    for crash in crashes if points is None else chance.sample(crashes, min(points, len(crashes))):
        both = (crash, crash + chance.randint(1, 9)) if chance.random() < 1 / 4 else (crash,)
        if other := trial.crashed(*both):
            return f"flow {seed}, power lost at {both}: {other}"
    return None
