"""The event stream of an engine's runs, and who observes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from knows_core.journals.records import Event
from knows_core.secrecy.redaction import Redactor

if TYPE_CHECKING:
    from pluggy import PluginManager

Observer = Callable[[str, Event], Any]


class Observers:
    """The observers of one engine. One that raises is logged once and never called again."""

    def __init__(self, hooks: PluginManager | None, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()
        self._lock = threading.Lock()
        self._observers: list[Observer] = []
        # pluggy calls the last one first; one by one, because a hook that raises would hide what the others offer.
        for offering in reversed(hooks.hook.knows_observers.get_hookimpls()) if hooks is not None else ():
            try:
                offered: Any = offering.function()
                self._observers += offered
            except (Exception, SystemExit) as error:  # noqa: BLE001 - logged with its trace
                self._log("plugin %s failed to offer observers and is left out", offering.plugin_name, error)
        self.watching = bool(self._observers)

    def tell(self, run: str, event: Event) -> None:
        """Pass an event on to every observer."""
        for observer in self._observers:
            try:
                observer(run, event)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - logged with its trace
                self._leave_out(observer, error)

    def _leave_out(self, observer: Observer, error: BaseException) -> None:
        with self._lock:  # runs in several threads may find it broken at once
            if observer in self._observers:
                # A new list: another thread may be walking through the old one.
                self._observers = [one for one in self._observers if one is not observer]
                self._log("an observer failed and is left out: %r", observer, error)

    def _log(self, sentence: str, culprit: object, error: BaseException) -> None:
        from knows_core.logs import complain  # only where an observer failed

        complain(sentence, culprit, error=error, redactor=self._redactor)
