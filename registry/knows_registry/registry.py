"""The registry: a value that knows what is installed and what was registered, and loads what is asked for."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from knows_core import ConfigError, Requirement, Version
from knows_registry.catalog import Catalog
from knows_registry.discover import Offer, discover, unreadable
from knows_registry.guard import skip_pydantic_plugins
from knows_registry.loading import lacking, load_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_core import LocalEngine, StateBackend, WorkflowSettings, WorkflowState, WorkflowTemplate
    from knows_registry.discover import Fault
    from knows_registry.plugins import Plugins

_UNNAMED = ("pipeline", "0.0.0")  # what a PipelineWorkflow is called while nobody names it


class Registry:
    """What is installed on `paths` (default: `sys.path`), as it stood at the first question.

    It is a `Templates`: engines and linkers ask it for templates with `find`.
    """

    def __init__(self, *, paths: Iterable[str] | None = None) -> None:
        self._paths = None if paths is None else list(paths)
        self._loaded: dict[Offer, Any] = {}

    @cached_property
    def catalog(self) -> Catalog:
        """Names, versions and keys, without a single import."""
        found = discover(self._paths)
        if self._paths is None and unreadable(found):
            # pydantic would fail on such a line whoever imports it. Only then: else the plugins that the program of a
            # person has for pydantic are theirs to use.
            skip_pydantic_plugins()
        return Catalog(found)

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins in use; what a program registers with `plugins.pluggy` is asked before the installed ones."""
        from knows_registry.plugins import Plugins  # pluggy costs more than finding a template does

        return Plugins(self.catalog)

    def register(self, template: WorkflowTemplate, name: str | None = None, version: str | None = None) -> None:
        """Offer a template made at run time beside the installed ones.

        `name` and `version` default to the template's own; where they differ, a copy that carries them is offered, so
        that runs remember the name by which they can be found again. Raises ConfigError for an object that is no
        template or ends up without a name and version, InvalidVersion, and DuplicateTemplate where they are taken.
        """
        if missing := lacking(template):
            raise ConfigError(name="template", expected=f"an object with {', '.join(missing)}", found=template)
        own = (getattr(template, "name", None), getattr(template, "version", None))
        offer = _offer(template, name or own[0], version or own[1])
        if self._loaded.get(offer) is template:
            return
        self.catalog.add(offer)
        self._loaded[offer] = template if own == (offer.name, str(offer.version)) else _named(template, offer)

    def find(self, requirement: Requirement | str) -> WorkflowTemplate:
        """Load the highest version that satisfies `name` or `name@range`.

        Raises TemplateNotFound, DuplicateTemplate, TemplateBroken or InvalidVersion.
        """
        wanted = Requirement.parse(requirement) if isinstance(requirement, str) else requirement
        offer = self.catalog.find(wanted)
        if offer.entry and offer not in self._loaded:
            self._loaded[offer] = load_template(offer, offer.entry)
        template: WorkflowTemplate = self._loaded[offer]
        return template

    def offers(self) -> list[Offer]:
        """Every template by name, the newest version first."""
        return self.catalog.offers()

    def faults(self) -> list[Fault]:
        """What metadata alone shows to be broken. A module that cannot be imported shows in `kwf plugins check`."""
        return self.catalog.faults()

    def backend(self, url: str) -> StateBackend:
        """Open the state backend of a URL such as `sqlite:///runs.db`.

        Raises ConfigError, UnknownScheme, PluginBroken, DuplicatePlugin, or what the backend says about its URL.
        """
        return self.plugins.backend(url)

    def engine(self, settings: WorkflowSettings | None = None) -> LocalEngine:
        """A local engine with these templates, the installed hook plugins and the backend that the settings name.

        A hook plugin that is broken is left out; the logger `knows_registry` warns of it, once.
        """
        plugins = self.plugins  # first of all: looking at the metadata may have to save pydantic, see `catalog`
        from knows_core import LocalEngine  # pydantic and threads; finding templates needs neither
        from knows_core.settings import load_settings

        settings = settings or load_settings()
        for fault in plugins.load("hooks"):
            _warn(fault)
        url = settings.state_backend if settings.state_persistence else None
        backend = self.backend(url) if url is not None else None
        return LocalEngine(backend, templates=self, hooks=plugins.manager(), limits=settings.limits())


def _warn(fault: Fault) -> None:
    import logging  # only where a plugin is broken

    sentence = "plugin %s of %s is left out: %s"
    logging.getLogger("knows_registry").warning(sentence, fault.entry, fault.distribution, fault.reason)


def _offer(template: WorkflowTemplate, name: str | None, version: str | None) -> Offer:
    if not (name and version) or (name, str(version)) == _UNNAMED:
        raise ConfigError(name="register", expected="a template with a name and a version", found=template)
    return Offer(Requirement(name).name, Version(str(version)))


def _named(template: WorkflowTemplate, offer: Offer) -> WorkflowTemplate:
    """The template under the name and version it is offered by."""
    from knows_core import PipelineWorkflow  # who gets here has a template at hand, and so this room loaded

    if not isinstance(template, PipelineWorkflow):
        return _Named(template, offer)
    named = copy(template)
    named.definition = replace(template.definition, name=offer.name, version=offer.version)
    return named


class _Named:
    """A foreign template with the name and version that it was registered by."""

    def __init__(self, template: WorkflowTemplate, offer: Offer) -> None:
        self._template = template
        self.name = offer.name
        self.version = str(offer.version)

    def execute(self, state: WorkflowState) -> Any:
        """Run the foreign template."""
        return self._template.execute(state)

    def validate(self) -> bool:
        """Ask the foreign template whether it can run."""
        return self._template.validate()

    def get_required_state(self) -> list[str]:
        """Ask the foreign template which keys must have a value."""
        return self._template.get_required_state()
