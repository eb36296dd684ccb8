"""Requests to cancel: asked by anybody, of whoever owns the run, until the run is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.backend import Append
from knows_core.run import RunStatus
from knows_core.testing.suite_opening import OpensBackends, row

if TYPE_CHECKING:
    from knows_core.backend import StateBackend


class CancellingContract(OpensBackends):
    """How a run is asked to stop."""

    def test_a_request_reaches_the_owner(self, backend: StateBackend) -> None:
        """Asked once or twice, the run is told among those that the owner names, and in its row; others are not."""
        for run in ("a", "b"):
            backend.create(row(run), [b"0"])
        assert backend.cancelling(["a", "b"]) == set()
        assert [backend.request_cancel("a"), backend.request_cancel("a")] == [True, True]
        assert backend.cancelling(["a", "b", "nobody"]) == {"a"}
        assert backend.cancelling({"b"}) == set()
        assert backend.cancelling([]) == set()
        assert {one.run: one.cancelling for one in backend.rows()} == {"a": True, "b": False}
        assert backend.load("a")[0].cancelling is True

    def test_a_request_ends_nothing_by_itself(self, backend: StateBackend) -> None:
        """Who was asked to stop still owns the run and may write, sleep and migrate; the request stays."""
        epoch = backend.create(row(), [b"0"])
        backend.request_cancel("r")
        batch = [Append("r", epoch, 1, (b"1",), RunStatus.SLEEPING), Append("r", epoch, 2, (b"2",), version="2.0.0")]
        assert list(backend.append(batch)) == [True, True]
        assert backend.cancelling(["r"]) == {"r"}

    def test_only_the_living_can_be_asked(self, backend: StateBackend) -> None:
        """Where nobody owns the run the answer is no, and nothing waits for the next owner."""
        epoch = backend.create(row(), [b"0"])
        backend.release("r", epoch)
        assert backend.request_cancel("r") is False
        assert backend.load("r")[0].cancelling is False
        epoch = backend.claim("r")
        assert backend.cancelling(["r"]) == set()
        backend.append([Append("r", epoch, 1, (b"end",), RunStatus.COMPLETED)])
        assert backend.request_cancel("r") is False
        assert backend.cancelling(["r"]) == set()

    def test_a_request_survives_a_take_over(self, backend: StateBackend) -> None:
        """Whoever takes the run over is asked to stop as well."""
        epoch = backend.create(row(), [b"0"])
        backend.request_cancel("r")
        backend.release("r", epoch)
        backend.claim("r")
        assert backend.cancelling(["r"]) == {"r"}
        assert [one.cancelling for one in backend.rows()] == [True]

    def test_the_end_settles_a_request(self, backend: StateBackend) -> None:
        """A run that is over asks nobody any more, nor does it when it is resumed."""
        epoch = backend.create(row(), [b"0"])
        backend.request_cancel("r")
        backend.append([Append("r", epoch, 1, (b"end",), RunStatus.CANCELLED)])
        assert backend.cancelling(["r"]) == set()
        assert backend.load("r")[0].cancelling is False
        backend.claim("r")
        assert backend.cancelling(["r"]) == set()
