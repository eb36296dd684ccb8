"""Plugins in use: each imported when its key is asked for, and registered with pluggy under `distribution:entry`.

Never `load_setuptools_entrypoints`: it imports a whole group, one bad plugin stops all of it, and a second plugin of
the same name vanishes silently.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pluggy

from knows_core import BackendError, KnowsError, StateBackend, UnknownScheme
from knows_core import hooks as specifications
from knows_core.envelope import safe_text
from knows_core.opening import scheme_of
from knows_registry.guard import asked_for
from knows_registry.loading import broken, load_plugin, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from knows_registry.catalog import Catalog
    from knows_registry.discover import Plugin

BUILT_IN = "memory"  # the one backend that core brings itself
_WITHOUT_HOOKS = ("command",)


class Plugins:
    """The plugin manager of one registry, and the way plugins get into it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self.pluggy = pluggy.PluginManager("knows")
        self.pluggy.add_hookspecs(specifications)

    def backend(self, url: str) -> StateBackend:
        """Open the state backend of a URL. Raises what `factory` raises, BackendError, or the backend's own error."""
        scheme = scheme_of(url)
        if scheme == BUILT_IN:
            from knows_core import MemoryBackend  # the registry also serves those who keep nothing

            return MemoryBackend()
        plugin, factory = self.factory(scheme)
        try:
            opened: object = factory(url)
        except KnowsError:
            raise
        except BaseException as error:
            if asked_for(error):
                raise
            # A foreign error may quote the URL, and the URL may hold a password.
            reason = type(error).__name__ if "@" in url else reason_of(error)
            raise BackendError(backend=scheme, reason=reason, hint="Correct the URL, or see `kwf doctor`.") from error
        if not isinstance(opened, StateBackend):
            raise broken(plugin, f"expected a StateBackend from its factory, found {type(opened).__name__}")
        return opened

    def factory(self, scheme: str) -> tuple[Plugin, Callable[[str], object]]:
        """The plugin of a scheme and what opens its URLs. Raises UnknownScheme, PluginBroken or DuplicatePlugin."""
        plugin = self._catalog.plugin("backend", scheme)
        if plugin is None:
            known = ", ".join(sorted({BUILT_IN, *self._catalog.keys("backend")}))
            raise UnknownScheme(scheme=scheme, known=known)
        registered = self.use(plugin)
        # Asking only this plugin keeps a broken neighbour out of the way of a backend that works.
        others = [other for other in self.pluggy.get_plugins() if other is not registered]
        caller = self.pluggy.subset_hook_caller("knows_state_backends", others)
        try:
            factories = {name: factory for offered in caller() for name, factory in offered.items()}
        except KnowsError:
            raise
        except BaseException as error:
            if asked_for(error):
                raise
            raise broken(plugin, reason_of(error)) from error
        if not callable(factories.get(scheme)):
            found = ", ".join(sorted(map(str, factories))) or "none"
            raise broken(plugin, f"expected a backend for {scheme!r} from knows_state_backends, found {found}")
        return plugin, factories[scheme]

    def use(self, plugin: Plugin) -> object:
        """Import one plugin and register it; a second time it is there already. Raises PluginBroken."""
        name = f"{plugin.entry.distribution}:{plugin}"
        with self._lock:
            loaded = self.pluggy.get_plugin(name)
            if loaded is None:
                loaded = load_plugin(plugin)
                if plugin.kind not in _WITHOUT_HOOKS and not self.pluggy.is_registered(loaded):
                    self._register(plugin, loaded, name)
        return loaded

    def _register(self, plugin: Plugin, loaded: object, name: str) -> None:
        try:
            self.pluggy.register(loaded, name=name)
            self.pluggy.check_pending()  # only this finds a misspelt hook
        except BaseException as error:
            self._forget(name)
            if asked_for(error):
                raise
            # pluggy says what is wrong in its last lines.
            raise broken(plugin, f"{type(error).__name__}: {' '.join(safe_text(error).split())}") from error
        if not self.pluggy.get_hookcallers(loaded):
            self._forget(name)
            raise broken(plugin, "expected functions marked with @hookimpl, found none")

    def _forget(self, name: str) -> None:
        if self.pluggy.has_plugin(name):
            self.pluggy.unregister(name=name)
