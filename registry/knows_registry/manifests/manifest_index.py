"""What a listing shows of a manifest: summaries and notices, read without looking into the rest."""

# Texts and `os`, as in discover.
# ruff: noqa: PTH123
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from knows_registry.discover import Fault
from knows_registry.manifests.manifest_place import look_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from knows_registry.discover import Entry, Offer


class Note(NamedTuple):
    """What one row of a manifest says for a list."""

    summary: str = ""
    yanked: str = ""
    deprecated: str = ""
    successor: str = ""


class Index(NamedTuple):
    """The notes on installed templates by name and version; all files and folders looked at; what is wrong."""

    notes: Mapping[tuple[str, str], Note]
    places: tuple[str, ...]
    faults: tuple[Fault, ...]


def index_of(offers: Iterable[Offer], *, thoroughly: bool = False) -> Index:
    """Read the manifests of installed offers; with `thoroughly` every one is read as whoever relies on it reads it."""
    notes: dict[tuple[str, str], Note] = {}
    faults: list[Fault] = []
    places: dict[str, None] = {}
    offered: dict[str, dict[tuple[str, str], Entry]] = {}
    for offer in offers:
        file, folders = look_for(offer.entry) if offer.entry is not None else (None, [])
        places |= dict.fromkeys(folders)
        if offer.entry is not None and file is not None:
            offered.setdefault(file, {})[offer.name, str(offer.version)] = offer.entry
    for file, entries in offered.items():
        sample = next(iter(entries.values()))
        found = None if thoroughly else _rows(file, sample.distribution)
        if found is None:
            found, broken = _whole(sample)
            faults += broken
        notes |= {key: note for key, note in found.items() if key in entries}
        if found:
            faults += _stale(file, sample.distribution, found, entries)
    return Index(notes, (*places, *offered), tuple(faults))


def _rows(file: str, distribution: str) -> dict[tuple[str, str], Note] | None:
    """The notes of one file; None where anything is not as it should be, and another reader is to say what."""
    import json  # a fresh machine has no manifests, and listing there should not pay for reading any

    try:
        with open(file, encoding="utf-8") as stream:
            content = json.loads(stream.read())
        if content["format"] != 1 or content["distribution"] != distribution:
            return None
        return {(row["name"], row["version"]): _note(row) for row in content["templates"]}
    except (OSError, ValueError, TypeError, LookupError, RecursionError, AttributeError):
        return None


def _note(row: Mapping[str, Any]) -> Note:
    note = Note(*(row.get(field, "") for field in Note._fields))
    if not all(isinstance(one, str) for one in (row["name"], row["version"], *note)):
        raise TypeError(row)
    return note


def _whole(entry: Entry) -> tuple[dict[tuple[str, str], Note], list[Fault]]:
    """The same from the reader that tells what is wrong, and where."""
    from knows_registry.manifests.manifest import (  # for what is broken, and for thorough readers
        ManifestBroken,
        manifest_of,
    )

    try:
        manifest = manifest_of(entry)
    except ManifestBroken as error:
        reason = f"its manifest {error.file} cannot be used: {error.reason}"
        return {}, [Fault(entry.distribution, "", reason, _remedy(entry.distribution))]
    profiles = manifest.profiles if manifest is not None else ()
    return {(one.name, one.version): Note(*(getattr(one, name) for name in Note._fields)) for one in profiles}, []


def _stale(
    file: str, distribution: str, told: Iterable[tuple[str, str]], entries: Mapping[tuple[str, str], Entry]
) -> Iterable[Fault]:
    """The templates of which only one of manifest and metadata knows."""
    told, remedy = set(told), _remedy(distribution)
    for name, version in sorted(entries.keys() - told):
        reason = f"its manifest {file} does not have it, so it must be imported to be looked at"
        yield Fault(distribution, f"{name}@{version}", reason, remedy)
    for name, version in sorted(told - entries.keys()):
        reason = f"its manifest {file} tells of it, but no entry point offers it"
        yield Fault(distribution, f"{name}@{version}", reason, remedy)


def _remedy(distribution: str) -> str:
    return f"Update or reinstall {distribution}; who makes it types `kwf manifest build` in its project."
