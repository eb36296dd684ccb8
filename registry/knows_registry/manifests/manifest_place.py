"""Where the manifest of a distribution lies, found without importing anything.

`knows-manifest.DISTRIBUTION.json` lies in the top-level package of the template's module, where every build back end
and every editable install keeps it, or beside a module that is not in a package; the name of the distribution keeps
two that share a name space apart.
"""

# Texts and `os`: a listing asks this for every template, and pathlib costs more than that.
# ruff: noqa: PTH113, PTH120
from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from knows_registry.discover import Entry


def file_name(distribution: str) -> str:
    """What the manifest of a distribution is called; the name as the packaging specification normalises it."""
    return f"knows-manifest.{distribution}.json"


def manifest_file(entry: Entry) -> str | None:
    """Where the manifest for an entry point lies; None where there is none."""
    return look_for(entry)[0]


def look_for(entry: Entry) -> tuple[str | None, list[str]]:
    """The same, and the folders that were looked in: a manifest that comes to be there changes one of them."""
    name, folders = file_name(entry.distribution), list[str]()
    for folder in _folders(entry):
        folders.append(folder)
        if os.path.isfile(file := f"{folder}/{name}"):
            return file, folders
    return None, folders


def _folders(entry: Entry) -> Iterator[str]:
    """Where a manifest may lie, the likeliest first: with the metadata, then wherever an import would look."""
    top = entry.module.partition(".")[0]
    site = os.path.dirname(entry.folder)
    yield f"{site}/{top}"
    if os.path.isfile(f"{site}/{top}.py"):
        yield site
    yield from places_of(top)


def places_of(top: str) -> list[str]:
    """The folders of a top-level package, or the one that a module lies in, as an import would find them.

    Nothing is executed for it, unlike for a module inside a package.
    """
    spec = getattr(sys.modules.get(top), "__spec__", None)
    if spec is None:
        from importlib.util import find_spec  # only for editable installs: the files of others lie with the metadata

        try:
            spec = find_spec(top)
        except (ImportError, ValueError):  # a module that was put there by hand has no specification
            return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return list(spec.submodule_search_locations)
    return [os.path.dirname(spec.origin)] if spec.has_location and spec.origin else []
