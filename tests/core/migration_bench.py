"""What the tests of migrations share: templates of named steps, and a run of one of them that failed."""

from __future__ import annotations

import pytest

from knows_core import LocalEngine, MemoryBackend, MigrationFailed, RunStatus, pipeline, step


class Bench:
    """Makes templates of named steps; `broken` names one that fails. Calls are noted."""

    def __init__(self):
        self.backend = MemoryBackend()
        self.engine = LocalEngine(self.backend)
        self.calls = []
        self.broken = None

    def step(self, name, *, writes=True):
        def body(result, state):
            self.calls.append(name)
            if name == self.broken:
                raise ConnectionError(name)
            if writes:
                state[name] = name
            return f"{result or ''}{name} "

        return step(body, name=name)

    def template(self, flow, version="1.0.0", **more):
        steps = [self.step(one) for one in flow.split()] if isinstance(flow, str) else flow
        return pipeline(steps, name="t", version=version, **more)

    def start(self, flow, broken, **more):
        self.broken = broken
        run = self.engine.run(self.template(flow), run_id="r", **more)
        assert run.status is RunStatus.FAILED
        self.broken = None
        self.calls.clear()
        return run

    def resume(self, flow, *migrations, version="2.0.0", **more):
        return self.engine.resume("r", self.template(flow, version, migrations=migrations, **more))

    def refused(self, flow, *migrations, **more):
        """Why a run does not come along; nothing of it is recorded, and nothing is called."""
        before = self.backend.load("r")
        with pytest.raises(MigrationFailed) as caught:
            self.resume(flow, *migrations, **more)
        assert (self.backend.load("r")[1], self.calls) == (before[1], [])
        assert self.engine.status("r") is RunStatus.FAILED
        return str(caught.value)
