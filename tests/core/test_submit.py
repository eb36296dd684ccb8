"""Submitted runs: driven in the background, when their turn comes."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

import pytest

from knows_core import (
    BackendError,
    ConfigError,
    Engine,
    Limits,
    LocalEngine,
    MemoryBackend,
    MissingState,
    RunStatus,
    pipeline,
    step,
)

PATIENCE = 30
ONE = Limits(max_concurrent_workflows=1)


class Gate:
    """A template whose first step waits until it is let through."""

    def __init__(self):
        self.begun, self.open = threading.Semaphore(0), threading.Event()
        flow = step(self.wait, name="wait") | step(lambda value: value + 1, name="last")
        self.template = pipeline(flow, name="gate", version="1.0")

    def wait(self):
        self.begun.release()
        assert self.open.wait(PATIENCE)
        return 1


def test_a_local_engine_is_an_engine():
    """It has the port that every engine has."""
    assert isinstance(LocalEngine(MemoryBackend()), Engine)


def test_submitted_runs_wait_for_their_turn_and_come_to_their_end():
    """One runs, the next is pending; closing the engine waits for both."""
    gate, engine = Gate(), LocalEngine(MemoryBackend(), limits=ONE)
    first = engine.submit(gate.template)
    assert gate.begun.acquire(timeout=PATIENCE)
    second = engine.submit(gate.template, run_id="second")
    assert (second, engine.status("second")) == ("second", RunStatus.PENDING)
    assert engine.result("second").status is RunStatus.PENDING
    gate.open.set()
    engine.close()
    assert [(engine.status(run), engine.result(run).result) for run in (first, second)] == [("completed", 2)] * 2


def test_a_pending_run_can_be_cancelled():
    """It ends before its first step when its turn comes."""
    gate, engine = Gate(), LocalEngine(MemoryBackend(), limits=ONE)
    engine.submit(gate.template, run_id="first")
    assert gate.begun.acquire(timeout=PATIENCE)
    engine.submit(gate.template, run_id="second")
    assert engine.cancel("second") is RunStatus.PENDING
    heard = threading.Event()
    held: Any = engine._dispatcher._keeper
    held._held["second"].wake = heard.set
    assert heard.wait(PATIENCE)
    gate.open.set()
    engine.close()
    assert [one.kind for one in engine.history("second")] == ["RunCreated", "RunEnded"]
    assert engine.status("second") is RunStatus.CANCELLED


def test_a_pending_run_of_a_dead_process_can_be_resumed():
    """Whoever takes it up runs it from its beginning."""
    backend, gate = MemoryBackend(), Gate()
    first = LocalEngine(backend, limits=ONE)
    first.submit(gate.template)
    assert gate.begun.acquire(timeout=PATIENCE)
    first.submit(gate.template, run_id="second")
    backend.release("second", 1)  # as the end of its process would
    gate.open.set()
    assert LocalEngine(backend).resume("second", gate.template).result == 2
    first.close()


def test_what_does_not_fit_is_told_at_once():
    """Nothing is recorded for a state that lacks a key, and an engine without a backend takes nothing."""
    needing = pipeline([step(lambda: 1, name="s")], name="w", version="1.0", required_state=["key"])
    engine = LocalEngine(MemoryBackend())
    with pytest.raises(MissingState):
        engine.submit(needing)
    assert engine.runs() == []
    with pytest.raises(ConfigError, match="a backend"):
        LocalEngine().submit(needing, state={"key": 1})


def test_a_run_that_cannot_be_driven_on_is_logged(caplog):
    """Nobody waits for the thread, so that the log says which run stopped and why."""

    class Broken(MemoryBackend):
        def append(self, batch):
            raise BackendError(backend="broken", reason="no room", hint="Make some.")

    engine = LocalEngine(Broken())
    with caplog.at_level(logging.ERROR, "knows_core"):
        engine.submit(pipeline([step(lambda: 1, name="s")], name="w", version="1.0"), run_id="r")
        engine.close()
    assert [one.message for one in caplog.records] == ["run r stopped and can be resumed"]
    assert "broken: no room. Make some." in caplog.text


def test_closing_waits_for_runs_that_many_threads_submitted():
    """None is forgotten because its thread was about to begin while another thread noted its own."""
    template = pipeline(step(lambda: time.sleep(0.003), name="s"), name="w", version="1.0")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            engine = LocalEngine(MemoryBackend(), limits=Limits(max_concurrent_workflows=4))
            _in_threads(6, lambda engine=engine: [engine.submit(template) for _ in range(3)])
            engine.close()
            assert {one.status for one in engine.runs()} == {"completed"}
    finally:
        sys.setswitchinterval(before)


def _in_threads(many, work):
    together = threading.Barrier(many)
    threads = [threading.Thread(target=lambda: (together.wait(PATIENCE), work())) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
