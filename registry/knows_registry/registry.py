"""The registry: a value that knows what is installed and what was registered, and loads what is asked for."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload
from weakref import WeakKeyDictionary

from knows_core import Requirement, TemplateNotFound
from knows_registry.catalog import Catalog
from knows_registry.discover import Offer, discover, unreadable
from knows_registry.guard import skip_pydantic_plugins
from knows_registry.loading import load_template
from knows_registry.locking.lock import Lock, in_force
from knows_registry.manifests.manifest import ManifestBroken, manifest_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from knows_core import LocalEngine, StateBackend, Version, WorkflowSettings, WorkflowTemplate
    from knows_core.template import Composed, Definition
    from knows_registry.composition import Chosen, Composition
    from knows_registry.discover import Fault
    from knows_registry.manifests.profile import Profile
    from knows_registry.permits.permission import Permission
    from knows_registry.plugins import Plugins
    from knows_registry.resolving.resolve import Need, Slot

_T = TypeVar("_T")


class Registry:
    """What is installed on `paths` (default: `sys.path`), as it stood at the first question.

    It is a `Templates`: engines and linkers ask it for templates with `find`. `lock` holds versions fast; the default
    is the `knows.lock` of the working folder, if there is one when it is first needed. `permission` says what may be
    imported, by default as the settings and the lock have it; `notice` gets the sentence that there is nothing to
    compare a plugin with.
    """

    def __init__(
        self,
        *,
        paths: Iterable[str] | None = None,
        lock: Lock | Path | None = Path(),
        permission: Permission | None = None,
        notice: Callable[[str], object] | None = None,
    ) -> None:
        self._paths = None if paths is None else list(paths)
        self._lock = lock
        self._permission = permission
        self._notice = notice
        self._loaded: dict[Offer, Any] = {}
        self._profiles: dict[Offer, Profile] = {}
        self._composed: WeakKeyDictionary[Definition, Chosen] = WeakKeyDictionary()

    @cached_property
    def catalog(self) -> Catalog:
        """Names, versions and keys, without a single import."""
        found = discover(self._paths)
        if self._paths is None and unreadable(found):
            # pydantic would fail on such a line whoever imports it. Only then: else the plugins that the program of a
            # person has for pydantic are theirs to use.
            skip_pydantic_plugins()
        return Catalog(found, lambda entry: self.lock.distributions.get(entry) if self.lock else None)

    @cached_property
    def lock(self) -> Lock | None:
        """The lock in force. Raises LockBroken."""
        if not isinstance(self._lock, Path):
            return self._lock
        return in_force(self._lock)

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins in use; what a program registers with `plugins.pluggy` is asked before the installed ones."""
        from knows_registry.plugins import Plugins  # pluggy costs more than finding a template does

        return Plugins(self.catalog, lambda: self.permission)

    @property
    def permission(self) -> Permission:
        """What may be imported. Raises ConfigError for settings that cannot be read, LockBroken."""
        if self._permission is None:
            from knows_core.settings import load_settings  # pydantic, which a registry without plugins does not need

            self._permission = self._permitted_by(load_settings())
        return self._permission

    @overload
    def register(self, template: _T, name: str | None = None, version: str | None = None) -> _T: ...
    @overload
    def register(self, *, name: str | None = None, version: str | None = None) -> Callable[[_T], _T]: ...
    def register(self, template: Any = None, name: str | None = None, version: str | None = None) -> Any:
        """Offer a template made at run time beside the installed ones; also a decorator, with or without arguments.

        Takes a template, a class of templates that needs no arguments, a flow, or a function as its only step, and
        gives back what it took. `name` and `version` default to the template's own; where they differ, a copy that
        carries them is offered, so that runs remember the name by which they can be found again. Nothing is shadowed.
        Raises ConfigError for an object that is no template or ends up without a name and version, InvalidVersion, and
        DuplicateTemplate where they are taken.
        """
        if template is None:
            return partial(self.register, name=name, version=version)
        from knows_registry.registered import named, offer_of_template, template_of  # for those who register

        made = template_of(template, name, version)
        offer = offer_of_template(made, name, version)
        if self._loaded.get(offer) is not made:
            self.catalog.add(offer)
            self._loaded[offer] = named(made, offer)
            self._composed.clear()
        return template

    def find(self, requirement: Requirement | str) -> WorkflowTemplate:
        """Load the version that satisfies `name` or `name@range` together with all that it uses.

        That is the locked one, or else the newest. Raises TemplateNotFound, Unsatisfiable, DuplicateTemplate,
        TemplateBroken, LockBroken, PluginNotPermitted, PluginBroken or InvalidVersion.
        """
        return self.load(self.offer(requirement))

    def offer(self, requirement: Requirement | str) -> Offer:
        """What `find` would load; only what has no manifest is imported to choose it. Raises what `find` raises."""
        wanted = Requirement.parse(requirement) if isinstance(requirement, str) else requirement
        if not self.catalog.versions(wanted.name):  # a plugin may make it; what is installed can do without asking
            for fault in self.ask_plugins():
                _warn(fault)
        try:
            matching = self.catalog.matching(wanted)
        except TemplateNotFound as error:
            raise self._missing(error) from None
        if wanted.range.text == str(matching[0]):  # what it uses is the linker's question
            return self.catalog.find(wanted)
        from knows_registry.composition import need_of

        need = need_of(wanted)
        if len(matching) == 1:
            offer = self.catalog.find(wanted)
            told = _told(offer)
            if not (told and told.yanked):  # whether one may have it all the same, is the resolver's to say
                self._hold({need.slot: offer})
                return offer
        return self._held([need]).offers[need.slot]

    def load(self, offer: Offer) -> WorkflowTemplate:
        """The template of an offer, imported at the first time. Raises what `load_template` raises."""
        if offer.entry and offer not in self._loaded:
            self._loaded[offer] = load_template(offer, offer.entry, self.permission)
        template: WorkflowTemplate = self._loaded[offer]
        return template

    def profile(self, offer: Offer) -> Profile:
        """What is known of an offer: from its manifest, else by importing it. Raises what `load` raises."""
        if offer not in self._profiles:
            self._profiles[offer] = manifest_profile(offer) or self.coded(offer)
        return self._profiles[offer]

    def coded(self, offer: Offer) -> Profile:
        """What the code of an offer is, whatever its manifest tells. Raises what `load` raises."""
        from knows_core.template import definition_of  # whoever imports a template has it
        from knows_registry.manifests.profile import profile_of

        return profile_of(definition_of(self.load(offer)))

    def compose(self, request: Iterable[Need], *, preferred: Mapping[Slot, Version] | None = None) -> Composition:
        """Choose a version in every slot that a request needs; `preferred` defaults to what the lock holds.

        Imports only what has no manifest. Raises Unsatisfiable and what `profile` raises.
        """
        from knows_registry.composition import Installed, compose

        if preferred is None:
            preferred = self.lock.versions if self.lock else {}
        installed = Installed(self.catalog, _told, self.profile, self.lock)
        return compose(request, installed, self.catalog, preferred)

    def composed(self, definition: Definition) -> Composed:
        """What everything that a template uses comes to, for the linker. Raises what `compose` raises."""
        chosen = self._composed.get(definition)
        if chosen is None:
            from knows_registry.composition import Chosen, request_of

            chosen = Chosen(self._held(request_of(definition, self._loaded)), self.load)
            self._composed[definition] = chosen
        return chosen

    def ask_plugins(self) -> list[Fault]:
        """Let hook plugins register the templates that they make, each once; what is broken about that is given back.

        Engines do it first of all, and `find` before it gives up on a name.
        """
        if "plugins" not in self.__dict__ and not self.catalog.keys("hooks"):
            return []  # nobody could make any, and pluggy costs more than finding a template does
        return self.plugins.offer_templates(self)

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

        A hook plugin that is broken or not permitted is left out; the logger `knows_registry` warns of it, once.
        """
        plugins = self.plugins  # first of all: looking at the metadata may have to save pydantic, see `catalog`
        from knows_core import LocalEngine  # pydantic and threads; finding templates needs neither
        from knows_core.settings import load_settings

        settings = settings or load_settings()
        if self._permission is None:
            self._permission = self._permitted_by(settings)
        for fault in self.ask_plugins():
            _warn(fault)
        url = settings.state_backend if settings.state_persistence else None
        backend = self.backend(url) if url is not None else None
        return LocalEngine(backend, templates=self, hooks=plugins.manager(), limits=settings.limits())

    def _permitted_by(self, settings: WorkflowSettings) -> Permission:
        from knows_registry.permits.permission import permission_of  # whoever imports nothing needs none

        return permission_of(settings, lambda: self.lock, notice=self._notice)

    def _held(self, request: Iterable[Need]) -> Composition:
        """A composition in which nothing stands in for what the lock pins and is not installed."""
        from knows_registry.permits.errors_permission import PluginNotPermitted
        from knows_registry.resolving.resolve import Unsatisfiable

        try:
            composition = self.compose(request)
        except (Unsatisfiable, PluginNotPermitted) as error:  # what would stand in for it may not be permitted
            raise self._missing(error) from None
        self._hold(composition.offers)
        return composition

    def _hold(self, offers: Mapping[Slot, Offer]) -> None:
        if self.lock is not None:
            from knows_registry.composition import unpinned

            if missing := unpinned(self.lock, self.catalog, offers):
                raise missing

    def _missing(self, error: Exception) -> Exception:
        """The error of something that cannot be had, or the line that installs it where the lock knows that."""
        if self.lock is None:
            return error
        from knows_registry.composition import unpinned

        return unpinned(self.lock, self.catalog) or error


def _told(offer: Offer) -> Profile | None:
    """What a manifest tells of an offer, if it does; a broken one costs only those who need what it would tell."""
    try:
        return manifest_profile(offer)
    except ManifestBroken:
        return None


def _warn(fault: Fault) -> None:
    import logging  # only where a plugin is broken

    sentence = "plugin %s of %s is left out: %s"
    logging.getLogger("knows_registry").warning(sentence, fault.entry, fault.distribution, fault.reason)
