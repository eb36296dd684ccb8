"""What the tests of recovery share: plugins made of functions, a clock to put forward, steps that fail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pluggy
import pytest

from knows_core import LocalEngine, MemoryBackend, Retry, approval, hookimpl, hooks, pipeline, step
from tests.core.isolated_calls import until

AT_ONCE = Retry(max_retries=2, delay=0)


class Clock:
    """A clock that stands until it is put forward."""

    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


class Steps:
    """Steps that note their calls: in `calls` those of all, in order."""

    def __init__(self):
        self.calls = []

    def works(self, name, result=None, **options):
        """A step that gives `result`, or what came in."""

        def body(given=None):
            self.calls.append(name)
            return given if result is None else result

        return step(body, name=name, **options)

    def fails(self, name, times=10**6, error=ConnectionError, **options):
        """A step that fails so many times and then hands on what came in."""
        left = [times]

        def body(given=None):
            self.calls.append(name)
            left[0] -= 1
            if left[0] >= 0:
                raise error(f"{name} is away")
            return given

        return step(body, name=name, **options)

    def dies(self, name, times=1, result=None, **options):
        """A step whose process ends in the middle of it so many times, as far as its run can tell."""
        left = [times]

        def body(given=None):
            self.calls.append(name)
            left[0] -= 1
            if left[0] >= 0:
                raise KeyboardInterrupt
            return given if result is None else result

        return step(body, name=name, **options)


class Undoing(Steps):
    """Steps that are undone: in `undone`, what each compensation was given, in order."""

    def __init__(self):
        super().__init__()
        self.undone = []

    def undo(self, result):
        self.undone.append(result)

    def acts(self, name, result=None, **options):
        return self.works(name, result or name, **{"compensate": self.undo, **options})


def made(flow, **options):
    """A template of a flow."""
    return pipeline(flow, name="it", version="1.0", **options)


def ran(flow, backend=None, *, hooks=None, driver="sync", **options):
    """A run of a flow on an engine of its own, under the id `r`."""
    with LocalEngine(backend or MemoryBackend(), hooks=hooks) as engine:
        template = made(flow, **options)
        return driven(engine, template, driver)


def asking(steps=None, **options):
    """A template that plans, asks, and applies."""
    steps = steps or Steps()
    return made(steps.works("plan", {"dose": 3}) | approval("apply", **options) | steps.works("act"))


def driven(engine, template, driver="sync", run_id="r"):
    """A run by either driver."""
    if driver == "sync":
        return engine.run(template, run_id=run_id)
    return asyncio.run(engine.arun(template, run_id=run_id))


def crashed(template, backend):
    """An engine after the process ended in the middle of a step, as far as the run can tell."""
    engine = LocalEngine(backend)
    with pytest.raises(KeyboardInterrupt):
        engine.run(template, run_id="r")
    return engine


def hangs(context):
    """A step that is there until nobody waits for it any more."""
    until("the end of its time", lambda: context.cancelled)


def kinds(run):
    """The kinds of a run's records, in order."""
    return [entry.kind for entry in run.history]


def hooked(*, handlers=(), validators=()):
    """A plugin manager with one plugin for each handler, and one for the validators."""

    class Validating:
        @hookimpl
        def knows_validators(self):
            return list(validators)

    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    for number, handler in enumerate(handlers):
        manager.register(_Handling(handler), f"number {number}")
    if validators:
        manager.register(Validating())
    return manager


class _Handling:
    def __init__(self, handler):
        self._handler = handler

    @hookimpl
    def knows_error_handlers(self, context):
        return self._handler(context)
