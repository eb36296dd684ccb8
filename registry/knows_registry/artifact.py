"""The installed files of a distribution as one digest, so that a lock or a permission means just those."""

from __future__ import annotations

from typing import NamedTuple


class Artifact(NamedTuple):
    """What is installed under the name of a distribution; `digest` is empty where it is editable or has no RECORD."""

    distribution: str
    version: str
    digest: str
    editable: bool


def artifact_of(folder: str) -> Artifact:
    """The artifact behind a metadata folder: SHA-256 over the rows of RECORD without caches and installer's notes."""
    raise NotImplementedError(folder)


def damaged(folder: str) -> list[str]:
    """The files that are not, or no longer, as RECORD says, as paths in it."""
    raise NotImplementedError(folder)
