"""The branches of a fork while they run: which calls are to begin, and where an answer goes.

Pure bookkeeping in one thread; a driver begins the calls, side by side or one after the other, and brings the answers.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from knows_core.errors import NotStorable
from knows_core.walking.wishes import Call, Fork, Outcome, Sleep, StepError, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from knows_core.journals.records import Record
    from knows_core.walking.wishes import Walk


class Lane:
    """One branch under way."""

    __slots__ = ("machine", "number", "of")

    def __init__(self, machine: Walk, of: _Forked, number: int) -> None:
        self.machine = machine
        self.of = of
        self.number = number


class _Forked:
    """One fork under way: its branches still to begin, how many run, and what came of those that ended."""

    __slots__ = ("branches", "failed", "lane", "limit", "outcomes", "running")

    def __init__(self, fork: Fork, lane: Lane | None) -> None:
        self.branches: Iterator[Walk] = iter(fork.branches)
        self.limit = fork.limit
        self.lane = lane
        self.outcomes: list[Outcome | None] = []
        self.running = 0
        self.failed = False

    def next(self) -> Lane | None:
        """The next branch, where there is room for one; none begins after one has failed."""
        branch = next(self.branches, None) if self.running < self.limit and not self.failed else None
        if branch is None:
            return None
        self.running += 1
        self.outcomes.append(None)
        return Lane(branch, self, len(self.outcomes) - 1)

    def ended(self, number: int, outcome: Outcome) -> None:
        """Note what a branch came to."""
        self.outcomes[number] = outcome
        self.running -= 1
        self.failed = self.failed or isinstance(outcome.error, StepError)  # others may go on beside one that waits


class Lanes:
    """All branches of one fork, those of forks inside them included. `keep` grants a record."""

    def __init__(self, fork: Fork, keep: Callable[[Record], None]) -> None:
        self._keep = keep
        self._whole = _Forked(fork, None)
        self._ready: deque[tuple[Lane, Outcome]] = deque()
        self._calls: deque[tuple[Lane, Call | Sleep]] = deque()
        self._under_way = 0
        self._begin(self._whole)

    def calls(self) -> list[tuple[Lane, Call | Sleep]]:
        """The calls, and pauses, to begin now. What was recorded meanwhile is made durable before they do."""
        while self._ready:
            self._go_on(*self._ready.popleft())
        found = list(self._calls)
        self._calls.clear()
        self._under_way += len(found)
        return found

    @property
    def are_under_way(self) -> bool:
        """Whether some call has begun and brought no answer yet."""
        return self._under_way > 0

    def answer(self, lane: Lane, outcome: Outcome) -> None:
        """Bring the answer to a call."""
        self._under_way -= 1
        self._ready.append((lane, outcome))

    @property
    def outcomes(self) -> list[Outcome]:
        """What the branches came to, in declared order."""
        return [one for one in self._whole.outcomes if one is not None]

    def _begin(self, fork: _Forked) -> None:
        """Let as many branches begin as may; a fork whose branches have all ended is its lane's answer."""
        while (lane := fork.next()) is not None:
            self._ready.append((lane, Outcome()))
        if not fork.running and fork.lane is not None:
            self._ready.append((fork.lane, Outcome([one for one in fork.outcomes if one is not None])))

    def _go_on(self, lane: Lane, answer: Outcome) -> None:
        wish: Any
        while True:
            try:
                wish = (
                    lane.machine.throw(answer.error) if answer.error is not None else lane.machine.send(answer.result)
                )
            except StopIteration as end:
                self._end(lane, Outcome(end.value))
                return
            except (StepError, Waiting) as failure:
                self._end(lane, Outcome(error=failure))
                return
            if isinstance(wish, Call | Sleep):
                self._calls.append((lane, wish))
                return
            if isinstance(wish, Fork):
                self._begin(_Forked(wish, lane))
                return
            answer = self._granted(wish)

    def _granted(self, record: Record) -> Outcome:
        try:
            self._keep(record)
        except NotStorable as error:
            return Outcome(error=error)
        return Outcome()

    def _end(self, lane: Lane, outcome: Outcome) -> None:
        lane.of.ended(lane.number, outcome)
        self._begin(lane.of)
