"""Opening a state backend by its URL: `memory:` here, every other scheme by the plugin that offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knows_core.backend import MemoryBackend, StateBackend
from knows_core.errors import BackendError, KnowsError, UnknownScheme

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pluggy import PluginManager


def scheme_of(url: str) -> str:
    """The part of a backend's URL that says which plugin opens it."""
    return url.partition(":")[0].lower()


def open_backend(url: str, hooks: PluginManager | None) -> StateBackend:
    """The backend at a URL. Raises UnknownScheme, BackendError, AccessDenied."""
    scheme = scheme_of(url)
    if scheme == "memory":
        return MemoryBackend()
    offered: list[Mapping[str, Callable[[str], StateBackend]]] = (
        hooks.hook.knows_state_backends() if hooks is not None else []
    )
    factories = {name: factory for group in offered for name, factory in group.items()}
    if scheme not in factories:
        raise UnknownScheme(scheme=scheme, known=", ".join(sorted({"memory", *factories})))
    try:
        return factories[scheme](url)
    except KnowsError:
        raise
    except Exception as error:
        # A foreign text may quote the URL, and that may hold a password.
        text = "" if "@" in url else f": {error}"
        reason = f"its plugin failed with {type(error).__name__}{text}"
        raise BackendError(
            backend=f"{scheme} backend", reason=reason, hint="Report it to the plugin's author."
        ) from error
