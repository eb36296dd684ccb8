"""The modules in which errors stand, loaded: the error tree knows a class only from then on."""

from __future__ import annotations

import importlib
import pkgutil

import knows_registry
from knows_core import errors


def load_error_rooms():
    """Import every family of errors of core, and all of the registry but its commands."""
    for package in (errors, knows_registry):
        for room in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".cli" not in room.name:
                importlib.import_module(room.name)
