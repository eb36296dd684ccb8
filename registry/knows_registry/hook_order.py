"""In which order plugins are asked: a plugin manager that does so, and the order told hook by hook."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, NamedTuple

import pluggy

from knows_core import hooks as specifications

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from knows_registry.discover import Plugin


class Calling(NamedTuple):
    """One hook, whether its first answer ends the asking, and who is called for it, in order.

    Each caller stands with every plugin that names it, the one that gives it its place first.
    """

    hook: str
    first_answer_wins: bool
    plugins: list[list[Plugin]]


def manager_of(plugins: Iterable[tuple[str, object]] = ()) -> pluggy.PluginManager:
    """A plugin manager that knows the project's hooks and these plugins, each with its name."""
    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(specifications)
    for name, loaded in plugins:
        manager.register(loaded, name=name)
    return manager


def registered_name(plugin: Plugin) -> str:
    """The name by which pluggy knows a plugin."""
    return f"{plugin.entry.distribution}:{plugin}"


def place_of(plugin: Plugin) -> tuple[str, str]:
    """Where a plugin stands among others: by its distribution, then by its entry.

    Both are names that its author chose and a reader sees. The order in which folders list distributions differs from
    machine to machine.
    """
    return plugin.entry.distribution, str(plugin)


def arranged(
    installed: Mapping[Plugin, object], by_hand: Iterable[tuple[str, object]]
) -> tuple[pluggy.PluginManager, dict[str, Plugin]]:
    """A manager that asks what was registered by hand, the latest first, then what is installed, by `place_of`.

    `tryfirst` and `trylast` go over that. An object that two entries name is called once, at the place of the first.
    With the manager come the installed plugins by their names.
    """
    firsts: dict[int, Plugin] = {}
    for plugin in sorted(installed, key=place_of):
        firsts.setdefault(id(installed[plugin]), plugin)
    named = {registered_name(plugin): plugin for plugin in firsts.values()}
    # pluggy calls the last registered first.
    ours = [(name, installed[plugin]) for name, plugin in reversed(named.items())]
    return manager_of([*ours, *((name, one) for name, one in by_hand if id(one) not in firsts)]), named


def callings(installed: Mapping[Plugin, object]) -> list[Calling]:
    """Every hook in the order of the plugin author's manual, and who is called for it, in order."""
    manager, firsts = arranged(installed, ())
    named = {name: _sharing(installed, first) for name, first in firsts.items()}
    found: list[Calling] = []
    for hook in (name for name in vars(specifications) if name.startswith("knows_")):
        caller: pluggy.HookCaller = getattr(manager.hook, hook)
        first = caller.spec is not None and bool(caller.spec.opts.get("firstresult"))
        called = [named[one.plugin_name] for one in reversed(caller.get_hookimpls())]
        found.append(Calling(hook, first, called))
    return found


def _sharing(installed: Mapping[Plugin, object], first: Plugin) -> list[Plugin]:
    """Every plugin that names the object of this one, which is the first of them."""
    return [one for one in sorted(installed, key=place_of) if installed[one] is installed[first]]


def unfit(manager: pluggy.PluginManager, loaded: object) -> str:
    """Why an object alone in a manager is no plugin, or an empty text. Raises what pluggy says of a misspelt hook."""
    if isinstance(loaded, type):  # pluggy would take it, and call its functions without an object
        return f"expected a module or an object with functions marked with @hookimpl, found the class {loaded.__name__}"
    manager.check_pending()
    callers = manager.get_hookcallers(loaded)
    if not callers:
        return "expected functions marked with @hookimpl, found none"
    for caller in callers:
        for one in caller.get_hookimpls():
            if one.wrapper or one.hookwrapper:
                return f"{caller.name} is a wrapper; plugins are asked one by one, and nothing is wrapped"
            if inspect.iscoroutinefunction(one.function) or inspect.isgeneratorfunction(one.function):
                return f"{caller.name}: expected a plain function, found one that is async or yields"
    return ""
