"""The rows of `kwf list`: what metadata and manifests tell of the installed templates, and the last verdicts.

Remembered in the user's cache folder for as long as nothing it was made of has changed.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from knows_registry.listing_cache import keep, recall

if TYPE_CHECKING:
    from knows_registry.catalog import Catalog
    from knows_registry.discover import Fault, Found, Offer
    from knows_registry.manifests.manifest_index import Index, Note
    from knows_registry.verdict import Verdict


class Row(NamedTuple):
    """One installed template version, every fact as text."""

    name: str
    version: str
    distribution: str
    distribution_version: str
    status: str
    summary: str = ""
    yanked: str = ""
    deprecated: str = ""
    successor: str = ""


class Listing(NamedTuple):
    """All rows by name, the newest version first, and how many things are known to be broken."""

    rows: tuple[Row, ...]
    broken: int


def listing(*, refresh: bool = False) -> Listing:
    """What is installed on `sys.path`; with `refresh` looked up again even where nothing seems to have changed."""
    paths = list(sys.path)
    kept = None if refresh else recall(paths)
    if kept is not None and all(len(fields) == len(Row._fields) for fields in kept.rows):
        return Listing(tuple(Row(*fields) for fields in kept.rows), kept.broken)
    made, watched = _look(paths)
    keep(paths, watched, made.rows, made.broken, now=time.time_ns())
    return made


def known_faults(catalog: Catalog) -> list[Fault]:
    """Everything that is known to be broken: in metadata, in manifests, and by the last `kwf plugins check`."""
    from knows_registry.manifests.manifest_index import index_of  # as in _look
    from knows_registry.verdict import remembered, verdict_faults

    manifests = index_of(catalog.offers(), thoroughly=True).faults
    return [*catalog.faults(), *manifests, *verdict_faults(remembered(catalog.entries()))]


def _look(paths: list[str]) -> tuple[Listing, list[str]]:
    """The listing, and every file and folder that it was made of."""
    from knows_registry.catalog import Catalog  # whoever is answered from memory pays for none of these
    from knows_registry.discover import discover
    from knows_registry.manifests.manifest_index import index_of
    from knows_registry.verdict import remembered, verdict_faults, verdict_file

    found = discover(paths)
    catalog = Catalog(found)
    verdicts = remembered(catalog.entries())
    index = index_of(catalog.offers())
    faults = [*catalog.faults(), *index.faults, *verdict_faults(verdicts)]
    offers = catalog.offers()
    claims: dict[tuple[str, str], int] = {}
    for offer in offers:
        claims[offer.name, str(offer.version)] = claims.get((offer.name, str(offer.version)), 0) + 1
    rows = [
        _row(offer, _status(offer, claims, verdicts.get(offer.entry) if offer.entry else None), index)
        for offer in offers
    ]
    return Listing(tuple(rows), len(faults)), [*_watched(found, index), str(verdict_file())]


def _watched(found: Found, index: Index) -> list[str]:
    """The folders and files of ours, and where a manifest lies or may come to lie."""
    entries = [offer.entry for offer in found.offers if offer.entry] + [plugin.entry for plugin in found.plugins]
    folders = dict.fromkeys(entry.folder for entry in entries)
    return [*folders, *(f"{folder}/entry_points.txt" for folder in folders), *index.places]


def _row(offer: Offer, status: str, index: Index) -> Row:
    name, version, entry = offer.name, str(offer.version), offer.entry
    note: Note | tuple[()] = index.notes.get((name, version), ())
    held = (entry.distribution, entry.distribution_version) if entry else ("", "")
    return Row(name, version, *held, status, *note)


def _status(offer: Offer, claims: dict[tuple[str, str], int], verdict: Verdict | None) -> str:
    """`duplicate`, `broken: why`, `ok`, or `unchecked` where no verdict holds."""
    if claims[offer.name, str(offer.version)] > 1:
        return "duplicate"
    if verdict is None:
        return "unchecked"
    return "ok" if verdict.reason is None else f"broken: {verdict.reason}"
