"""What `kwf doctor` finds worth a look: names to be taken for others, code that runs at every start, altered files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from knows_core import KnowsError
from knows_registry.discover import Fault, installed_on
from knows_registry.lookalikes import OURS, lookalikes
from knows_registry.startup_lines import StartupLine, unknown_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from knows_registry.catalog import Catalog
    from knows_registry.discover import Entry
    from knows_registry.locking.lock import LockedPlugin, LockedTemplate

_LONGEST = 80  # signs of a line of code that are shown


def suspicions(catalog: Catalog) -> tuple[list[Fault], list[Fault]]:
    """Warnings, and what keeps the lock or the list of permitted distributions from being read.

    What one of those two names was looked at by a person, and is not told again. Files that are not as they were
    installed are broken where that keeps them from being imported, else a warning.
    """
    accepted, faults = _accepted()
    entries = catalog.entries()
    refused, altered = _compared(entries)
    plugins = {entry.distribution for entry in entries}
    return [*_names(plugins, accepted), *_lines(accepted), *altered], [*faults, *refused]


def _accepted() -> tuple[set[str], list[Fault]]:
    from knows_registry.locking.lock import NAME, in_force
    from knows_registry.permits.allowed import allow_list, read  # JSON and TOML, which help need not pay for

    names: set[str] = set()
    faults: list[Fault] = []
    for place in (NAME, str(allow_list())):
        try:
            if place == NAME:
                lock = in_force()
                rows: list[LockedTemplate | LockedPlugin] = [*lock.templates, *lock.plugins] if lock else []
                names |= {row.distribution for row in rows}
            else:
                names |= set(read())
        except KnowsError as error:
            reason = str(error).removesuffix(f". {error.next_move}")
            faults.append(Fault("permission", place, reason, error.next_move))
    return names, faults


def _compared(entries: list[Entry]) -> tuple[list[Fault], list[Fault]]:
    """Distributions whose files are not what was locked or permitted, and others whose files were altered."""
    from knows_core.settings import load_settings  # pydantic, and what reads lock and list, as above
    from knows_registry.locking.lock import in_force
    from knows_registry.permits.errors_permission import ArtifactChanged
    from knows_registry.permits.permission import Permission, as_recorded, permission_of

    try:
        permission = permission_of(load_settings(), in_force)
    except KnowsError:  # told already; without it nothing is compared with a lock or a list
        permission = Permission("any")
    refused: list[Fault] = []
    altered: list[Fault] = []
    for entry in {entry.folder: entry for entry in entries}.values():
        try:
            error = permission.objection(entry)
            if isinstance(error, ArtifactChanged):
                reason = f"it is not imported, since it is not what {error.authority} names: {error.reason}"
                refused.append(Fault(entry.distribution, "", reason, error.next_move))
            else:
                as_recorded(entry)
        except ArtifactChanged as error:
            altered.append(Fault(entry.distribution, "", error.reason, error.next_move))
        except KnowsError:  # the list cannot be read, which is told already
            continue
    return refused, altered


def _names(plugins: Collection[str], accepted: Collection[str]) -> Iterator[Fault]:
    installed = {folder.distribution: folder for folder in installed_on(sys.path)}
    for name, other, how in lookalikes(installed, plugins, accepted):
        whose = "ours" if other in OURS else "another plugin's"
        reason = f"its name differs from {other}, which is {whose}, by {how}"
        remedy = f"`pip uninstall {name}` if you meant {other}; `kwf plugins allow {name}` if it is the right one."
        if name not in plugins:
            remedy = f"`pip uninstall {name}` if you meant {other}."
        yield Fault(name, installed[name].path, reason, remedy)


def _lines(accepted: Collection[str]) -> Iterator[Fault]:
    for found in unknown_lines(sys.path):
        if not (found.recorded and found.owner in accepted):
            yield Fault(found.owner or "no distribution", found.file, _ran(found), _looked_at(found))


def _ran(found: StartupLine) -> str:
    line = found.line if len(found.line) <= _LONGEST else f"{found.line[:_LONGEST]}..."
    whose = f"{found.owner} {found.version} brought it" if found.owner else "no installed distribution names it"
    altered = "" if found.recorded or not found.owner else ", and it was altered since"
    return f"it runs at every start of Python (`{line}`); {whose}{altered}"


def _looked_at(found: StartupLine) -> str:
    if not found.owner:
        return "Read the file; remove it unless you know what it is for."
    return f"Read the file; `pip uninstall {found.owner}` unless you know what it is for."
