"""The list of distributions that a person permitted to be imported, in the user's configuration folder.

Each is bound to the artifact that it was then. A file that cannot be read permits nothing and is an error: taken for
an empty one, the next `kwf plugins allow` would write over what the person had decided.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from knows_registry.discover import normalized
from knows_registry.permits.errors_permission import AllowListBroken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from knows_registry.permits.artifact import Artifact

_FORMAT = 1


class Allowed(NamedTuple):
    """What was permitted: the version and the digest at that time; for an editable distribution only its name binds."""

    version: str
    digest: str
    editable: bool


def allow_list() -> Path:
    """Where the list is."""
    from platformdirs import user_config_path  # only who asks for permissions pays for it

    return user_config_path("knows-workflows", appauthor=False) / "allowed-plugins.json"


def read(path: Path | None = None) -> dict[str, Allowed]:
    """The list, by default the user's, by the normalised names of distributions. Raises AllowListBroken."""
    path = path or allow_list()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise AllowListBroken(path=str(path), found=f"{type(error).__name__}: {error}") from error
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AllowListBroken(path=str(path), found=f"no JSON ({error})") from error
    if not isinstance(content, dict) or cast("Any", content).get("format") != _FORMAT:
        raise AllowListBroken(path=str(path), found=f'something without `"format": {_FORMAT}`')
    rows = cast("dict[str, Any]", content).get("allowed")
    if not isinstance(rows, dict):
        raise AllowListBroken(path=str(path), found='no object under "allowed"')
    return {name: _allowed(path, name, row) for name, row in cast("dict[str, Any]", rows).items()}


def _allowed(path: Path, name: str, row: Any) -> Allowed:
    try:
        version, digest, editable = (row[key] for key in ("version", "artifact", "editable"))
    except (TypeError, LookupError):
        version = digest = editable = None
    if not (isinstance(version, str) and isinstance(digest, str) and isinstance(editable, bool)):
        found = f"{name!r} without a text version, a text artifact, and editable true or false"
        raise AllowListBroken(path=str(path), found=found)
    if name != normalized(name):
        raise AllowListBroken(path=str(path), found=f"the name {name!r} instead of {normalized(name)!r}")
    return Allowed(version, digest, editable)


def write(allowed: Mapping[str, Allowed]) -> None:
    """Put a new list in the place of the old one, at once or not at all. Raises OSError."""
    path = allow_list()
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()  # who keeps the file elsewhere, behind a link, keeps the link
    rows = {
        name: {"version": one.version, "artifact": one.digest, "editable": one.editable}
        for name, one in sorted(allowed.items())
    }
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"format": _FORMAT, "allowed": rows}, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())  # after a power cut the new name must not stand for an empty file
    fresh.replace(path)


def as_installed(artifact: Artifact) -> Allowed:
    """The permission for an artifact as it is now."""
    return Allowed(artifact.version, artifact.digest, artifact.editable)
