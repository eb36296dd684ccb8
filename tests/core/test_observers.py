"""Observers of the event stream."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pluggy
import pytest

from knows_core import LocalEngine, PipelineWorkflow, RunStatus, hookimpl, hooks
from knows_core.journals.records import StepDone, StepProgress, StepStarted


def observing(*observers):
    class Plugin:
        @hookimpl
        def knows_observers(self):
            return list(observers)

    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    manager.register(Plugin())
    return manager


def test_observers_hear_every_event_in_order():
    """Starts, progress, records and the end, with the run's id."""
    heard = []

    def work(context):
        context.progress(1, 2, "half")
        return 5

    manager = observing(lambda run, event: heard.append((run, event)))
    LocalEngine(hooks=manager).run(PipelineWorkflow([work], name="t"), run_id="r")
    assert {run for run, _ in heard} == {"r"}
    events = [event for _, event in heard]
    assert events[:2] == [StepStarted("work", 1), StepProgress("work", 1, 2, "half")]
    assert isinstance(events[2], StepDone)
    assert events[3].status is RunStatus.COMPLETED


def test_a_plugin_that_offers_none_but_an_error_costs_only_itself(caplog, Trial):
    """A hook that raises is logged; the observers of other plugins are there."""

    class Broken:
        @hookimpl
        def knows_observers(self):
            raise RuntimeError("hook")

    heard = []
    manager = observing(lambda run, event: heard.append(event))
    manager.register(Broken())
    LocalEngine(hooks=manager).run(Trial("a").template())
    assert len(heard) == 3
    assert len(caplog.records) == 1


@pytest.mark.fault(82)
def test_a_failing_observer_costs_only_itself(caplog, Trial):
    """It is logged once and left out; the run and the other observers go on."""
    heard = []

    def broken(run, event):
        raise RuntimeError("observer")

    manager = observing(broken, lambda run, event: heard.append(event))
    run = LocalEngine(hooks=manager).run(Trial("a", "b").template())
    assert run.status is RunStatus.COMPLETED
    assert len(heard) == 5
    assert len(caplog.records) == 1


def test_a_failing_observer_is_left_out_once_over_many_runs(caplog, Trial):
    """Runs in several threads that find it broken at once are all unharmed."""
    start = threading.Barrier(4)

    def broken(run, event):
        if isinstance(event, StepStarted):
            start.wait(timeout=30)
        raise RuntimeError("observer")

    engine = LocalEngine(hooks=observing(broken))
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda _: engine.run(Trial("a").template()), range(4)))
    assert {run.status for run in runs} == {RunStatus.COMPLETED}
    assert len(caplog.records) == 1
