"""Plugins in use: each imported when its key is asked for, alone and guarded, and named `distribution:entry`.

Never `load_setuptools_entrypoints`: it imports a whole group, one bad plugin stops all of it, and a second plugin of
the same name vanishes silently.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from knows_core import BackendError, ConfigError, KnowsError, PluginBroken, StateBackend, UnknownScheme
from knows_core.journals.envelope import safe_text
from knows_core.journals.opening import scheme_of
from knows_registry import secret_places
from knows_registry.discover import Fault
from knows_registry.guard import asked_for
from knows_registry.hook_order import Calling, arranged, callings, manager_of, registered_name, unfit
from knows_registry.loading import broken, load_plugin, reason_of
from knows_registry.permits.errors_permission import PluginNotPermitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pluggy

    from knows_registry.catalog import Catalog
    from knows_registry.discover import Plugin
    from knows_registry.permits.permission import Permission
    from knows_registry.registry import Registry

BUILT_IN = "memory"  # the one backend that core brings itself
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # a scheme of one letter is the drive of a path
_WITHOUT_HOOKS = ("command",)


def permitted(plugins: Iterable[Plugin], permission: Permission) -> tuple[list[Plugin], list[Fault]]:
    """Those that a run may load, and why not the others; asked before anything is imported."""
    may: list[Plugin] = []
    refused: list[Fault] = []
    for plugin in plugins:
        error = permission.objection(plugin.entry)
        if isinstance(error, PluginNotPermitted):
            refused.append(Fault(plugin.entry.distribution, str(plugin), error.in_short, error.next_move))
        else:
            may.append(plugin)  # what is broken shows when it is loaded
    return may, refused


class Plugins:
    """The installed plugins in use, and `pluggy`, where a program registers plugins of its own.

    `refused` holds what was left out because it is not permitted; `permission` is asked anew at every import.
    """

    def __init__(self, catalog: Catalog, permission: Callable[[], Permission]) -> None:
        self._catalog = catalog
        self._permission = permission
        self.refused: set[Fault] = set()
        self._lock = threading.RLock()  # a plugin that is imported may ask its registry for another
        self._used: dict[Plugin, object] = {}
        self._broken: dict[Plugin, Fault] = {}
        self._told: set[Fault] = set()
        self._asked: set[str] = set()
        self.pluggy = manager_of()
        self.pluggy.register(secret_places, name="knows-registry:secrets")

    def load(self, *kinds: str) -> list[Fault]:
        """Load every plugin of these kinds.

        What is broken or not permitted is left out, and given back the first time it is met.
        """
        with self._lock:
            faults = [fault for fault in self._catalog.faults() if fault.entry.partition(".")[0] in kinds]
            plugins = self._catalog.sole_plugins(kinds)
            may, refused = permitted(plugins, self._permission()) if plugins else ([], [])
            self.refused.update(refused)
            for plugin in may:
                faults += self._fault(plugin)
            faults += refused
            fresh = [fault for fault in faults if fault not in self._told]
            self._told.update(fresh)
            return fresh

    def manager(self) -> pluggy.PluginManager:
        """A plugin manager for an engine: what is in use now, in the order in which it is asked."""
        return arranged(self._with_hooks(), self._by_hand())[0]

    def offer_templates(self, registry: Registry) -> list[Fault]:
        """Let every plugin in use register the templates that it makes, once; give back what is broken about that."""
        with self._lock:
            faults = self.load("hooks")
            for name, plugin in reversed(arranged(self._with_hooks(), self._by_hand())[0].list_name_plugin()):
                if name in self._asked:
                    continue
                self._asked.add(name)  # before it is called: it may look for a template
                try:
                    manager_of([(name, plugin)]).hook.knows_templates(registry=registry)
                except BaseException as error:
                    if asked_for(error):
                        raise
                    distribution, _, entry = name.partition(":")
                    reason = f"its knows_templates() raised {reason_of(error)}"
                    remedy = f"Update {distribution}, or `pip uninstall {distribution}`."
                    faults.append(Fault(distribution, entry, reason, remedy))
            return faults

    def callings(self) -> list[Calling]:
        """Every hook, and which of the installed plugins in use are called for it, in order."""
        return callings(self._with_hooks())

    def backend(self, url: str) -> StateBackend:
        """Open the state backend of a URL.

        Raises ConfigError for a path instead of a URL, what `factory` raises, BackendError, or the backend's own error.
        """
        # What may be a URL with a slip in it may hold a password, and is not repeated.
        if not (_URL.match(url) or "@" in url or "//" in url):
            likely = f"a URL such as sqlite:///{quote(url, safe='/:')}"
            raise ConfigError(name="state backend", expected=likely, found=url)
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
        """The plugin of a scheme and what opens its URLs. Raises UnknownScheme or what `use` raises."""
        plugin = self._catalog.plugin("backend", scheme)
        if plugin is None:
            known = ", ".join(sorted({BUILT_IN, *self._catalog.keys("backend")}))
            raise UnknownScheme(scheme=scheme, known=known)
        # Asking only this plugin keeps a broken neighbour out of the way of a backend that works.
        alone = manager_of([(registered_name(plugin), self.use(plugin))])
        try:
            offers = alone.hook.knows_state_backends()
            factories = {name: factory for offered in offers for name, factory in offered.items()}
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
        """Import one plugin and keep it; a second time it is there already.

        Raises PluginBroken, PluginNotPermitted.
        """
        with self._lock:
            if plugin not in self._used:
                loaded = load_plugin(plugin, self._permission())
                if plugin.kind not in _WITHOUT_HOOKS:
                    _examine(plugin, loaded)
                self._used[plugin] = loaded
            return self._used[plugin]

    def _fault(self, plugin: Plugin) -> list[Fault]:
        """What keeps a plugin from being used, if anything does; one that is broken is not imported again."""
        if plugin not in self._broken:
            try:
                self.use(plugin)
            except PluginBroken as error:
                self._broken[plugin] = Fault(error.distribution, str(plugin), error.reason, error.next_move)
            else:
                return []
        return [self._broken[plugin]]

    def _by_hand(self) -> list[tuple[str, object]]:
        return [(name, one) for name, one in self.pluggy.list_name_plugin() if one is not None]

    def _with_hooks(self) -> dict[Plugin, object]:
        with self._lock:
            return {plugin: one for plugin, one in self._used.items() if plugin.kind not in _WITHOUT_HOOKS}


def _examine(plugin: Plugin, loaded: object) -> None:
    """Raise PluginBroken unless pluggy takes the object; alone, so that no other is blamed for it."""
    try:
        reason = unfit(manager_of([(registered_name(plugin), loaded)]), loaded)
    except BaseException as error:
        if asked_for(error):
            raise
        # pluggy says what is wrong in its last lines.
        raise broken(plugin, f"{type(error).__name__}: {' '.join(safe_text(error).split())}") from error
    if reason:
        raise broken(plugin, reason)
