"""What a request came to: an offer in every slot, chosen for the whole composition at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_core import Requirement, TemplateNotFound
from knows_core.flow import Use
from knows_core.flows.paths import placed
from knows_core.linking import given
from knows_core.template import definition_of
from knows_core.version import VersionRange
from knows_registry.locking.errors_lock import LockedMissing
from knows_registry.resolving.resolve import Candidate, Need, Slot, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from knows_core import Version, WorkflowTemplate
    from knows_core.template import Definition
    from knows_registry.catalog import Catalog
    from knows_registry.discover import Offer
    from knows_registry.locking.lock import Lock, LockedTemplate
    from knows_registry.manifests.profile import Profile


class Composition(NamedTuple):
    """The offer in every slot, what each of them needs, and the request. Slots are in their order."""

    request: tuple[Need, ...]
    offers: Mapping[Slot, Offer]
    needs: Mapping[Slot, tuple[Need, ...]]


class Installed:
    """What the resolver asks, answered by what is installed and was registered.

    `manifest` reads what a manifest tells of an offer, `profile` imports where there is none.
    """

    def __init__(
        self,
        catalog: Catalog,
        manifest: Callable[[Offer], Profile | None],
        profile: Callable[[Offer], Profile],
        lock: Lock | None,
    ) -> None:
        self._catalog = catalog
        self._manifest = manifest
        self._profile = profile
        self._lock = lock
        self._needs: dict[Offer, tuple[Need, ...]] = {}

    def candidates(self, name: str) -> Sequence[Candidate]:
        """Every version of a template; manifests alone carry notices, so that nothing is imported for them."""
        return [self._candidate(name, version) for version in self._catalog.versions(name)]

    def _candidate(self, name: str, version: Version) -> Candidate:
        claimants = self._catalog.claimants(name, version)
        told = self._manifest(claimants[0]) if len(claimants) == 1 else None
        return Candidate(version, told.yanked, told.deprecated) if told else Candidate(version)

    def needs(self, name: str, version: Version) -> tuple[Need, ...]:
        """What one version uses. Raises DuplicateTemplate, and what loading a template without a manifest raises."""
        offer = self._catalog.offer(name, version)
        if offer not in self._needs:
            self._needs[offer] = needs_of_profile(self._profile(offer))
        return self._needs[offer]

    def hint(self, name: str) -> str:
        """The line that installs what the lock names."""
        row = next((row for row in self._lock.templates if row.slot.name == name), None) if self._lock else None
        return f"{install_line(row)} brings it, as knows.lock says" if row else ""


def compose(
    request: Iterable[Need], installed: Installed, catalog: Catalog, preferred: Mapping[Slot, Version]
) -> Composition:
    """Resolve a request among what is installed. Raises Unsatisfiable, and what `Installed.needs` raises.

    A run begins with one version of its template and composes what that uses. So that a lock says the same, the
    versions that the request came to are composed once more as a request of their own.
    """
    wanted = tuple(request)
    first = resolve(wanted, installed, preferred=preferred)
    exact = [Need(need.slot, VersionRange(str(first[need.slot]))) for need in wanted]
    chosen = resolve(exact, installed, preferred=preferred)
    offers = {slot: catalog.offer(slot.name, version) for slot, version in chosen.items()}
    needs = {slot: installed.needs(slot.name, version) for slot, version in chosen.items()}
    return Composition(wanted, offers, needs)


class Chosen:
    """The templates of one composition, as the linker takes them."""

    def __init__(self, composition: Composition, load: Callable[[Offer], WorkflowTemplate]) -> None:
        self.composition = composition
        self._load = load

    def take(self, wanted: Requirement, alias: str, user: str) -> WorkflowTemplate:
        """The template in the slot of a use."""
        offer = self.composition.offers.get(_slot(wanted.name, alias, user))
        if offer is None:
            raise TemplateNotFound(
                requirement=str(wanted), found=f"{user} uses it, and neither its manifest nor the lock says so"
            )
        return self._load(offer)


def unpinned(lock: Lock, catalog: Catalog, offers: Mapping[Slot, Offer] | None = None) -> LockedMissing | None:
    """The first version that the lock pins and nobody offers, of all or of those that others stand in for."""
    for row in lock.templates:
        stands_in = offers is None or (row.slot in offers and offers[row.slot].version != row.version)
        if stands_in and not catalog.claimants(row.slot.name, row.version):
            return LockedMissing(
                template=f"{row.slot.name}@{row.version}",
                name=row.slot.name,
                distribution=row.distribution,
                distribution_version=row.distribution_version,
            )
    return None


def request_of(definition: Definition, loaded: Mapping[Offer, WorkflowTemplate]) -> list[Need]:
    """What a run of a template asks for: its own version where it is an offer, else what it uses."""
    if any(definition_of(template) is definition for template in loaded.values()):
        return [Need(Slot(definition.name), VersionRange(str(definition.version)))]
    return needs_of(definition)


def needs_of(definition: Definition) -> list[Need]:
    """What a template uses by name; the templates that were given to it as objects are a part of it."""
    uses = [node for _, node, _ in placed(given(definition.flow)) if isinstance(node, Use) and node.wanted is not None]
    return [
        Need(_slot(one.wanted.name, one.alias or "", definition.name), one.wanted.range) for one in uses if one.wanted
    ]


def needs_of_profile(profile: Profile) -> tuple[Need, ...]:
    """What a template uses by name, as its profile tells."""
    return tuple(Need(_slot(one.name, one.alias, profile.name), VersionRange(one.range)) for one in profile.uses)


def need_of(requirement: Requirement) -> Need:
    """What a person asks for."""
    return Need(Slot(requirement.name), requirement.range)


def install_line(row: LockedTemplate) -> str:
    """The command that installs what a row of the lock pins."""
    return f"`pip install {row.distribution}=={row.distribution_version}`"


def _slot(name: str, alias: str, user: str) -> Slot:
    return Slot(name, alias, user) if alias else Slot(name)
