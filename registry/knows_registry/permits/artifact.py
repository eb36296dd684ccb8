"""The installed files of a distribution as one digest, so that a lock or a permission means just those.

Everything is read from RECORD, which every installer writes beside what it installs
(packaging.python.org/specifications/recording-installed-packages).
"""

# Texts and `os`: these functions are asked before every import of a plugin.
# ruff: noqa: PTH116, PTH117, PTH118, PTH119, PTH120, PTH123
from __future__ import annotations

import csv
import hashlib
import os
from base64 import urlsafe_b64encode
from typing import NamedTuple

from knows_registry.discover import installed_as

# What installers write into the metadata folder about themselves and the place they installed from.
_NOTES = frozenset(
    (
        *("INSTALLER", "RECORD", "RECORD.jws", "RECORD.p7s", "REQUESTED", "direct_url.json", "provenance_url.json"),
        *("uv_build.json", "uv_cache.json"),
    )
)
_HASHES = ("sha256", "sha384", "sha512")  # the specification forbids weaker ones
_SCRIPTS = ("bin", "Scripts")


class Artifact(NamedTuple):
    """What is installed under the name of a distribution.

    `digest` is `sha256:` and 64 hex digits. It is empty where the distribution is editable, or has no RECORD that can
    be read: then there is nothing that its files could be compared with.
    """

    distribution: str
    version: str
    digest: str
    editable: bool


class _Row(NamedTuple):
    """One line of RECORD: a path below the site folder, `algorithm=hash` and the size, both perhaps empty."""

    path: str
    hash: str
    size: str


def artifact_of(folder: str) -> Artifact:
    """The artifact behind a metadata folder: SHA-256 over the rows of RECORD without caches and installer's notes.

    Left out is whatever differs between two installations of one wheel: bytecode, notes of the installer, and what
    lies outside the site folder, as scripts do, whose first line names the interpreter.
    """
    distribution, version = installed_as(folder) or (os.path.basename(folder), "unknown")
    rows = _rows(folder)
    if _is_editable(folder, rows or []):
        return Artifact(distribution, version, "", editable=True)
    if not rows:
        return Artifact(distribution, version, "", editable=False)
    digest = hashlib.sha256()
    for path, found, size in sorted(rows):
        # A row without a hash binds nothing, so the file itself is asked.
        octets = f"{path}\0{found or _hash_of(folder, path, 'sha256')}\0{size}\n"
        digest.update(octets.encode("utf-8", "surrogateescape"))
    return Artifact(distribution, version, f"sha256:{digest.hexdigest()}", editable=False)


def damaged(folder: str) -> list[str]:
    """The files that are not, or no longer, as RECORD says, as paths in it; RECORD itself where it cannot be read.

    Only files that belong to the artifact are looked at: nothing else can be imported.
    """
    rows = _rows(folder)
    if rows is None:
        return [f"{os.path.basename(folder)}/RECORD"]
    return [row.path for row in rows if not _as_recorded(folder, row)]


def files(folder: str) -> frozenset[str]:
    """The paths below the site folder that belong to the artifact."""
    return frozenset(row.path for row in _rows(folder) or ())


def _rows(folder: str) -> list[_Row] | None:
    """The rows of the artifact; none where there is no RECORD, and None where it cannot be read."""
    metadata = os.path.basename(folder)
    try:
        with open(os.path.join(folder, "RECORD"), encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = [_Row(*line) for line in csv.reader(file, strict=True) if line]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, TypeError, csv.Error):
        return None
    scripts = _scripts(folder) if any(row.path.startswith(_SCRIPTS) for row in rows) else frozenset[str]()
    return [row for row in rows if _counts(row.path, metadata, scripts)]


def _counts(path: str, metadata: str, scripts: frozenset[str]) -> bool:
    """Whether the file is the same wherever the wheel is installed."""
    parts = path.replace(os.sep, "/").split("/")
    folder, name = parts[0], "/".join(parts[1:])
    if os.path.isabs(path) or ".." in parts or "__pycache__" in parts:
        return False
    if folder == metadata:
        return name not in _NOTES
    # Installed with --target, scripts lie in the site folder too.
    return not (folder in _SCRIPTS and name.removesuffix(".exe") in scripts)


def _scripts(folder: str) -> frozenset[str]:
    """The names of the scripts that installers write for entry points; none that could be imported."""
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return frozenset()
    names = (line.partition("=")[0].strip() for line in lines if "=" in line)
    return frozenset(name for name in names if not name.endswith((".py", ".pyc", ".pyd", ".so")))


def _is_editable(folder: str, rows: list[_Row]) -> bool:
    """Whether the files that are imported lie elsewhere: the installer says so, or RECORD names only the way there."""
    try:
        with open(os.path.join(folder, "direct_url.json"), "rb") as file:
            origin = file.read()
    except OSError:
        origin = b""
    if b'"editable"' in origin:
        import json  # only an editable installation has such a note

        try:
            return bool(json.loads(origin)["dir_info"]["editable"])
        except (ValueError, TypeError, LookupError):
            return True  # nothing that could be trusted is said of the files
    metadata = os.path.basename(folder)
    payload = [row.path for row in rows if not row.path.startswith(f"{metadata}/")]
    signposts = [path for path in payload if path.endswith(".pth") or path.startswith(("__editable__", "_editable_"))]
    return any(path.endswith(".pth") for path in payload) and signposts == payload


def _as_recorded(folder: str, row: _Row) -> bool:
    path = os.path.join(os.path.dirname(folder), row.path)
    try:
        size = os.stat(path).st_size
    except OSError:
        return False
    if row.size and str(size) != row.size:
        return False  # without reading it
    algorithm = row.hash.partition("=")[0]
    return not row.hash or (algorithm in _HASHES and _hash_of(folder, row.path, algorithm) == row.hash)


def _hash_of(folder: str, path: str, algorithm: str) -> str:
    """`algorithm=hash` of a file as RECORD writes it; empty where the file cannot be read."""
    try:
        with open(os.path.join(os.path.dirname(folder), path), "rb") as file:
            octets = hashlib.file_digest(file, algorithm).digest()
    except OSError:
        return ""
    return f"{algorithm}={urlsafe_b64encode(octets).rstrip(b'=').decode()}"
