"""The server or the way to it goes away in the middle: nothing that was accepted is lost, nothing is there twice."""

from __future__ import annotations

import random
import threading
import time

import pytest

from knows_core import Append, BackendUnavailable, RunExists, RunStatus
from knows_redis.scripts import APPEND, CANCEL, CLAIM, CREATE, DELETE, RELEASE, RENEW
from knows_redis.testing import OwnServer, Proxy

KILLS = 15


@pytest.fixture
def proxy(redis):
    with Proxy(redis.url.removeprefix("redis://")) as way:
        yield way


@pytest.fixture
def far(redis, proxy, open_backend):
    """A backend behind the proxy, connected to a server that has every script: no lost answer only asks for one."""
    opened = open_backend(f"{proxy.url}?socket_timeout=0.5")
    for script in (CREATE, APPEND, CLAIM, RENEW, RELEASE, CANCEL, DELETE):
        redis.ask("SCRIPT", "LOAD", script.source)
    opened.rows()
    return opened


def test_an_append_whose_answer_was_lost_is_there_once(proxy, far, row):
    """The record is found by its token and not written again, and the run goes on."""
    epoch = far.create(row(), [b"0"])
    for at in range(1, 6):
        proxy.swallow_next_answer()
        assert far.append([Append("r", epoch, at, (b"same",))]) == [True]
    assert proxy.swallowed == 5
    assert far.append([Append("r", epoch, 5, (b"same",))]) == [False]
    assert far.load("r")[1] == [b"0", *[b"same"] * 5]


def test_a_batch_whose_answer_was_lost_is_answered_run_by_run(proxy, far, row):
    """Refused stays refused, stored is stored once, the end gives the run up, and equal entries are told apart."""
    first, second, third = (far.create(row(run), [b"0"]) for run in "abc")
    batch = [
        Append("a", first, 1, (b"1",)),
        Append("a", first, 1, (b"1",)),
        Append("a", first, 2, (b"2",)),
        Append("b", second, 1, (b"end",), RunStatus.COMPLETED),
        Append("c", third, 1, (), RunStatus.FAILED),
        Append("c", third + 1, 1, (b"not mine",)),
    ]
    proxy.swallow_next_answer()
    assert far.append(batch) == [True, False, True, True, True, False]
    assert proxy.swallowed == 1
    assert [far.load(run)[1] for run in "abc"] == [[b"0", b"1", b"2"], [b"0", b"end"], [b"0"]]
    assert {one.run: one.status for one in far.rows() if one.owner is None} == {
        "b": RunStatus.COMPLETED,
        "c": RunStatus.FAILED,
    }


def test_every_other_act_may_lose_its_answer(proxy, far, open_backend, row):
    """Create, flag, claim, ask, release, delete: answered as if nothing had happened; others are refused as ever."""
    proxy.swallow_next_answer()
    epoch = far.create(row(), [b"0"])
    with pytest.raises(RunExists):
        open_backend().create(row(), [b"0"])
    proxy.swallow_next_answer()
    assert far.append([Append("r", epoch, 1, (), compensated=True)]) == [True]
    assert far.load("r")[0].compensated
    proxy.swallow_next_answer()
    assert far.request_cancel("r")
    proxy.swallow_next_answer()
    far.release("r", epoch)
    proxy.swallow_next_answer()
    assert far.claim("r") == epoch + 1
    proxy.swallow_next_answer()
    far.renew()
    proxy.swallow_next_answer()
    assert far.delete("r", epoch + 1)
    assert proxy.swallowed == 7
    assert not far.delete("r", epoch + 1)


def test_a_cut_connection_is_made_again(proxy, far, row):
    """Forty cuts at any moment: every append is answered, and stored once."""
    epoch, stop = far.create(row(), [b"0"]), threading.Event()

    def cut():
        while not stop.wait(random.uniform(0.001, 0.01)):
            proxy.cut()

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        answers = [far.append([Append("r", epoch, at, (b"%d" % at,))])[0] for at in range(1, 301)]
    finally:
        stop.set()
        cutting.join()
    assert all(answers)
    assert far.load("r")[1] == [b"%d" % at for at in range(301)]


def test_an_answer_that_comes_too_late_does_no_harm(proxy, far, row):
    """While nothing comes through the request is made again; when all of them arrive at once, one counts."""
    epoch = far.create(row(), [b"0"])
    proxy.stall()
    late = threading.Timer(1.2, proxy.go_on)
    late.start()
    assert far.append([Append("r", epoch, 1, (b"1",))]) == [True]
    late.join()
    assert far.append([Append("r", epoch, 2, (b"2",))]) == [True]
    assert far.load("r")[1] == [b"0", b"1", b"2"]


def test_a_server_that_stays_away_is_named(open_backend, row):
    """One that never answered is given up soon; one that did is waited for as long as patience lasts."""
    with OwnServer() as own:
        opened = open_backend(own.url, patience=0.4)
        epoch = opened.create(row(), [b"0"])
        own.kill()
        began = time.monotonic()
        with pytest.raises(BackendUnavailable, match="Bring the server back, then resume"):
            opened.append([Append("r", epoch, 1, (b"1",))])
        assert 0.4 <= time.monotonic() - began < 5
        with pytest.raises(BackendUnavailable):
            open_backend(own.url).rows()
        assert time.monotonic() - began < 10
        own.start()
        assert opened.append([Append("r", epoch, 1, (b"1",))]) == [True]
        own.kill()
        opened.close()


def test_killing_the_server_loses_nothing_it_accepted(open_backend, row):
    """The server is killed again and again while four threads append, and has exactly what they were told."""
    accepted: dict[str, int] = {}
    faults: list[BaseException] = []
    with OwnServer() as own:
        opened, stop = open_backend(own.url), threading.Event()

        def work(name):
            pair = (f"{name}a", f"{name}b")
            try:
                epochs = [opened.create(row(run), [b"0"]) for run in pair]
                for at in range(1, 1_000_000):
                    if stop.is_set():
                        return
                    batch = [Append(run, epoch, at, (b"%d" % at,)) for run, epoch in zip(pair, epochs, strict=True)]
                    assert opened.append(batch) == [True, True]
                    accepted.update(dict.fromkeys(pair, at))
            except BaseException as fault:
                faults.append(fault)

        threads = [threading.Thread(target=work, args=(f"run{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.02, 0.15))
            own.restart()
        time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join(60)
        assert faults == []
        assert len(accepted) == 8
        for run, last in accepted.items():
            assert opened.load(run)[1] == [b"%d" % at for at in range(last + 1)]
        print(f"{KILLS} kills, {sum(accepted.values())} records accepted, none lost, none twice")
        opened.close()
