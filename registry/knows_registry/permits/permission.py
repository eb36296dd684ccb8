"""Whether a plugin may be imported: listing is free, importing is a permission.

What is compared are files with their record, and records with a lock or a list that a person wrote: against drift,
mix-ups and names that look alike. Whoever can write into the site folder can do anything there, and is not kept out.
"""

from __future__ import annotations

import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from knows_registry.discover import versions_on
from knows_registry.locking.lock import NAME
from knows_registry.permits.artifact import Artifact, artifact_of, damaged, files
from knows_registry.permits.core_bound import OURS as BOUNDS
from knows_registry.permits.core_bound import unmet_bound
from knows_registry.permits.errors_permission import (
    ArtifactChanged,
    PluginNotPermitted,
    RequirementUnmet,
    listed,
    reinstalling,
)
from knows_registry.permits.stray import stray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knows_core import KnowsError, WorkflowSettings
    from knows_registry.discover import Entry
    from knows_registry.locking.lock import Lock, LockedPlugin, LockedTemplate
    from knows_registry.permits.allowed import Allowed

MODES = ("lock", "allow", "any")
OURS = frozenset(("knows-core", "knows-registry", "knows-sqlite"))  # what `pip install knows-workflows` brings


class Named(NamedTuple):
    """What a lock or the list says of a distribution."""

    version: str
    digest: str
    editable: bool


class Permission:
    """What may be imported under a mode (`lock`, `allow`, `any`; None: `lock` where there is one, else `any`).

    `allowed` is the list of permitted distributions; None: the user's own, read when it is first asked. `notice` gets
    one sentence, once, when something is imported that nothing was compared with, though nobody chose `any`.
    """

    def __init__(
        self,
        mode: str | None = None,
        *,
        lock: Lock | None = None,
        allowed: Mapping[str, Allowed] | None = None,
        notice: Callable[[str], object] | None = None,
    ) -> None:
        self.mode = mode or ("lock" if lock is not None else "any")
        self.lock = lock
        self._allowed = allowed
        self._notice = notice if mode is None else None
        self._told = threading.Lock()
        self._known: dict[str, tuple[Artifact, list[str]]] = {}

    def refusal(self, entry: Entry) -> str | None:
        """Why an entry may not be imported, as a sentence without its next move; None where it may.

        Raises AllowListBroken.
        """
        error = self.objection(entry)
        return str(error).removesuffix(f". {error.next_move}") if error else None

    def demand(self, entry: Entry) -> None:
        """Raise unless an entry may be imported; called right before the import.

        Raises PluginNotPermitted, ArtifactChanged, RequirementUnmet (a PluginBroken), or AllowListBroken.
        """
        if error := self.objection(entry):
            raise error
        if self.mode == "any" and entry.distribution not in OURS:
            self._tell(entry)

    def objection(self, entry: Entry) -> KnowsError | None:
        """The error that `demand` raises, if any."""
        if unmet := unmet_bound(entry.folder, self._installed):
            requirement, found = unmet
            reason = f"it requires {requirement}, found {found}"
            facts = {"plugin": entry.name, "distribution": entry.distribution, "reason": reason}
            return RequirementUnmet(**facts, requirement=requirement, found=found)
        if self.mode == "any" or entry.distribution in OURS:
            return None
        named = self._named(entry.distribution)
        return self._not_permitted(entry) if named is None else self._changed(entry, named)

    @cached_property
    def _installed(self) -> dict[str, str]:
        return versions_on(sys.path, BOUNDS)

    # ------------------------------------------------------------------ against the lock or the list

    def _named(self, distribution: str) -> Named | None:
        if self.mode == "lock":
            locked = self.lock
            rows: list[LockedTemplate | LockedPlugin] = [*locked.templates, *locked.plugins] if locked else []
            found = (row for row in rows if row.distribution == distribution)
            return next((Named(row.distribution_version, row.artifact, row.editable) for row in found), None)
        if self._allowed is None:
            from knows_registry.permits.allowed import read as allowed  # JSON and platformdirs, in this mode alone

            self._allowed = allowed()
        found_one = self._allowed.get(distribution)
        return Named(*found_one) if found_one else None

    def _not_permitted(self, entry: Entry) -> PluginNotPermitted:
        if self.mode == "allow":
            reason = "the list of permitted distributions does not name it"
            hint = f"`kwf plugins allow {entry.distribution}` permits it as it is now."
        elif self.lock is None:
            reason = f'the setting plugins is "lock", and there is no {NAME}'
            hint = "`kwf lock` writes one that names what you use."
        else:
            reason = f"{NAME} does not name {entry.distribution}"
            hint = "`kwf lock` takes it in, if what you lock needs it."
        return PluginNotPermitted(**_facts(entry), reason=reason, hint=hint)

    def _changed(self, entry: Entry, named: Named) -> ArtifactChanged | PluginNotPermitted | None:
        artifact, altered = self._artifact(entry.folder)
        if (artifact.digest, artifact.editable) != named[1:] or _other_version(artifact, named):
            reason = f"expected {_told(named)}, found {_told(artifact)}"
            reason += f", with {listed(altered)} missing or altered since" if altered else ""
        elif altered:
            return self._changed_error(
                entry,
                named,
                artifact,
                altered,
                _altered(altered),
                reinstalling(entry),
            )
        elif artifact.digest and (elsewhere := stray(entry, files(entry.folder))):
            reason = f"its module would be imported from {elsewhere}, which is none of its files"
            hint = "Rename or remove what takes its place; the current folder comes before installed ones."
            return PluginNotPermitted(**_facts(entry), reason=reason, hint=hint)
        else:
            return None
        hint = "Install what was locked, or accept what is installed with `kwf lock`."
        if self.mode == "allow":
            hint = f"`kwf plugins allow {entry.distribution}` permits what is there now, if you trust it."
        return self._changed_error(entry, named, artifact, altered, reason, hint)

    def _changed_error(
        self, entry: Entry, named: Named, artifact: Artifact, altered: list[str], reason: str, hint: str
    ) -> ArtifactChanged:
        authority = NAME if self.mode == "lock" else "the list of permitted distributions"
        facts = _facts(entry) | {"reason": reason, "hint": hint, "authority": authority, "files": altered}
        return ArtifactChanged(**facts, expected=_told(named), found=_told(artifact))

    def _artifact(self, folder: str) -> tuple[Artifact, list[str]]:
        """Read once for all entries of a distribution."""
        if folder not in self._known:
            self._known[folder] = artifact_of(folder), damaged(folder)
        return self._known[folder]

    def _tell(self, entry: Entry) -> None:
        with self._told:
            notice, self._notice = self._notice, None
        if notice:
            one = f"{entry.distribution} {entry.distribution_version}"
            why = f'no {NAME} is in force (`kwf lock` writes one; the setting plugins = "any" ends this notice)'
            notice(f"{one} is imported without a check of its files: {why}")


def permission_of(
    settings: WorkflowSettings, lock: Callable[[], Lock | None], *, notice: Callable[[str], object] | None = None
) -> Permission:
    """The permission that settings and a lock come to; the lock is asked for only where it decides."""
    decides = settings.plugins in (None, "lock")
    return Permission(settings.plugins, lock=lock() if decides else None, notice=notice)


def as_recorded(entry: Entry) -> None:
    """Raise ArtifactChanged unless the files of a distribution are as its own RECORD has them."""
    if altered := damaged(entry.folder):
        facts = _facts(entry) | {
            "reason": _altered(altered),
            "hint": reinstalling(entry),
            "authority": "its RECORD",
        }
        raise ArtifactChanged(**facts, expected="the files of its RECORD", found=listed(altered), files=altered)


def _other_version(artifact: Artifact, named: Named) -> bool:
    """Whether only the version is left to tell two artifacts apart; that of an editable one may move."""
    return not artifact.digest and not artifact.editable and artifact.version != named.version


def _told(one: Named | Artifact) -> str:
    what = "an editable installation" if one.editable else one.digest or "files without RECORD"
    return f"{one.version} ({what})"


def _facts(entry: Entry) -> dict[str, str]:
    facts = {"entry": entry.name, "distribution": entry.distribution, "version": entry.distribution_version}
    return facts | {"place": entry.folder.rpartition("/")[0], "value": entry.value}


def _altered(paths: list[str]) -> str:
    return f"expected the files of its RECORD, found {listed(paths)} missing or altered"
