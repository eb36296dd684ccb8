"""A registry that resolves nothing: every template is the one that a lock names."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from knows_core import Requirement
from knows_core.journals.opening import scheme_of
from knows_registry.locking.errors_lock import LockMissing, LockStale
from knows_registry.locking.lock import Lock, in_force, need_text
from knows_registry.manifests.manifest import ManifestBroken, manifest_profile
from knows_registry.manifests.manifest_place import manifest_file
from knows_registry.permits.artifact import artifact_of
from knows_registry.pins import compared, differences, next_moves
from knows_registry.registry import Registry
from knows_registry.resolving.resolve import Slot

if TYPE_CHECKING:
    from pathlib import Path

    from knows_core import StateBackend, WorkflowTemplate
    from knows_core.template import Definition
    from knows_registry.discover import Offer
    from knows_registry.locking.lock import LockedTemplate
    from knows_registry.manifests.profile import Profile
    from knows_registry.pins import Difference

_MANY = 5  # differences that a sentence names


def demanded(folder: Path | None = None) -> Lock:
    """The lock in force. Raises LockMissing where there is none, and LockBroken."""
    lock = in_force(folder)
    if lock is None:
        raise LockMissing(folder=folder or "the working folder")
    return lock


def stale(found: list[Difference]) -> LockStale:
    """The error of a lock that does not hold any more."""
    told = [one.told for one in found]
    more = f"; and {len(found) - _MANY} more, see `kwf lock --check`" if len(found) > _MANY else ""
    return LockStale(differences="; ".join(told[:_MANY]) + more, hint=next_moves(found))


class LockingRegistry(Registry):
    """What locks are made of and compared with: no manifest vouches for files that are edited where they lie."""

    def profile(self, offer: Offer) -> Profile:
        """What is known of an offer; of an editable installation the code tells it. Raises what `load` raises."""
        if offer not in self._profiles and offer.entry and artifact_of(offer.entry.folder).editable:
            self._profiles[offer] = self.coded(offer)
        return super().profile(offer)


class LockedRegistry(LockingRegistry):
    """What a lock pins, each template in its slot; nothing else is found.

    Raises LockStale where something is asked for that the lock does not have, or has in another version, and where the
    code that was loaded is not what the lock says; ManifestBroken where the lock has that from a manifest.
    """

    def __init__(self, lock: Lock, **options: Any) -> None:
        super().__init__(lock=lock, **options)
        self.pinned = lock
        self._rows = {row.slot: row for row in lock.templates}
        self._confirmed: set[Slot] = set()

    def verify(self) -> None:
        """Compare the lock with what is installed. Raises LockStale, LockedMissing, and what loading raises."""
        if found := differences(self.pinned, self):
            raise stale(found)

    def find(self, requirement: Requirement | str) -> WorkflowTemplate:
        """The template in the slot that everybody shares."""
        wanted = Requirement.parse(requirement) if isinstance(requirement, str) else requirement
        return self._pinned(wanted, Slot(wanted.name), f"{wanted} is asked for")

    def composed(self, definition: Definition) -> LockedRegistry:
        """Every composition is the lock's."""
        del definition
        return self

    def take(self, wanted: Requirement, alias: str, user: str) -> WorkflowTemplate:
        """The template in the slot of a use."""
        slot = Slot(wanted.name, alias, user) if alias else Slot(wanted.name)
        return self._pinned(wanted, slot, f"{user} uses {slot} {wanted.range}")

    def backend(self, url: str) -> StateBackend:
        """Open the state backend of a URL, if its plugin is pinned. Raises LockStale, and what opening it raises."""
        scheme = scheme_of(url)
        installed, entry = self.catalog.plugin("backend", scheme), f"backend.{scheme}"
        row = next((row for row in self.pinned.plugins if row.entry == entry), None)
        if installed is not None and row is None:
            told = f"the run uses {entry} of {installed.entry.distribution}, and it has no such plugin"
            raise LockStale(differences=told, hint="`kwf lock` takes it in.")
        if installed is None and row is not None:
            told = f"the run uses {entry} of {row.distribution} {row.distribution_version}, which is not installed"
            raise LockStale(differences=told, hint=f"`pip install '{row.distribution}=={row.distribution_version}'`.")
        return super().backend(url)

    def _pinned(self, wanted: Requirement, slot: Slot, asked: str) -> WorkflowTemplate:
        row = self._rows.get(slot)
        if row is None or row.version not in wanted.range:
            found = row.version if row is not None else "none"
            raise LockStale(differences=f"{asked}, and it has {found}", hint=self._hint(wanted))
        offer = self.catalog.offer(slot.name, row.version)
        template = self.load(offer)
        if slot not in self._confirmed:
            _confirm(row, offer, self.coded(offer))
            self._confirmed.add(slot)
        return template

    def _hint(self, wanted: Requirement) -> str:
        others = [need_text(need) for need in self.pinned.request if need.slot.name != wanted.name]
        line = shlex.join(["kwf", "lock", *others, str(wanted)])
        return f"`{line}` takes it in; a file that uses it is named as FILE.py:object."


def _confirm(row: LockedTemplate, offer: Offer, found: Profile) -> None:
    """Raise LockStale unless the code that was loaded is what its row says, ManifestBroken where a manifest lied."""
    now = row._replace(contract=found.contract_digest, shape=found.shape_digest)
    if now == row:
        return
    told = manifest_profile(offer)
    if told is None or offer.entry is None or (told.contract_digest, told.shape_digest) != (row.contract, row.shape):
        raise stale(compared(Lock((), (row,), ()), Lock((), (now,), ())))
    parts = [f"another {part}" for part in ("contract", "shape") if getattr(now, part) != getattr(row, part)]
    reason = f"it tells {' and '.join(parts)} of {offer} than its code has"
    raise ManifestBroken(file=manifest_file(offer.entry), distribution=row.distribution, reason=reason)
