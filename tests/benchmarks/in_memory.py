"""A 1,000-step pipeline of plain functions with untyped state, through execute(), against the bare calls."""

from __future__ import annotations

from knows_core import PipelineWorkflow, WorkflowState, step
from tests.benchmarks.pairs import line, paired

STEPS = 1000


def plain(result, state):
    return result


def main():
    state = WorkflowState(start=1)
    template = PipelineWorkflow([step(plain, name=f"s{number}") for number in range(STEPS)])

    def bare():
        result = None
        for _ in range(STEPS):
            result = plain(result, state)

    measured = paired(bare, lambda: template.execute(state), rounds=200)
    yield line("a step in memory / a bare call", "us/step", 1e6 / STEPS, measured, 60)
