"""Cancelling and deleting recorded runs, and the keeper of those that are under way."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from knows_core import (
    BackendError,
    Capabilities,
    LocalEngine,
    MemoryBackend,
    RunBusy,
    RunIsOver,
    RunStatus,
    UnknownRun,
    pipeline,
    step,
)
from knows_core.driving.keeper import Keeper
from knows_core.limits import Limits
from knows_core.secrecy.redaction import Redactor
from knows_core.walking.brakes import Brakes

PATIENCE = 30
GOOD = pipeline(step(lambda: "good", name="good"), name="good", version="1.0")


def failing(state):
    if "mended" not in state.data:
        raise ValueError("broken")
    return "mended"


BAD = pipeline(step(lambda: 1, name="first") | step(failing, name="second"), name="bad", version="1.0")


def test_a_run_that_nobody_drives_is_ended_at_once():
    """A failed run becomes a cancelled one, in its journal too, and can be resumed all the same."""
    engine = LocalEngine(MemoryBackend())
    engine.run(BAD, run_id="r")
    assert engine.cancel("r") is RunStatus.CANCELLED
    run = engine.result("r", BAD)
    assert (run.status, run.error["code"], run.history[-1].kind) == (RunStatus.CANCELLED, "cancelled", "RunEnded")
    assert engine.cancel("r") is RunStatus.CANCELLED
    assert len(engine.history("r")) == len(run.history)
    assert engine.resume("r", BAD).error["message"] == "broken"


def test_a_completed_run_cannot_be_cancelled():
    """It is over; an unknown one is named."""
    backend = MemoryBackend()
    engine = LocalEngine(backend)
    engine.run(GOOD, run_id="r")
    with pytest.raises(RunIsOver, match="run r is completed and stays so"):
        engine.cancel("r")
    assert backend.claim("r")
    with pytest.raises(UnknownRun):
        engine.cancel("nobody")


def test_purge_deletes_what_ended_long_enough_ago():
    """Completed and cancelled runs past their time; failed ones only when they are named; owned ones never."""
    backend = MemoryBackend()
    engine = LocalEngine(backend, clock=lambda: datetime.now(UTC) + timedelta(seconds=100))
    for template, run in ((GOOD, "good"), (BAD, "bad"), (BAD, "stopped")):
        engine.run(template, run_id=run)
    engine.cancel("stopped")
    assert engine.purge() == []  # an hour, by default
    assert {row.run for row in engine.purge(older_than=90, dry_run=True)} == {"good", "stopped"}
    assert len(engine.runs()) == 3
    epoch = backend.claim("good")
    assert {row.run for row in engine.purge(older_than=90)} == {"stopped"}
    backend.release("good", epoch)
    assert [row.run for row in engine.purge(older_than=0, statuses=[RunStatus.FAILED])] == ["bad"]
    assert [row.run for row in engine.runs()] == ["good"]


class Kept(MemoryBackend):
    """Counts renewals and looks, and can fail."""

    capabilities = Capabilities(durable=False, shared=False, notices_death=True, lease=0.3)

    def __init__(self):
        super().__init__()
        self.renewals = threading.Semaphore(0)
        self.looks = threading.Semaphore(0)
        self.broken = False

    def renew(self):
        if self.broken:
            raise BackendError(backend="kept", reason="away", hint="Wait.")
        self.renewals.release()

    def cancelling(self, runs):
        self.looks.release()
        return super().cancelling(runs)


def test_the_lease_is_renewed_while_a_run_is_driven():
    """Again and again, in each third of the lease, until the run is over."""
    backend = Kept()
    engine = LocalEngine(backend)

    @step
    def wait():
        return all(backend.renewals.acquire(timeout=PATIENCE) for _ in range(3))

    assert engine.run(pipeline(wait, name="w", version="1.0")).result is True
    engine.close()


def test_many_first_runs_at_once_have_one_keeper(monkeypatch):
    """However many threads begin, one keeper has all their runs, and none after its end."""
    made, second, make = [], threading.Barrier(2), Keeper.__init__

    def make_slowly(keeper, *given):
        with contextlib.suppress(threading.BrokenBarrierError):  # no other thread makes one
            second.wait(0.2)
        made.append(keeper)
        make(keeper, *given)

    monkeypatch.setattr(Keeper, "__init__", make_slowly)
    engine = LocalEngine(Kept())
    with ThreadPoolExecutor(8) as threads:
        assert {run.status for run in threads.map(lambda _: engine.run(GOOD), range(8))} == {"completed"}
    assert [keeper._held for keeper in made] == [{}]
    engine.close()


def test_a_keeper_whose_backend_fails_says_so_once_and_goes_on(caplog):
    """The run meets the failure itself; the keeper keeps trying and hears a cancellation afterwards."""
    backend, brakes = Kept(), Brakes("r", Limits())
    keeper, heard = Keeper(backend, Redactor()), threading.Event()
    brakes.wake = heard.set
    LocalEngine(backend).run(BAD, run_id="r")
    backend.claim("r")
    backend.broken = True
    with caplog.at_level(logging.WARNING, "knows_core"):
        keeper.watch("r", brakes)
        assert backend.looks.acquire(timeout=PATIENCE)
        backend.request_cancel("r")
        backend.broken = False
        assert heard.wait(PATIENCE)
    keeper.close()
    assert brakes.is_pulled
    assert sum("could not be renewed" in one.message for one in caplog.records) <= 1


@pytest.mark.fault(91)
def test_a_step_that_resumes_its_own_run_is_told_that_it_is_busy():
    """No deadlock: the run is owned, by this very process."""
    engine = LocalEngine(MemoryBackend())
    heard = []

    @step
    def again(context):
        try:
            engine.resume(context.run_id, template)
        except RunBusy as busy:
            heard.append(str(busy))

    template = pipeline(again, name="w", version="1.0")
    assert engine.run(template, run_id="r").status == "completed"
    assert "run r is owned by this process since" in heard[0]
    assert "kwf cancel r" in heard[0]


def test_waiting_takes_the_run_up_when_its_owner_lets_go():
    """`resume(wait=True)` waits for a living owner and then goes on."""
    backend = MemoryBackend()
    engine = LocalEngine(backend)
    engine.run(BAD, run_id="s")
    epoch = backend.claim("s")
    threading.Timer(0.2, backend.release, ("s", epoch)).start()
    assert engine.resume("s", BAD, wait=True).error["message"] == "broken"


def test_a_run_whose_backend_failed_is_given_up_when_it_is_back():
    """Nobody can release a run while the backend is away; afterwards the same engine resumes it."""

    class Away(MemoryBackend):
        away = False

        def append(self, batch):
            self.check()
            return super().append(batch)

        def release(self, run, epoch):
            self.check()
            super().release(run, epoch)

        def check(self):
            if self.away:
                raise BackendError(backend="kept", reason="away", hint="Wait.")

    backend = Away()

    @step
    def lose():
        backend.away = len(backend.load("r")[1]) == 1
        return 1

    template = pipeline(lose | step(lambda value: value + 1, name="last"), name="w", version="1.0")
    engine = LocalEngine(backend)
    with pytest.raises(BackendError, match="away"):
        engine.run(template, run_id="r")
    with pytest.raises(RunBusy):
        engine.resume("r", template)
    backend.away = False
    assert engine.resume("r", template, wait=True).result == 2
    engine.close()


class Failing(MemoryBackend):
    """A backend that goes away with a call of one name, and stays away until it is told to come back."""

    fails_at = ""
    away = False

    def load(self, run):
        self.meet("load" if self._runs[run].row.owner else "")
        return super().load(run)

    def delete(self, run, epoch):
        self.meet("delete")
        return super().delete(run, epoch)

    def append(self, batch):
        self.meet("append")
        return super().append(batch)

    def release(self, run, epoch):
        self.meet("release")
        super().release(run, epoch)

    def meet(self, name):
        self.away = self.away or name == self.fails_at != ""
        if self.away:
            raise BackendError(backend="failing", reason=f"away at {name}", hint="Wait.")


@pytest.mark.parametrize(
    ("fails_at", "work"),
    [
        ("load", lambda engine: engine.resume("r", BAD)),
        ("load", lambda engine: engine.cancel("r")),
        ("append", lambda engine: engine.cancel("r")),
        ("load", lambda engine: engine.purge(older_than=0, statuses=[RunStatus.FAILED])),
        ("delete", lambda engine: engine.purge(older_than=0, statuses=[RunStatus.FAILED])),
    ],
)
def test_a_run_that_was_claimed_is_given_up_after_the_backend_failed(fails_at, work):
    """What failed first is told, and the run does not stay owned by a process that does nothing with it."""
    backend = Failing()
    engine = LocalEngine(backend)
    engine.run(BAD, run_id="r")
    backend.fails_at = fails_at
    with pytest.raises(BackendError, match=f"away at {fails_at}"):
        work(engine)
    assert backend._runs["r"].row.owner is not None
    backend.fails_at, backend.away = "", False
    assert engine.resume("r", BAD, wait=True).error["message"] == "broken"
    engine.close()
