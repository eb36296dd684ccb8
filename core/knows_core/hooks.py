"""The plugin author's manual: every hook, who calls it, when, and what happens when it raises.

A plugin is an object (a module, usually) with functions of these names, marked with `hookimpl`:

    from knows_core import hookimpl

    @hookimpl
    def knows_state_backends():
        return {"mine": MyBackend.from_url}

and is named by its distribution in the entry-point group `knows.plugins`, by kind and key:

    [project.entry-points."knows.plugins"]
    "backend.mine" = "my_package:plugin"

Only the key that is asked for is imported, alone and guarded. A plugin of the kind `hooks`, such as `hooks.audit`, is
imported for every run that is driven, never for a command that only looks. One that is broken is left out and named; it
is a module or an object (no class) with plain functions (not async, no wrappers).

All that implement a hook are asked by the name of their distribution, then by their entry, whatever order folders and
installations have. `@hookimpl(tryfirst=True)` and `trylast=True` go over that, and what a program registers itself with
`Registry().plugins.pluggy` is asked before what is installed. `kwf plugins --hooks` shows the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from knows_core.backend import StateBackend
    from knows_core.driving.events import Observer
    from knows_core.recovery import ErrorContext, Verdict
    from knows_core.rules import Validator

    class Registrar(Protocol):
        """What a plugin sees of the registry: where it registers templates."""

        def register(self, template: Any, name: str | None = None, version: str | None = None) -> Any:
            """Offer a template under its own or another name and version."""


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
def knows_templates(registry: Registrar) -> None:
    """Register templates that are made at run time, with `registry.register(template, name, version)`.

    Called once per registry, before the first template is found for a run. What is installed already is not shadowed:
    `register` raises DuplicateTemplate. A plugin that raises is broken and left out; what it has registered by then
    stays. Such templates are seen by runs; listing, showing and locking know what is installed.
    """


@hookspec
def knows_validators() -> list[Validator]:  # type: ignore[empty-body]
    """Offer validators: functions `(when, step, value, state)`, called around every step of every run.

    Called once per engine. `when` is `before`, with the input, or `after`, with the result and the state as it
    would be; `step` is the path, `state` a view that is dropped. A validator that raises fails the attempt, like the
    step itself; what it returns is nothing. It must be quick and pure: a resumed run asks it again for an attempt that
    is repeated.
    """


@hookspec(firstresult=True)
def knows_error_handlers(context: ErrorContext) -> Verdict | None:
    """Say what follows a failure: `Retry`, `Fallback(value)`, `Continue`, `Suspend`, `Fail`, or None to leave it open.

    Called in the run's own thread for every failure of a step for which its retry policy allows no further attempt,
    before what the step, its scopes and its template declare; also for predicates that raise, branches that cannot be
    joined, parts that lack something, and scopes whose time is over, none of which can be tried again. Not for a
    person's no. The first answer that is not None counts, where a `Retry` whose attempts are used up is none;
    `kwf plugins --hooks` shows the order. The verdict is recorded, so that a resumed run does not ask again. When a
    handler raises, or answers with anything else, the run fails with HandlerFailed and the failure as its cause.
    """


@hookspec
def knows_secrets() -> Mapping[str, Callable[[str], str]]:  # type: ignore[empty-body]
    """Offer places of secrets: scheme -> a function that gives the value of a name there, as a text.

    Called once per engine, when the first step asks for a secret: `context.secret("SCHEME:NAME")`. The function is
    called each time, in the step's own thread, and again when the run is resumed; steps side by side may call it at
    once. It raises SecretUnavailable with a `reason` that may be shown to anybody. Of whatever else it raises only the
    class is told, and the step fails. The scheme `env` is core's own.
    """


@hookspec
def knows_observers() -> list[Observer]:  # type: ignore[empty-body]
    """Offer observers of the event stream: functions `(run id, event)`, called in order from the run's own thread.

    Called once per engine. The progress of a step that has a thread of its own comes from that one. An observer that
    raises is logged once and left out from then on; the run is unharmed.
    """
