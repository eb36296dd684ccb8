"""The event stream of an engine's runs, and who observes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from knows_core.records import Event

if TYPE_CHECKING:
    from pluggy import PluginManager


Observer = Callable[[str, Event], Any]


class Observers:
    """The observers of one engine. One that raises is logged once and never called again."""

    def __init__(self, hooks: PluginManager | None) -> None:
        offered: list[list[Observer]] = hooks.hook.knows_observers() if hooks is not None else []
        self._observers = [one for group in offered for one in group]
        self.watching = bool(self._observers)

    def tell(self, run: str, event: Event) -> None:
        """Pass an event on to every observer."""
        for observer in tuple(self._observers):
            try:
                observer(run, event)
            except Exception:
                self._observers.remove(observer)
                import logging  # only where an observer failed

                logging.getLogger("knows_core").exception(
                    "an observer failed and is left out from now on: %r", observer
                )
