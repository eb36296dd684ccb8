"""Importing the object behind one entry point, so that whatever its module does costs only itself."""

from __future__ import annotations

import importlib
from functools import reduce
from typing import TYPE_CHECKING, Any

from knows_core import KnowsError, PluginBroken, TemplateBroken, Version
from knows_core.journals.envelope import safe_text
from knows_registry.guard import Left, asked_for, staying

if TYPE_CHECKING:
    from knows_core import WorkflowTemplate
    from knows_registry.discover import Entry, Offer, Plugin
    from knows_registry.permits.permission import Permission

_METHODS = ("execute", "validate", "get_required_state")


def load_template(offer: Offer, entry: Entry, permission: Permission) -> WorkflowTemplate:
    """The template that an installed offer names by its entry point, once permission to import it is given.

    Raises TemplateBroken, or what `Permission.demand` raises.
    """
    permission.demand(entry)
    reference = f"{offer} of {entry.source}"
    try:
        template: WorkflowTemplate = _import(entry)
        reason = _mismatch(template, offer) or unusable(template)
    except BaseException as error:
        if asked_for(error):
            raise
        raise TemplateBroken(reference=reference, reason=reason_of(error)) from error
    if reason:
        raise TemplateBroken(reference=reference, reason=reason)
    return template


def load_plugin(plugin: Plugin, permission: Permission) -> object:
    """The object that a plugin's entry point names, as it is, once permission to import it is given.

    Raises PluginBroken, or what `Permission.demand` raises.
    """
    permission.demand(plugin.entry)
    try:
        return _import(plugin.entry)
    except BaseException as error:
        if asked_for(error):
            raise
        raise broken(plugin, reason_of(error)) from error


def broken(plugin: Plugin, reason: str) -> PluginBroken:
    """The error of a plugin that cannot be used."""
    return PluginBroken(plugin=str(plugin), distribution=plugin.entry.distribution, reason=reason)


def reason_of(error: BaseException) -> str:
    """Type and first line of a foreign error."""
    if isinstance(error, Left):
        return str(error)
    lines = safe_text(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def lacking(template: object) -> list[str]:
    """The methods of a workflow template that an object does not have; a class has none, its instances may."""
    if isinstance(template, type):
        return list(_METHODS)
    return [method for method in _METHODS if not callable(getattr(template, method, None))]


def unusable(template: WorkflowTemplate) -> str:
    """Why an object cannot be run as a template although it can be had, or an empty text."""
    if missing := lacking(template):
        found = f"the class {template.__name__}" if isinstance(template, type) else type(template).__name__
        return f"expected a workflow template with {', '.join(missing)}, found {found}"
    from knows_core.template import definition_of  # who has a template at hand has this room too

    try:
        definition_of(template)
    except KnowsError as error:
        return str(error)
    except BaseException as error:
        if asked_for(error):
            raise
        return f"its validate() or get_required_state() cannot be used: {reason_of(error)}"
    return ""


def _import(entry: Entry) -> Any:
    with staying():
        module = importlib.import_module(entry.module)
    return reduce(getattr, entry.attribute.split("."), module) if entry.attribute else module


def _mismatch(template: object, offer: Offer) -> str:
    """How the name and version of a template differ from what its entry point promised, or an empty text."""
    if lacking(template):
        return ""  # `unusable` says more
    name, version = getattr(template, "name", None), getattr(template, "version", None)
    if name == offer.name and Version(str(version)) == offer.version:
        return ""
    return f"the entry point says {offer}, the template says {name}@{version}"
