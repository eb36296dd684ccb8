"""Kill runs whose branches run side by side; as `campaign`, with three branches, then six items, three at once.

python -m tests.crash.parallel_campaign FOLDER KILLS SEED sqlite|late|URL
"""

from __future__ import annotations

import time

from knows_core import each, parallel, pipeline, step
from knows_core.testing.flows import Shared
from tests.crash.campaign import Subject, started

BRANCHES = [[f"{branch}{number}" for number in range(4)] for branch in "abc"]
ITEMS = [[f"measure[{item}]/{name}" for name in ("measure", "weigh")] for item in range(6)]
STEP_SECONDS = 0.001

# The steps by their paths, each with those that must have been made before it.
EARLIER: dict[str, set[str]] = {"first": set()}
for wave in (BRANCHES, [["items"]], ITEMS, [["last"]]):
    before = set(EARLIER)
    EARLIER |= {path: {*before, *line[:number]} for line in wave for number, path in enumerate(line)}


def template(note):
    def made(name):
        def run(result, state, context):
            note(f"call {context.step}")
            time.sleep(STEP_SECONDS)
            state[context.step] = len(state)  # on a state of its own: the same whatever runs beside it
            state.setdefault("log", []).append(len(state["log"]))
            return list(range(len(ITEMS))) if name == "items" else [name, result]

        return step(run, name=name)

    def line(names):
        first, *others = map(made, names)
        for one in others:
            first = first | one
        return first

    items = each(line(["measure", "weigh"]), max_concurrency=3)
    flow = made("first") | parallel(*map(line, BRANCHES)) | made("items") | items | made("last")
    return pipeline(flow, name="parallel_campaign", version="1.0.0", state=Shared)


if __name__ == "__main__":
    started(Subject(template, EARLIER.__getitem__))
