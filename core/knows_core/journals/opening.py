"""Opening a state backend by its URL: `memory:` here, every other scheme by the plugin that offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.backend import MemoryBackend, StateBackend
from knows_core.errors import KnowsError
from knows_core.errors.backend import BackendError, UnknownScheme

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import PluginManager


def scheme_of(url: str) -> str:
    """The part of a backend's URL that says which plugin opens it."""
    return url.partition(":")[0].lower()


def open_backend(url: str, hooks: PluginManager | None) -> StateBackend:
    """The backend at a URL. Raises UnknownScheme, BackendError, AccessDenied."""
    scheme = scheme_of(url)
    if scheme == "memory":
        return MemoryBackend()
    factories, faults = _offered(hooks)
    if scheme not in factories:
        if faults:
            raise BackendError(
                backend=f"{scheme} backend", reason="; ".join(faults), hint="Repair or remove the plugin."
            )
        raise UnknownScheme(scheme=scheme, known=", ".join(sorted({"memory", *factories})))
    try:
        opened: object = factories[scheme](url)
    except KnowsError:
        raise
    except Exception as error:
        # A foreign text may quote the URL, and that may hold a password.
        text = "" if "@" in url else f": {error}"
        raise _plugin_fault(scheme, f"its plugin failed with {type(error).__name__}{text}") from error
    if not isinstance(opened, StateBackend):
        raise _plugin_fault(scheme, f"its plugin gave a {type(opened).__name__}, which is no state backend")
    return opened


def _plugin_fault(scheme: str, reason: str) -> BackendError:
    return BackendError(backend=f"{scheme} backend", reason=reason, hint="Report it to the plugin's author.")


def _offered(hooks: PluginManager | None) -> tuple[dict[str, Callable[[str], object]], list[str]]:
    """What plugins offer, and what went wrong in those that failed: one of them must not hide the others."""
    factories: dict[str, Callable[[str], object]] = {}
    faults: list[str] = []
    for offering in hooks.hook.knows_state_backends.get_hookimpls() if hooks is not None else ():
        try:
            offered: Any = offering.function()
            factories |= offered
        except Exception as error:  # noqa: BLE001 - a foreign function may raise anything
            faults.append(f"a plugin failed to offer its backends: {type(error).__name__}: {error}")
    return factories, faults
