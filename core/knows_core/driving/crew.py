"""The threads of one run: steps that run side by side, and steps with a time limit.

Each call has a thread of its own, which a late step may keep: a pool would fill up with steps that hang.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.context import is_coroutine
from knows_core.errors import StepTimeout
from knows_core.walking.wishes import Call, Outcome

if TYPE_CHECKING:
    from knows_core.driving.desk import Desk
    from knows_core.driving.lanes import Lane
    from knows_core.walking.wishes import Sleep

_GRACE = 5.0  # seconds an isolated step may take beyond its limit, for its process to be ended


class _Awaited(NamedTuple):
    """A call under way: its branch, when it is given up (monotonic seconds), and the thread that makes it.

    A pause has no thread, and is over then.
    """

    lane: Lane | None
    limit: float | None
    thread: threading.Thread | None


class Crew:
    """Begins calls and brings their outcomes. One thread uses it: the one that drives the run."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        # None: look whether the run is to stop.
        self._answers: queue.SimpleQueue[tuple[Call, Outcome, BaseException | None] | None] = queue.SimpleQueue()
        self._awaited: dict[Call | Sleep, _Awaited] = {}
        desk.brakes.wake = lambda: self._answers.put(None)

    def begin(self, lane: Lane | None, call: Call) -> None:
        """Call a step in a thread of its own, with this one's context variables."""
        context = self._desk.context(call) if self._desk.wants_context(call) else None
        grace = _GRACE if call.step.isolation == "process" else 0.0
        limit = None if call.limit is None else time.monotonic() + call.limit + grace
        work = contextvars.copy_context()
        # A daemon: a step that hangs must not keep the process from ending.
        thread = threading.Thread(target=work.run, args=(self._work, call, context), name=call.path, daemon=True)
        self._awaited[call] = _Awaited(lane, limit, thread)
        thread.start()

    def sleep(self, lane: Lane | None, pause: Sleep) -> None:
        """Let a pause begin; it ends as a call does, with nothing."""
        self._awaited[pause] = _Awaited(lane, time.monotonic() + pause.seconds, None)

    def rest(self, pause: Sleep) -> None:
        """Wait until a pause is over. Raises Stopped."""
        self.sleep(None, pause)
        self.ended()

    def only(self, call: Call) -> Any:
        """Call one step and wait for it. Raises StepTimeout, or what the step raises."""
        self.begin(None, call)
        outcome = self.ended()[0][1]
        if outcome.error is not None:
            raise outcome.error
        return outcome.result

    def ended(self) -> list[tuple[Any, Outcome]]:
        """Wait for the next calls that end, or whose time is up, each with its lane; some must be under way.

        Raises Stopped when there is a reason to stop and nothing has ended meanwhile.
        """
        found: list[tuple[Any, Outcome]] = []
        brakes = self._desk.brakes
        while True:
            while not self._answers.empty():
                self._take(found, 0)
            self._give_up(found)
            if found:
                return found
            brakes.heed(next(iter(self._awaited)).path)
            until = [one.limit - time.monotonic() for one in self._awaited.values() if one.limit is not None]
            left = brakes.left()
            self._take(found, min([*until, *([] if left is None else [left])], default=None))

    def close(self) -> None:
        """Tell what still runs that nobody waits for it; processes are gone when this returns."""
        calls = [(call, one.thread) for call, one in self._awaited.items() if isinstance(call, Call)]
        for call, _ in calls:
            call.given_up = True
        for call, thread in calls:
            if call.step.isolation == "process" and thread is not None:
                thread.join(_GRACE)
        self._awaited.clear()

    def _work(self, call: Call, context: Any) -> None:
        outcome, ending = Outcome(), None
        try:
            answer = self._desk.begun(call, context)
            if is_coroutine(answer):
                import asyncio  # only async steps pay for it

                answer = asyncio.run(answer)
            outcome.result = answer
        except Exception as error:  # noqa: BLE001 - a step may raise anything
            outcome.error = error
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that drives the run
            ending = error
        self._answers.put((call, outcome, ending))

    def _take(self, found: list[tuple[Any, Outcome]], patience: float | None) -> None:
        try:
            answer = self._answers.get(timeout=None if patience is None else max(patience, 0))
        except queue.Empty:
            return
        if answer is not None and answer[0] in self._awaited:  # else it was given up: its late result does not count
            call, outcome, ending = answer
            if ending is not None:
                raise ending
            found.append((self._awaited.pop(call).lane, outcome))

    def _give_up(self, found: list[tuple[Any, Outcome]]) -> None:
        now = time.monotonic()
        for call in [call for call, one in self._awaited.items() if one.limit is not None and one.limit <= now]:
            outcome = Outcome()
            if isinstance(call, Call):
                call.given_up = True
                outcome.error = StepTimeout(step=call.path, timeout=call.limit)
            found.append((self._awaited.pop(call).lane, outcome))
