"""What is installed, read from metadata folders; nothing is imported.

A standard-library scan of the same folders opens every distribution's metadata and imports a mail parser for it. Here
one read of each `entry_points.txt` and a substring test rule out nearly all of them.

The records are named tuples: frozen, slotted, and unlike dataclasses free of an import that `kwf list` needs nowhere.
"""

# Texts and `os`, since pathlib costs more than the scan itself.
# ruff: noqa: PTH116, PTH123, PTH208
from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from knows_core import Requirement, Version

TEMPLATES = "knows.templates"
PLUGINS = "knows.plugins"
KINDS = ("backend", "command", "hooks", "loader")

_METADATA = re.compile(r"([A-Za-z0-9][\w.-]*?)(?:-(\d[^-]*))?(?:-py[0-9.]+)?\.(?:dist|egg)-info", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_Report = Callable[["Fault"], None]


class Entry(NamedTuple):
    """One entry point of one distribution; `folder` is the metadata folder that declares it."""

    group: str
    name: str
    module: str
    attribute: str
    distribution: str
    distribution_version: str
    folder: str

    @property
    def value(self) -> str:
        """The object as the metadata names it, `module:attribute`."""
        return f"{self.module}:{self.attribute}" if self.attribute else self.module

    @property
    def source(self) -> str:
        """Distribution, its version and the object, for a reader."""
        return f"{self.distribution} {self.distribution_version} ({self.value})"


class Offer(NamedTuple):
    """One version of one template; without `entry` it was registered in this process."""

    name: str
    version: Version
    entry: Entry | None = None

    @property
    def source(self) -> str:
        """Who offers it, for a reader."""
        return self.entry.source if self.entry else "this process (registered at run time)"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class Plugin(NamedTuple):
    """One plugin by kind and key: `backend.sqlite` has the kind `backend` and the key `sqlite`."""

    kind: str
    key: str
    entry: Entry

    def __str__(self) -> str:
        return f"{self.kind}.{self.key}"


class Fault(NamedTuple):
    """One thing that is broken, why, and the next move."""

    distribution: str
    entry: str
    reason: str
    remedy: str


class Found(NamedTuple):
    """Everything one scan saw, in the order of the path."""

    offers: tuple[Offer, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    faults: tuple[Fault, ...] = ()


class Folder(NamedTuple):
    """The metadata folder of one distribution."""

    path: str
    distribution: str
    version: str


def discover(paths: Iterable[str] | None = None) -> Found:
    """Templates, plugins and metadata faults of every distribution on `paths` (default: `sys.path`)."""
    offers: list[Offer] = []
    plugins: list[Plugin] = []
    faults: list[Fault] = []
    for folder in _distributions(sys.path if paths is None else paths, faults.append):
        for group, line in _our_lines(folder, faults.append):
            try:
                entry = entry_in(group, line, folder)
                if group == TEMPLATES:
                    offers.append(offer_of(entry))
                else:
                    plugins.append(plugin_of(entry))
            except ValueError as error:
                remedy = f"Update {folder.distribution}, or `pip uninstall {folder.distribution}`."
                faults.append(Fault(folder.distribution, line, str(error), remedy))
    return Found(tuple(offers), tuple(plugins), tuple(faults))


def unreadable(found: Found) -> bool:
    """Whether a line was seen on which Python's own reader of entry points fails, for all distributions at once."""
    return any(fault.entry and "=" not in fault.entry for fault in found.faults)


# ------------------------------------------------------------------ folders


def _distributions(paths: Iterable[str], report: _Report) -> Iterator[Folder]:
    """The folders that count: as with imports, the first place on the path that has a distribution wins."""
    seen: set[str] = set()
    for path in dict.fromkeys(paths):
        here: dict[str, list[Folder]] = {}
        for folder in _metadata_folders(path):
            if folder.distribution not in seen:
                here.setdefault(folder.distribution, []).append(folder)
        seen.update(here)
        for folders in here.values():
            yield folders[0] if len(folders) == 1 else _newest(folders, report)


def _metadata_folders(path: str) -> Iterator[Folder]:
    try:
        names = sorted(os.listdir(path or "."))
    except OSError:
        return  # a missing folder or a zip archive on the path is no fault of any distribution
    for name in names:
        if named := installed_as(name):
            yield Folder(f"{path or '.'}/{name}", *named)


def installed_as(folder: str) -> tuple[str, str] | None:
    """The distribution and version that a metadata folder is called by; None for a folder of another kind."""
    name = folder.rpartition("/")[2]
    if not (name.endswith("-info") and (match := _METADATA.fullmatch(name))):
        return None
    return normalized(match.group(1)), match.group(2) or "unknown"


def versions_on(paths: Iterable[str], distributions: Iterable[str]) -> dict[str, str]:
    """The versions by which these distributions are installed on a path; what is not is missing."""
    wanted = set(distributions)
    found = [folder for folder in installed_on(paths) if folder.distribution in wanted]
    return {folder.distribution: folder.version for folder in found if folder.version != "unknown"}


def installed_on(paths: Iterable[str]) -> Iterator[Folder]:
    """Every distribution on a path, whether or not it has to do with us."""
    return _distributions(paths, lambda _: None)


def normalized(distribution: str) -> str:
    """The name of a distribution as names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _newest(folders: list[Folder], report: _Report) -> Folder:
    """What an interrupted upgrade leaves: the folder written last describes the files, but nobody can be sure."""
    folders.sort(key=lambda folder: (modified(folder.path), folder.path))
    newest = folders[-1]
    if any(_read(folder, lambda _: None) for folder in folders):
        found = " and ".join(folder.path.rpartition("/")[2] for folder in folders)
        reason = f"expected one metadata folder, found {found}; the newest is used"
        remedy = f"`pip install --force-reinstall {newest.distribution}` leaves one."
        report(Fault(newest.distribution, "", reason, remedy))
    return newest


def modified(path: str) -> int:
    """When a folder was last written to, in nanoseconds; 0 if it is gone."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


# ------------------------------------------------------------------ lines


def _read(folder: Folder, report: _Report) -> str:
    """The text of `entry_points.txt`, or nothing where it cannot speak of us."""
    try:
        with open(f"{folder.path}/entry_points.txt", "rb") as file:
            raw = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        remedy = f"Give yourself access to {folder.path}, or reinstall {folder.distribution}."
        report(Fault(folder.distribution, "", f"its entry points cannot be read: {error.strerror}", remedy))
        return ""
    return raw.decode("utf-8-sig", "replace") if b"knows." in raw else ""


def _our_lines(folder: Folder, report: _Report) -> Iterator[tuple[str, str]]:
    """Group and line of every entry point in our two groups, however odd the rest of the file is."""
    group = ""
    for line in map(str.strip, _read(folder, report).splitlines()):
        if line.startswith("["):
            group = line.strip("[] \t")
        elif line and line[0] not in "#;" and group in (TEMPLATES, PLUGINS):
            yield group, line


def entry_in(group: str, line: str, folder: Folder) -> Entry:
    """The entry point that a line `name = module:attribute` declares. Raises ValueError for any other form."""
    name, equals, value = (part.strip() for part in line.partition("="))
    module, colon, attribute = (part.strip() for part in value.partition("[")[0].partition(":"))
    if not (name and equals and _dotted(module) and (_dotted(attribute) if colon else group == PLUGINS)):
        raise ValueError(f"expected `name = module:attribute`, found {line!r}")
    return Entry(group, name, module, attribute, folder.distribution, folder.version, folder.path)


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def offer_of(entry: Entry) -> Offer:
    """The template version that an entry point declares. Raises ValueError for a name outside the grammar."""
    name, at, version = entry.name.partition("@")
    if not at:
        raise ValueError(f"expected a name with its version such as `{name}@1.0.0`, found {name!r}")
    return Offer(Requirement(name.strip()).name, Version(version.strip()), entry)


def plugin_of(entry: Entry) -> Plugin:
    """The kind and key that an entry point declares. Raises ValueError for any other kind or form."""
    kind, _, key = entry.name.partition(".")
    if kind not in KINDS or not _KEY.fullmatch(key):
        raise ValueError(
            f"expected a kind ({', '.join(KINDS)}) and a key such as `backend.sqlite`, found {entry.name!r}"
        )
    return Plugin(kind, key, entry)
