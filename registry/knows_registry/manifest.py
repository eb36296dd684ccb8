"""The manifest: profiles of all templates of one distribution in a JSON file, read without importing the plugin.

`knows-manifest.DISTRIBUTION.json` lies in the top-level package of the template's module, where every build back end
and every editable install keeps it, or beside a module that is not in a package; the name of the distribution keeps
two that share a name space apart.
"""

# Texts and `os`: a listing reads manifests too, and pathlib costs more than that.
# ruff: noqa: PTH113, PTH116, PTH120, PTH123
from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING

from knows_core import RegistryError
from knows_registry.manifest_text import BadManifest, Manifest, manifest_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from knows_registry.discover import Entry, Offer
    from knows_registry.profile import Profile


class ManifestBroken(RegistryError, ValueError):
    """The manifest of an installed distribution cannot be read."""

    code = "manifest-broken"
    sentence = "the manifest {file} of {distribution} cannot be used: {reason}"
    remedy = "`kwf manifest build` in its project writes it anew; or reinstall {distribution}."


def file_name(distribution: str) -> str:
    """What the manifest of a distribution is called; the name as the packaging specification normalises it."""
    return f"knows-manifest.{distribution}.json"


def manifest_profile(offer: Offer) -> Profile | None:
    """The profile of an installed offer as its manifest tells it; None where there is none or it has no such row.

    Nothing is imported. Raises ManifestBroken for one that cannot be read.
    """
    manifest = manifest_of(offer.entry) if offer.entry is not None else None
    wanted = (offer.name, str(offer.version))
    return next((one for one in manifest.profiles if one[:2] == wanted), None) if manifest is not None else None


def manifest_of(entry: Entry) -> Manifest | None:
    """The manifest that has the template of an entry point; None where there is no such file. Raises ManifestBroken."""
    file = manifest_file(entry)
    if file is None:
        return None
    try:
        facts = os.stat(file)
        return _read(file, entry.distribution, facts.st_mtime_ns, facts.st_size)
    except (OSError, UnicodeError) as error:
        raise ManifestBroken(file=file, distribution=entry.distribution, reason=str(error)) from error
    except BadManifest as error:
        raise ManifestBroken(file=file, distribution=entry.distribution, reason=str(error)) from None


@functools.cache
def _read(file: str, distribution: str, modified: int, size: int) -> Manifest:
    """Read once per process, and again where the file was written to since."""
    del modified, size
    with open(file, encoding="utf-8") as stream:
        return manifest_in(stream.read(), distribution)


def manifest_file(entry: Entry) -> str | None:
    """Where the manifest for an entry point lies; None where there is none."""
    name = file_name(entry.distribution)
    return next((file for folder in _folders(entry) if os.path.isfile(file := f"{folder}/{name}")), None)


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
