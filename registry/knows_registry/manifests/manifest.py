"""The manifest: profiles of all templates of one distribution in a JSON file, read without importing the plugin."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from knows_core import RegistryError
from knows_registry.manifests.manifest_place import manifest_file
from knows_registry.manifests.manifest_text import BadManifest, Manifest, manifest_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_registry.discover import Entry, Offer
    from knows_registry.manifests.profile import Profile


class ManifestBroken(RegistryError, ValueError):
    """The manifest of an installed distribution cannot be read."""

    code = "manifest-broken"
    sentence = "the manifest {file} of {distribution} cannot be used: {reason}"
    remedy = "`kwf manifest build` in its project writes it anew; or reinstall {distribution}."


def manifest_profile(offer: Offer) -> Profile | None:
    """The profile of an installed offer as its manifest tells it; None where there is none or it has no such row.

    Nothing is imported. Raises ManifestBroken for one that cannot be read.
    """
    held = _held(offer.entry) if offer.entry is not None else None
    return held.rows.get((offer.name, str(offer.version))) if held is not None else None


def manifest_of(entry: Entry) -> Manifest | None:
    """The manifest that has the template of an entry point; None where there is no such file. Raises ManifestBroken."""
    held = _held(entry)
    return held.manifest if held is not None else None


class _Held(NamedTuple):
    """A manifest and its profiles by name and version: a resolution asks for one after the other."""

    manifest: Manifest
    rows: Mapping[tuple[str, str], Profile]


def _held(entry: Entry) -> _Held | None:
    file = manifest_file(entry)
    if file is None:
        return None
    try:
        facts = Path(file).stat()
        return _read(file, entry.distribution, facts.st_mtime_ns, facts.st_size)
    except (OSError, UnicodeError) as error:
        raise ManifestBroken(file=file, distribution=entry.distribution, reason=str(error)) from error
    except BadManifest as error:
        raise ManifestBroken(file=file, distribution=entry.distribution, reason=str(error)) from None


@functools.cache
def _read(file: str, distribution: str, modified: int, size: int) -> _Held:
    """Read once per process, and again where the file was written to since."""
    del modified, size
    manifest = manifest_in(Path(file).read_text(encoding="utf-8"), distribution)
    return _Held(manifest, {(one.name, one.version): one for one in manifest.profiles})
