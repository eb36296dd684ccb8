"""Knows Workflows: find, choose, link and pin templates; the command line kwf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knows_registry.catalog import DuplicatePlugin
    from knows_registry.discover import Entry, Fault, Offer, Plugin
    from knows_registry.locking.errors_lock import LockBroken, LockedMissing, LockMissing, LockNotWritten, LockStale
    from knows_registry.manifests.manifest import ManifestBroken
    from knows_registry.permits.errors_permission import (
        AllowListBroken,
        ArtifactChanged,
        PluginNotPermitted,
        RequirementUnmet,
        UnknownDistribution,
    )
    from knows_registry.permits.permission import Permission
    from knows_registry.registry import Registry

__all__ = [
    "AllowListBroken",
    "ArtifactChanged",
    "DuplicatePlugin",
    "Entry",
    "Fault",
    "LockBroken",
    "LockMissing",
    "LockNotWritten",
    "LockStale",
    "LockedMissing",
    "ManifestBroken",
    "Offer",
    "Permission",
    "Plugin",
    "PluginNotPermitted",
    "Registry",
    "RequirementUnmet",
    "UnknownDistribution",
]

_ROOMS = {
    "AllowListBroken": "permits.errors_permission",
    "ArtifactChanged": "permits.errors_permission",
    "DuplicatePlugin": "catalog",
    "Entry": "discover",
    "Fault": "discover",
    "LockBroken": "locking.errors_lock",
    "LockMissing": "locking.errors_lock",
    "LockNotWritten": "locking.errors_lock",
    "LockStale": "locking.errors_lock",
    "LockedMissing": "locking.errors_lock",
    "ManifestBroken": "manifests.manifest",
    "Offer": "discover",
    "Permission": "permits.permission",
    "Plugin": "discover",
    "PluginNotPermitted": "permits.errors_permission",
    "Registry": "registry",
    "RequirementUnmet": "permits.errors_permission",
    "UnknownDistribution": "permits.errors_permission",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # importing the package alone must cost nothing

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
