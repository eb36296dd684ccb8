"""Watching a run: a live view for a person at a terminal, plain lines elsewhere, nothing where it was not asked for."""

from __future__ import annotations

import re
import sys
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from knows_core import hookimpl
from knows_core.journals.records import Asked, Settled, StepDone, StepFailed, StepProgress, StepStarted
from knows_registry.cli.answer import encodable
from knows_registry.cli.event_lines import line_of, pause_until
from knows_registry.cli.failure import StepEnded
from knows_registry.guard import asked_for

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from knows_core.driving.events import Observer
    from knows_core.journals.records import Event

_NUMBER = re.compile(r"\[\d+\]")


class Watch:
    """A plugin that follows the runs of one command. `run` is the id of the present one as soon as it is known."""

    def __init__(self, *, quiet: bool) -> None:
        self.run: str | None = None
        self._steps: list[str] = []
        self._under_way: dict[str, None] = {}  # in the order in which they began
        self._passed = 0
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    @hookimpl
    def knows_observers(self) -> list[Observer]:
        """Follow the run."""
        return [self._see]

    @contextmanager
    def shown(self, steps: list[str]) -> Generator[None]:
        """Show the next run, of these steps, for as long as it goes on. Raises StepEnded where one ends the program."""
        self._steps = steps
        self.run, self._passed, self._under_way = None, 0, {}
        try:
            with self._view():
                yield
        except BaseException as error:
            if isinstance(error, Exception) or asked_for(error) or not self._under_way:
                raise
            raise StepEnded(list(self._under_way)) from error

    def _view(self) -> AbstractContextManager[Any]:
        if self._quiet or sys.stderr is None or not sys.stderr.isatty():
            return nullcontext()
        from rich.console import Console  # rich is for a person at a terminal only
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        parts = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*parts, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("starting", total=len(self._steps))
        view: AbstractContextManager[Any] = self._bar
        return view

    def _see(self, run: str, event: Event) -> None:
        self.run = run
        if isinstance(event, StepStarted):
            self._under_way[event.path] = None
        elif isinstance(event, StepDone | StepFailed | Settled | Asked):
            self._under_way.pop(event.path, None)
        if self._bar is not None:
            self._move(event)
        elif not self._quiet and (line := line_of(event, self._of_all, time.time())):
            self._say(line)

    def pausing(self, pauses: Mapping[str, float]) -> None:
        """Tell of the pauses between two attempts that a run is taken up in: until when (seconds since 1970), by step.

        No event tells of them: nothing is recorded before they are over.
        """
        for path, until in pauses.items():
            told = f"{path} waits: {pause_until(until, time.time())}"
            if self._bar is not None:
                self._bar.update(self._task, description=told)
            elif not self._quiet:
                self._say(f"[.] {told}")

    def _say(self, line: str) -> None:
        if sys.stderr:
            with suppress(OSError):  # a log that cannot be written must not end the watching
                print(encodable(line, sys.stderr), file=sys.stderr, flush=True)  # noqa: T201 - the view of a run in a log or pipe

    def _move(self, event: Event) -> None:
        if not isinstance(event, StepStarted | StepProgress | StepDone | StepFailed | Settled | Asked):
            return
        # What lies before every step under way is behind the run; a repeat does not take the view back.
        ahead = [self._number(path) - 1 for path in self._under_way]
        self._passed = max(self._passed, min(ahead, default=self._number(event.path)))
        self._bar.update(self._task, description=self._now(event), completed=self._passed)

    def _now(self, event: StepStarted | StepProgress | StepDone | StepFailed | Settled | Asked) -> str:
        if isinstance(event, StepProgress):
            return f"{event.path} {_how_far(event)}"
        if isinstance(event, StepFailed) and event.until is not None and not self._under_way:
            return f"{event.path}: {pause_until(event.until, time.time())}"
        newest = next(reversed(self._under_way), event.path)
        others = len(self._under_way) - 1
        return f"{newest} (and {others} more)" if others > 0 else newest

    def _number(self, path: str) -> int:
        """Which of the template's steps it is, from 1; 0 for one that is not known."""
        known = _NUMBER.sub("[]", path)
        return self._steps.index(known) + 1 if known in self._steps else 0

    def _of_all(self, path: str) -> str:
        """Which step it is, of how many; a question mark for one that is not known."""
        return f"{self._number(path) or '?'}/{len(self._steps)}"


def _how_far(event: StepProgress) -> str:
    part = f"{event.done:g}" + (f"/{event.total:g}" if event.total else "")
    return f"{part} {event.note}".rstrip()
