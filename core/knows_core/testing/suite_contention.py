"""Many at once: threads of one object, and processes with objects of their own."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from knows_core.backend import Append
from knows_core.errors.backend import RunBusy
from knows_core.testing.suite_children import Child
from knows_core.testing.suite_opening import OpensBackends, row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from knows_core.backend import StateBackend


def has_claimed(backend: StateBackend, run: str) -> bool:
    """Try once to claim a run; whether it was given."""
    try:
        backend.claim(run)
    except RunBusy:
        return False
    return True


class ThreadsContract(OpensBackends):
    """That one object may be used by many threads."""

    def test_one_of_many_claims_wins(self, backend: StateBackend) -> None:
        """Of eight threads that claim a free run at once, exactly one gets it, ten times."""
        with ThreadPoolExecutor(8) as threads:
            for number in range(10):
                run = f"r{number}"
                backend.release(run, backend.create(row(run), [b"0"]))
                start = threading.Barrier(8)

                def claim(_: int, run: str = run, start: threading.Barrier = start) -> bool:
                    start.wait(timeout=30)
                    return has_claimed(backend, run)

                assert sum(threads.map(claim, range(8))) == 1

    def test_threads_do_not_disturb_each_other(self, backend: StateBackend) -> None:
        """Eight threads append to eight runs; every record arrives, in order."""
        epochs = {f"r{number}": backend.create(row(f"r{number}"), [b"0"]) for number in range(8)}

        def work(run: str) -> bool:
            return all(backend.append([Append(run, epochs[run], at, (b"%d" % at,))])[0] for at in range(1, 21))

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(work, epochs))
        assert all(backend.load(run)[1] == [b"%d" % at for at in range(21)] for run in epochs)

    def test_every_sequence_is_accepted_once(self, backend: StateBackend) -> None:
        """Four threads append to one run at the same numbers: each is given to one of them, and that one's is kept."""
        epoch = backend.create(row(), [b"0"])

        def work(mark: int) -> list[int]:
            tried = range(1, 31)
            return [at for at in tried if backend.append([Append("r", epoch, at, (b"%d by %d" % (at, mark),))])[0]]

        with ThreadPoolExecutor(4) as threads:
            given = list(threads.map(work, range(4)))
        kept = {at: b"%d by %d" % (at, mark) for mark, numbers in enumerate(given) for at in numbers}
        assert sorted(number for numbers in given for number in numbers) == list(range(1, 31))
        assert backend.load("r")[1] == [b"0", *(kept[at] for at in range(1, 31))]


class ContentionContract(OpensBackends):
    """That many processes may use one place."""

    def test_one_of_many_processes_wins(self, tmp_path: Path) -> None:
        """Of four processes that claim a free run at once, exactly one gets it, ten times."""

        def work(wire: Connection) -> None:
            backend = self.open_backend(tmp_path)
            wire.send("ready")
            while run := wire.recv():
                wire.send(has_claimed(backend, run))
            backend.close()

        with contextlib.ExitStack() as stack:
            children = [stack.enter_context(Child(work)) for _ in range(4)]
            assert [child.hear() for child in children] == ["ready"] * 4
            for number in range(10):
                run = f"r{number}"
                opened = self.open_backend(tmp_path)
                opened.create(row(run), [b"0"])
                opened.close()
                for child in children:
                    child.say(run)
                assert sum(child.hear() for child in children) == 1

    def test_many_writers_are_all_served(self, tmp_path: Path) -> None:
        """Eight processes make a hundred commits each to runs of their own: none is refused, and p99 is told."""

        def work(wire: Connection) -> None:
            backend = self.open_backend(tmp_path)
            run = str(wire.recv())
            epoch = backend.create(row(run), [b"0"])
            took: list[float] = []
            accepted = 0
            for at in range(1, 101):
                begun = time.perf_counter()
                accepted += backend.append([Append(run, epoch, at, (b"%d" % at,))])[0]
                took.append(time.perf_counter() - begun)
            wire.send((accepted, took))
            wire.recv()

        with contextlib.ExitStack() as stack:
            children = [stack.enter_context(Child(work)) for _ in range(8)]
            for number, child in enumerate(children):
                child.say(f"r{number}")
            heard = [child.hear() for child in children]
        opened = self.open_backend(tmp_path)
        records = [opened.load(f"r{number}")[1] for number in range(8)]
        opened.close()
        took = statistics.quantiles([one for _, each in heard for one in each], n=100)
        self.tell(f"8 writers, 800 commits, p50 {took[49]:.4f} s, p99 {took[98]:.4f} s")
        assert [accepted for accepted, _ in heard] == [100] * 8
        assert records == [[b"%d" % at for at in range(101)]] * 8

    def test_only_the_owner_of_an_epoch_writes(self, tmp_path: Path) -> None:
        """Two processes append to one run by the same epoch at once: the owner is always accepted, the other never."""

        def own(wire: Connection) -> None:
            backend = self.open_backend(tmp_path)
            wire.send(backend.create(row(), [b"0"]))
            epoch = wire.recv()
            wire.send([at for at in range(1, 101) if backend.append([Append("r", epoch, at, (b"mine",))])[0]])
            wire.recv()

        def disturb(wire: Connection) -> None:
            backend = self.open_backend(tmp_path)
            epoch = wire.recv()
            tries = (Append("r", epoch, len(backend.load("r")[1]), (b"theirs",)) for _ in range(100))
            wire.send([one.sequence for one in tries if backend.append([one])[0]])
            wire.recv()

        with Child(own) as owner, Child(disturb) as other:
            epoch = owner.hear()
            owner.say(epoch)
            other.say(epoch)
            assert (owner.hear(), other.hear()) == (list(range(1, 101)), [])
        opened = self.open_backend(tmp_path)
        assert opened.load("r")[1] == [b"0", *[b"mine"] * 100]
        opened.close()
