"""What the tests of core share: steps that count their calls, and an engine on journals in memory."""

from __future__ import annotations

import pytest

from knows_core import LocalEngine, MemoryBackend, PipelineWorkflow, step
from tests.core.mending import Clock


class Trial:
    """A pipeline of named steps that count their calls; `broken` names a step that fails."""

    def __init__(self, *names):
        self.names = list(names)
        self.calls = []
        self.broken = None
        self.interrupted = None

    def template(self, *names, version="1.0.0"):
        return PipelineWorkflow([self.step(name) for name in names or self.names], name="trial", version=version)

    def step(self, name):
        def body(result, state, context):
            self.calls.append((name, context.attempt))
            if name == self.interrupted:
                raise KeyboardInterrupt
            if name == self.broken:
                raise ConnectionError(f"{name} is away")
            state[name] = [len(state)]
            return [*(result or []), name]

        return step(body, name=name)

    def called(self):
        return [name for name, _ in self.calls]


@pytest.fixture(name="Trial")
def trial_class():
    return Trial


@pytest.fixture
def engine():
    return LocalEngine(MemoryBackend())


@pytest.fixture
def clock():
    return Clock()
