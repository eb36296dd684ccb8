"""Watching a run: a live view for a person at a terminal, plain lines elsewhere, nothing where it was not asked for."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from knows_core import hookimpl
from knows_core.records import StepDone, StepFailed, StepProgress, StepStarted
from knows_registry.cli.answer import encodable

if TYPE_CHECKING:
    from knows_core.events import Observer
    from knows_core.records import Event


class Watch:
    """A plugin that follows the run of one command. `run` is the run's id as soon as it is known."""

    def __init__(self, *, quiet: bool) -> None:
        self.run: str | None = None
        self._steps: list[str] = []
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    @hookimpl
    def knows_observers(self) -> list[Observer]:
        """Follow the run."""
        return [self._see]

    def shown(self, steps: list[str]) -> AbstractContextManager[Any]:
        """The view of a run of these steps, for as long as it goes on."""
        self._steps = steps
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
        if self._bar is not None:
            self._move(event)
        elif not self._quiet and sys.stderr and (line := self._line(event)):
            with suppress(OSError):  # a log that cannot be written must not end the watching
                print(encodable(line, sys.stderr), file=sys.stderr, flush=True)  # noqa: T201 - the view of a run in a log or pipe

    def _move(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            done = self._steps.index(event.path) if event.path in self._steps else None
            self._bar.update(self._task, description=event.path, completed=done)
        elif isinstance(event, StepProgress):
            self._bar.update(self._task, description=f"{event.path} {_how_far(event)}")
        elif isinstance(event, StepDone):
            self._bar.advance(self._task)

    def _line(self, event: Event) -> str:
        if isinstance(event, StepDone):
            number = self._steps.index(event.path) + 1 if event.path in self._steps else "?"
            return f"[{number}/{len(self._steps)}] {event.path} done"
        if isinstance(event, StepFailed):
            return f"[!] {event.path} failed (attempt {event.attempt})"
        return ""


def _how_far(event: StepProgress) -> str:
    part = f"{event.done:g}" + (f"/{event.total:g}" if event.total else "")
    return f"{part} {event.note}".rstrip()
