"""Importing entry points where it can do no harm: each in an interpreter of its own, for a limited time."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from knows_core import KnowsError
from knows_core.template import definition_of
from knows_registry.apart import Apart
from knows_registry.catalog import Catalog
from knows_registry.discover import TEMPLATES, Entry, Found, offer_of, plugin_of
from knows_registry.guard import skip_pydantic_plugins
from knows_registry.loading import load_template, reason_of
from knows_registry.manifests.manifest import manifest_profile
from knows_registry.manifests.profile import profile_of
from knows_registry.permits.errors_permission import PluginNotPermitted
from knows_registry.permits.permission import Permission
from knows_registry.plugins import Plugins
from knows_registry.verdict import WHILE_IMPORTED, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from knows_core import WorkflowTemplate
    from knows_registry.discover import Offer


def probe(
    entries: Iterable[Entry], permission: Permission, *, limit: float, now: Callable[[], float]
) -> tuple[dict[Entry, Verdict], dict[Entry, PluginNotPermitted]]:
    """Import every permitted entry in its own subprocess, as many at once as there are processors.

    With the verdicts come those that are not permitted. They have none: the next person may permit them.
    """
    objections = {entry: permission.objection(entry) for entry in entries}
    refused = {entry: error for entry, error in objections.items() if isinstance(error, PluginNotPermitted)}
    ordered = [entry for entry in objections if entry not in refused]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        reasons = pool.map(partial(_probe, limit=limit), ordered)
        verdicts = {entry: Verdict(reason, now()) for entry, reason in zip(ordered, reasons, strict=True)}
        return verdicts, refused


def _probe(entry: Entry, *, limit: float) -> str | None:
    """Why the entry cannot be used, or None."""
    with Apart("knows_registry.probe:answer", json.dumps(entry)) as child:
        outcome = child.outcome(limit)
    reason: str | None = outcome.answer
    return f"{outcome.failure} {WHILE_IMPORTED}" if outcome.failure else reason


# ------------------------------------------------------------------ in the child


def answer(tell: Callable[[str, Any], None], words: str) -> None:
    """Import an entry and tell the reason why it cannot be used, or null."""
    skip_pydantic_plugins()
    tell("answer", judge(Entry(*json.loads(words))))


def judge(entry: Entry) -> str | None:
    """Import one entry here, as a run would, and say why it cannot be used, or None; it was permitted before."""
    permission = Permission("any")
    try:
        if entry.group == TEMPLATES:
            offer = offer_of(entry)
            return _contradicted(offer, load_template(offer, entry, permission))
        plugin = plugin_of(entry)
        plugins = Plugins(Catalog(Found(plugins=(plugin,))), lambda: permission)
        _ = plugins.factory(plugin.key) if plugin.kind == "backend" else plugins.use(plugin)
    except KnowsError as error:
        return str(error.facts.get("reason", error))
    except BaseException as error:  # noqa: BLE001 - nobody is at the keyboard of the child
        return reason_of(error)
    return None


def _contradicted(offer: Offer, template: WorkflowTemplate) -> str | None:
    """How the manifest of a template differs from the template itself. Raises ManifestBroken."""
    told = manifest_profile(offer)
    if told is None:
        return None
    found = profile_of(definition_of(template))
    for what in ("contract", "shape"):
        if getattr(told, f"{what}_digest") != getattr(found, f"{what}_digest"):
            return f"its manifest tells another {what} than the template has"
    if told.flow not in (None, found.flow):
        return "its manifest tells of steps, types or state keys that the template does not have"
    if told.migrations not in (None, found.migrations):
        return "its manifest tells other migrations than the template has"
    return None
