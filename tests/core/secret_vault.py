"""A place of secrets, engines that know it, and what they recorded."""

from __future__ import annotations

from typing import Any

import pluggy

from knows_core import LocalEngine, MemoryBackend, hookimpl, hooks, pipeline, step

DOOR = "op3n-sesame/ö"
ROOF = "up&away"


class Vault:
    """A plugin with a place of secrets; counts how often it is asked for the place, and for each name."""

    def __init__(self, resolver=None, scheme="vault"):
        self.held: dict[str, Any] = {"door": DOOR, "roof": ROOF}
        self.asked: list[str] = []
        self.offered = 0
        self._resolver = resolver or self._held
        self._scheme = scheme

    def _held(self, name):
        self.asked.append(name)
        return self.held[name]

    @hookimpl
    def knows_secrets(self):
        self.offered += 1
        return {self._scheme: self._resolver}


def engine_with(*plugins, backend=None):
    manager = pluggy.PluginManager("knows")
    manager.add_hookspecs(hooks)
    for plugin in plugins:
        manager.register(plugin)
    return LocalEngine(backend or MemoryBackend(), hooks=manager)


def of(*functions):
    steps = [step(one, name="use" if "<" in one.__name__ else one.__name__) for one in functions]
    return pipeline(steps, name="t", version="1.0")


def recorded(engine):
    """Everything in the backend, as text."""
    return b"".join(one for row in engine.runs() for one in engine.backend.load(row.run)[1]).decode("latin-1")
