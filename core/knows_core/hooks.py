"""The plugin author's manual: every hook, who calls it, when, and what happens when it raises.

A plugin is an object (a module, usually) with functions of these names, marked with `hookimpl`:

    from knows_core import hookimpl

    @hookimpl
    def knows_state_backends():
        return {"mine": MyBackend.from_url}

and is named by its distribution in the entry-point group `knows.plugins`, by kind and key:

    [project.entry-points."knows.plugins"]
    "backend.mine" = "my_package:plugin"

Only the key that is asked for is imported, alone and guarded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knows_core.backend import StateBackend
    from knows_core.events import Observer

PROJECT = "knows"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def knows_state_backends() -> Mapping[str, Callable[[str], StateBackend]]:  # type: ignore[empty-body]
    """Offer state backends: URL scheme -> a function that opens the backend at a URL of that scheme.

    Called when a URL of the plugin's scheme is asked for. The function raises BackendError or AccessDenied when the
    place cannot be used; whatever else it raises is reported as a backend error naming the plugin.
    """


@hookspec
def knows_observers() -> list[Observer]:  # type: ignore[empty-body]
    """Offer observers of the event stream: functions `(run id, event)`, called in order from the run's own thread.

    Called once per engine. The progress of a step that has a thread of its own comes from that one. An observer that
    raises is logged once and left out from then on; the run is unharmed.
    """
