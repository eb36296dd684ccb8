"""Profiles of released versions, kept beside a project so that a later version can be compared with them.

One JSON file for each version, `NAME@VERSION.json`, in the form of a manifest with one template.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from knows_core import AccessDenied, RegistryError, Version
from knows_core.describing.digests import digest_of
from knows_registry.manifests.manifest_text import BadManifest, Manifest, manifest_in, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from knows_registry.manifests.profile import Profile

FOLDER = "released"


class ReleaseBroken(RegistryError, ValueError):
    """A file with the profile of a version cannot be used."""

    code = "release-broken"
    sentence = "{file} cannot be used: {reason}"
    remedy = (
        "Take the file back from version control. If it is lost, delete it, and write it anew from the sources of that"
        " version with `kwf release-check --record`."
    )


def kept_profiles(text: str, file: Path) -> tuple[Profile, ...]:
    """The profiles in a JSON file: a manifest, a released version, or what `kwf show --contract --json` prints.

    Raises ReleaseBroken.
    """
    try:
        content: Any = json.loads(text)
        if not isinstance(content, dict):
            raise BadManifest("expected an object")
        held = cast("dict[str, Any]", content)
        if "contract" in held and "templates" not in held:
            return (_printed(held),)
        return manifest_in(text, str(held.get("distribution", ""))).profiles
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ReleaseBroken(file=file, reason=str(error)) from None


def _printed(content: dict[str, Any]) -> Profile:
    """The profile in a contract that was printed: its shape is not told, an empty one stands for that."""
    contract = content["contract"]
    row: dict[str, Any] = {
        "name": content["template"],
        "version": content["version"],
        "summary": "",
        "uses": [],
        "shape": [],
        "contract": contract,
        "contract_digest": digest_of(contract),
        "shape_digest": digest_of([]),
        **{beside: content[beside] for beside in ("lineage", "defaults") if beside in content},
    }
    whole: dict[str, Any] = {"format": 1, "distribution": "", "templates": [row]}
    return manifest_in(json.dumps(whole), "").profiles[0]


def released_names(folder: Path) -> list[str]:
    """The names of the templates of which a folder keeps a released version, sorted."""
    return sorted({file.stem.partition("@")[0] for file in folder.glob("[!.]*@*.json")})


def read_released(folder: Path, name: str) -> list[Profile]:
    """Every released version of a template that a folder keeps, the oldest first. Raises ReleaseBroken."""
    found: list[Profile] = []
    for file in sorted(folder.glob(f"{name}@*.json")):
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise ReleaseBroken(file=file, reason=str(error)) from error
        profiles = kept_profiles(text, file)
        named = [f"{one.name}@{one.version}" for one in profiles]
        if named != [file.stem]:
            raise ReleaseBroken(file=file, reason=f"expected {file.stem} in it, found {', '.join(named)}")
        found += profiles
    return sorted(found, key=lambda one: Version(one.version))


def record(folder: Path, distribution: str, profile: Profile) -> Path:
    """Keep the profile of a version, in the place of an earlier file at once or not at all; the file.

    Raises AccessDenied.
    """
    file = folder / f"{profile.name}@{profile.version}.json"
    fresh = folder / f".{file.name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text_of(Manifest(distribution, (profile,))), encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise AccessDenied(f"{file} cannot be written: {error.strerror}. Give yourself access to it") from error
    return file
