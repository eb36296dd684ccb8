"""What is installed, as the rows of a lock: made for a composition, or compared with what a lock says already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_registry.composition import needs_of_profile, unpinned
from knows_registry.discover import KINDS
from knows_registry.locking.lock import NAME, REQUEST, Lock, LockedPlugin, LockedTemplate
from knows_registry.locking.lock_changes import changes
from knows_registry.manifests.manifest import manifest_profile
from knows_registry.permits.artifact import Artifact, artifact_of, damaged
from knows_registry.permits.errors_permission import listed, reinstalling
from knows_registry.permits.permission import as_recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from knows_registry.catalog import Catalog
    from knows_registry.composition import Composition
    from knows_registry.discover import Entry, Offer
    from knows_registry.manifests.profile import Profile
    from knows_registry.registry import Registry
    from knows_registry.resolving.resolve import Need, Slot

PINNED = tuple(kind for kind in KINDS if kind != "command")  # a run loads no command
RELOCK = f"`kwf lock` takes what is installed into {NAME}; or install what it says."
_NOTHING = Artifact("", "", "", editable=False)  # what a template registered at run time is part of


def lock_of(composition: Composition, registry: Registry) -> Lock:
    """The lock of a composition. Imports the templates that have no manifest.

    Raises what `Registry.profile` raises, and ArtifactChanged where files of a template are not as installed: the row
    would say of the release what only the altered code is.
    """
    for entry in {offer.entry.folder: offer.entry for offer in composition.offers.values() if offer.entry}.values():
        as_recorded(entry)
    artifacts = _Artifacts()
    wants = [(REQUEST, composition.request), *((str(slot), needs) for slot, needs in composition.needs.items())]
    rows = [
        _row(slot, offer, registry.profile(offer), artifacts.of(offer.entry), _who(slot, wants))
        for slot, offer in composition.offers.items()
    ]
    request = sorted(composition.request, key=lambda need: (need.slot, str(need.range)))
    return Lock(tuple(request), tuple(sorted(rows)), plugins_of(registry.catalog, artifacts))


def plugins_of(catalog: Catalog, artifacts: _Artifacts) -> tuple[LockedPlugin, ...]:
    """Every plugin that a run may load: hooks, backends, loaders. Nothing is imported."""
    return tuple(
        sorted(
            LockedPlugin(str(one), one.entry.distribution, one.entry.distribution_version, found.digest, found.editable)
            for one in catalog.sole_plugins(PINNED)
            for found in [artifacts.of(one.entry)]
        )
    )


class _Artifacts(dict[str, Artifact]):
    """The artifacts behind metadata folders, each looked at once: a distribution may offer hundreds of templates."""

    def __missing__(self, folder: str) -> Artifact:
        self[folder] = found = artifact_of(folder)
        return found

    def of(self, entry: Entry | None) -> Artifact:
        return self[entry.folder] if entry else _NOTHING


def _row(
    slot: Slot, offer: Offer, told: Profile, artifact: Artifact, required_by: tuple[tuple[str, str], ...]
) -> LockedTemplate:
    digests = (told.contract_digest, told.shape_digest, artifact.digest)
    return LockedTemplate(slot, offer.version, *_origin(offer.entry), *digests, artifact.editable, required_by)


def _origin(entry: Entry | None) -> tuple[str, str, str]:
    return (entry.distribution, entry.distribution_version, entry.value) if entry else ("", "", "")


def _who(slot: Slot, wants: Iterable[tuple[str, Iterable[Need]]]) -> tuple[tuple[str, str], ...]:
    """Who wants something in a slot, and which range."""
    return tuple(sorted({(user, str(need.range)) for user, needs in wants for need in needs if need.slot == slot}))


# ------------------------------------------------------------------ against a lock


class Difference(NamedTuple):
    """One thing that is not as a lock says, and what mends it."""

    told: str
    next_move: str = RELOCK


def next_moves(found: Iterable[Difference]) -> str:
    """What mends them all: files are brought back before anything is locked anew."""
    moves = dict.fromkeys(one.next_move for one in found)
    return " ".join(sorted(moves, key=lambda move: move == RELOCK))


class _Look(NamedTuple):
    """A row as it would be locked now; without `needs` its artifact is the locked one, and so vouches for the rest."""

    row: LockedTemplate
    needs: tuple[Need, ...] | None


def differences(lock: Lock, registry: Registry) -> list[Difference]:
    """What is installed that is not as the lock says, each in a sentence; nothing is resolved.

    A template is imported only where nothing else tells what it is: from an editable installation, or from one without
    RECORD that has no manifest. Raises LockedMissing, DuplicateTemplate, and what `Registry.profile` raises.
    """
    if any(not row.distribution for row in lock.templates):
        registry.ask_plugins()
    if missing := unpinned(lock, registry.catalog):
        raise missing
    offers = {row.slot: registry.catalog.offer(row.slot.name, row.version) for row in lock.templates}
    artifacts = _Artifacts()
    looks = [_look(row, offers[row.slot], registry, artifacts) for row in lock.templates]
    entries = [offer.entry for offer in offers.values() if offer.entry]
    pinned = {row.entry for row in lock.plugins}
    entries += [one.entry for one in registry.catalog.sole_plugins(PINNED) if str(one) in pinned]
    plugins = plugins_of(registry.catalog, artifacts)
    now = Lock(lock.request, tuple(_required(looks)), _acting(plugins, lock.plugins))
    before = lock._replace(plugins=_acting(lock.plugins, plugins))
    return [*compared(before, now), *map(Difference, _gaps(lock, looks)), *_damages(entries)]


def compared(lock: Lock, now: Lock) -> list[Difference]:
    """How a lock differs from what would be locked now."""
    return [Difference(str(one)) for one in changes(lock, now)]


def _acting(rows: Iterable[LockedPlugin], others: Iterable[LockedPlugin]) -> tuple[LockedPlugin, ...]:
    """The plugins that count for every run: all hooks. A backend or loader that only one side has counts when used."""
    shared = {one.entry for one in others}
    return tuple(one for one in rows if one.entry.startswith("hooks.") or one.entry in shared)


def _look(row: LockedTemplate, offer: Offer, registry: Registry, artifacts: _Artifacts) -> _Look:
    artifact = artifacts.of(offer.entry)
    told: Profile | None = None
    if not artifact.digest:
        told = registry.profile(offer)
    elif artifact.digest != row.artifact:  # other files are not imported only to say how they differ
        told = manifest_profile(offer)
    if told is not None:
        return _Look(_row(row.slot, offer, told, artifact, row.required_by), needs_of_profile(told))
    distribution, version, value = _origin(offer.entry)
    found = row._replace(distribution=distribution, distribution_version=version, entry_point=value)
    return _Look(found._replace(artifact=artifact.digest, editable=artifact.editable), None)


def _required(looks: Iterable[_Look]) -> Iterator[LockedTemplate]:
    """The rows, each with who wants it now: what is vouched for by its artifact wants what it wanted."""
    asked = {str(look.row.slot): look.needs for look in looks if look.needs is not None}
    for look in looks:
        kept = {(user, wanted) for user, wanted in look.row.required_by if user not in asked}
        yield look.row._replace(required_by=tuple(sorted(kept.union(_who(look.row.slot, asked.items())))))


def _gaps(lock: Lock, looks: Iterable[_Look]) -> Iterator[str]:
    """What is wanted now and the lock does not have, or not in the range."""
    for row, needs in looks:
        for need in needs or ():
            version = lock.versions.get(need.slot)
            if version is None or version not in need.range:
                found = "does not have" if version is None else f"has in version {version}"
                yield f"{row.slot} {row.version} uses {need.slot} {need.range}, which the lock {found}"


def _damages(entries: Iterable[Entry]) -> Iterator[Difference]:
    for one in {one.folder: one for one in entries}.values():
        if files := damaged(one.folder):
            told = f"{one.distribution} {one.distribution_version}: {listed(files)} not as its RECORD says"
            yield Difference(told, reinstalling(one))
