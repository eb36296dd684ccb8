"""The keeper of what an engine owns: it renews the lease, hears who asked a run to stop, and gives up what is owed."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

from knows_core.journals.envelope import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_core.backend import StateBackend
    from knows_core.secrecy.redaction import Redactor
    from knows_core.walking.brakes import Brakes

_PAUSE: Final = 0.08  # seconds between two looks: with the look itself a request is heard within 0.1 s
_RENEWALS: Final = 3  # in each lease, so that one may fail
_IDLE: Final = 60  # looks without a run after which the thread ends; until then a new run need not start one


class Keeper:
    """One thread beside an engine, there while runs are driven. Short runs never meet it."""

    def __init__(self, backend: StateBackend, redactor: Redactor) -> None:
        self._backend = backend
        self._redactor = redactor
        self._held: dict[str, Brakes] = {}
        self._owed: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._complained = False

    def watch(self, run: str, brakes: Brakes) -> None:
        """Look after a run from now on."""
        with self._lock:
            self._held[run] = brakes
            self._work_on()

    def forget(self, run: str) -> None:
        """Look after it no longer."""
        with self._lock:
            self._held.pop(run, None)

    def release_later(self, release: Callable[[], None]) -> None:
        """Give a run up as soon as the backend, which failed, answers again: else it stayed owned by this process."""
        with self._lock:
            self._owed.append(release)
            self._work_on()

    def _work_on(self) -> None:
        # Not alive: it found nothing to do for a while, or this is a forked child, which inherits no threads.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="knows keeper", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join()

    def _work(self) -> None:
        idle, renew_at = 0, time.monotonic() + self._backend.capabilities.lease / _RENEWALS
        while not self._closing.wait(_PAUSE):
            with self._lock:
                held = dict(self._held)
                idle = 0 if held or self._owed else idle + 1
                if idle > _IDLE:
                    self._thread = None
                    return
            self._pay()
            now = time.monotonic()
            if held and self._looked(held, renewing=now >= renew_at) and now >= renew_at:
                renew_at = now + self._backend.capabilities.lease / _RENEWALS

    def _pay(self) -> None:
        """Give up the runs that could not be given up before."""
        for release in list(self._owed):
            with contextlib.suppress(Exception):  # whatever a backend raises must not end the thread of the lease
                release()
                self._owed.remove(release)

    def _looked(self, held: dict[str, Brakes], *, renewing: bool) -> bool:
        """Renew the lease if it is time, and pass on who is to stop; whether the backend answered."""
        try:
            if renewing:
                self._backend.renew()
            for run in self._backend.cancelling(held):
                held[run].cancel()
        except Exception as error:  # noqa: BLE001 - the run itself meets the backend's failure at its next record
            if not self._complained:
                from knows_core.logs import complaints  # only where a backend failed

                reason = in_words(error, self._redactor.error)
                complaints().warning("the lease could not be renewed, trying again: %s", reason)
            self._complained = True
            return False
        self._complained = False
        return True
