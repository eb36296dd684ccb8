"""Manifests as they should be, made from a project, and how those in its folder differ from that."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from knows_core import AccessDenied
from knows_registry.manifests.manifest_place import file_name
from knows_registry.manifests.manifest_text import BadManifest, Manifest, manifest_in, text_of
from knows_registry.manifests.project import packages_of, profiles_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from knows_registry.manifests.project import Project

_MOST = 5  # differences of one template that are told


class Built(NamedTuple):
    """What the manifest of one package should hold, and the file in which it belongs."""

    file: Path
    manifest: Manifest

    @property
    def text(self) -> str:
        """The bytes of the file, in ASCII."""
        return text_of(self.manifest)


def built(project: Project) -> list[Built]:
    """Import the templates of a project. Raises ConfigError, TemplateBroken, DefinitionError; nothing is written."""
    return [
        Built(
            package.home / file_name(project.distribution),
            Manifest(project.distribution, tuple(profiles_of(project, package, offers))),
        )
        for package, offers in packages_of(project).items()
    ]


def write(one: Built) -> bool:
    """Put a manifest in the place of the old one, at once or not at all; whether it was another.

    Raises AccessDenied.
    """
    if _bytes(one.file) == one.text.encode():
        return False
    fresh = one.file.with_name(f".{one.file.name}.{os.getpid()}")
    try:
        fresh.write_bytes(one.text.encode())
        fresh.replace(one.file)
    except OSError as error:
        raise AccessDenied(f"{one.file} cannot be written: {error.strerror}. Give yourself access to it") from error
    finally:
        fresh.unlink(missing_ok=True)
    return True


def differences(one: Built) -> list[str]:
    """What is not as it should be in the file, a sentence each; none where it is the same to the byte."""
    found = _bytes(one.file)
    if found is None:
        return ["there is no such file"]
    if found == one.text.encode():
        return []
    try:
        manifest = manifest_in(found.decode(), one.manifest.distribution)
    except (BadManifest, UnicodeError) as error:
        return [str(error)]
    return list(_changes(manifest, one.manifest)) or ["it says the same, but is not spelled as `build` spells it"]


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _changes(found: Manifest, wanted: Manifest) -> Iterator[str]:
    was, now = _rows(found), _rows(wanted)
    yield from (f"{name}: the project offers it, the file lacks it" for name in now if name not in was)
    yield from (f"{name}: the file has it, the project offers no such template" for name in was if name not in now)
    for name in (name for name in now if name in was):
        places = [one for field in now[name] for one in _inside(was[name][field], now[name][field], field)]
        yield from (f"{name}: {place}" for place in places[:_MOST])
        if len(places) > _MOST:
            yield f"{name}: and {len(places) - _MOST} more"


def _rows(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """The templates as JSON has them; their digests follow from the rest."""
    rows = json.loads(text_of(manifest))["templates"]
    return {
        f"{row['name']}@{row['version']}": {key: one for key, one in row.items() if not key.endswith("_digest")}
        for row in rows
    }


def _inside(was: Any, now: Any, path: str) -> Iterator[str]:
    if was == now:
        return
    if isinstance(was, dict) and isinstance(now, dict):
        old, new = cast("dict[str, Any]", was), cast("dict[str, Any]", now)
        for key in sorted({*old, *new}):
            yield from _inside(old.get(key), new.get(key), f"{path}.{key}")
    elif isinstance(was, list) and isinstance(now, list) and len(cast("list[Any]", was)) == len(cast("list[Any]", now)):
        for number, (one, other) in enumerate(zip(cast("list[Any]", was), cast("list[Any]", now), strict=True)):
            yield from _inside(one, other, f"{path}[{number}]")
    else:
        yield f"{path}: the file has {_told(was)}, the template {_told(now)}"


def _told(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 - as much as fits a line
