"""The errors of what is installed: templates and plugins that are not there, broken, or there twice."""

from __future__ import annotations

from knows_core.errors import RegistryError


class TemplateNotFound(RegistryError, LookupError):
    """Nothing of that name, or no version of it in the range, is installed."""

    code = "template-not-found"
    sentence = "no template satisfies {requirement}: {found}"
    remedy = "`kwf list` shows what is installed."


class TemplateBroken(RegistryError, ImportError):
    """A template or its module could not be loaded."""

    code = "template-broken"
    sentence = "{reference} cannot be loaded: {reason}"
    remedy = "`kwf plugins check` shows every broken plugin."


class DuplicateTemplate(RegistryError):
    """Two distributions claim one name and version; nothing is chosen silently."""

    code = "duplicate-template"
    sentence = "{name}@{version} is claimed by {claimants}"
    remedy = "Uninstall all but one of them."


class PluginBroken(RegistryError, ImportError):
    """A plugin that was asked for could not be imported."""

    code = "plugin-broken"
    sentence = "plugin {plugin} of {distribution} cannot be used: {reason}"
    remedy = "Update or uninstall {distribution}; everything else works without it."
