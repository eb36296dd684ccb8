"""`kwf doctor`: what this installation stands on, what is broken in it, and what to do."""

from __future__ import annotations

import platform
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from knows_core import ConfigError
from knows_registry.catalog import Catalog
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.list_templates import fault_lines, fault_row
from knows_registry.cli.place import backend_option, where
from knows_registry.cli.suspicions import suspicions
from knows_registry.discover import Fault, discover
from knows_registry.listing import known_faults
from knows_registry.verdict import remembered, verdict_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from knows_registry.cli.doctor_apart import Read
    from knows_registry.discover import Entry
    from knows_registry.verdict import Verdict

_BROKEN = 3
_OLD = 30 * 24 * 3600  # seconds after which a verdict is worth another look: an editable install changes unseen
_OURS = ("knows-core", "knows-registry")
_STRICT_TABLES = (3, 37, 0)
_WAL_RESET_FIXED = (3, 51, 3)  # sqlite.org/wal.html#walresetbug


class SQLite(NamedTuple):
    """The SQLite library that Python found, and what the embedded backend can do with it."""

    version: str
    journal: str | None
    why: str


@click.command()
@click.option("--runs", "with_runs", is_flag=True, help="Read every journal, and say what becomes of each open run.")
@backend_option
@json_option
@click.pass_obj
def doctor(answers: Answers, with_runs: bool, backend: str | None) -> int:
    """Examine the installation and say what to repair.

    Plugins are not imported; what is said of them comes from metadata and from the last `kwf plugins check`. With
    --runs every journal is read, and the templates of open runs are imported, apart and for a limited time: each run
    goes on, migrates, or is stranded, with why and the next command. Nothing is run or written. Ends with 3 when
    something is broken: a damaged journal and a stranded run are. Distributions that can be taken for another, and code
    that runs at every start of Python, are worth a look and change nothing.
    """
    answers.at(backend)
    with _reading(backend, wanted=with_runs, as_json=answers.json) as read:
        place = _place(backend)
        facts, faults, warnings = _examined(place)
        journals = read(place) if place else None  # that the settings cannot be read is told already
    faults += journals.faults if journals else []
    told = {"journals": journals.facts if journals else None} if with_runs else {}
    answers.object(
        {**facts, **told, "broken": list(map(fault_row, faults)), "warnings": list(map(fault_row, warnings))}
    )
    answers.text(*_lines(facts), "", *(journals.lines if journals else []))
    answers.text(*fault_lines(faults) or ["Nothing is known to be broken."])
    answers.text(*["", "Worth a look:", *fault_lines(warnings)] if warnings else [])
    return _BROKEN if faults else 0


def _examined(place: str | None) -> tuple[dict[str, Any], list[Fault], list[Fault]]:
    """What the installation is, what is broken in it, and what is worth a look."""
    from sqlite3 import sqlite_version_info  # a Python without SQLite still has the rest of the command line

    catalog = Catalog(discover())
    installed = catalog.entries()
    library = journal_of(sqlite_version_info)
    warnings, unreadable = suspicions(catalog)
    faults = [
        *_library_faults(library),
        *_settings_faults(),
        *_unmet({*_OURS, *(entry.distribution for entry in installed)}),
        *known_faults(catalog),
        *unreadable,
    ]
    facts: dict[str, Any] = {
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "sqlite": library._asdict(),
        "runs": place,
        "templates": [str(offer) for offer in catalog.offers()],
        "plugins": [str(plugin) for plugin in catalog.plugins()],
        "verdicts": _verdicts(installed, remembered(installed), now=time.time()),
    }
    return facts, faults, warnings


def journal_of(library: tuple[int, int, int]) -> SQLite:
    """The journal mode that is safe with a version of the library, or None where the backend cannot start."""
    version = ".".join(map(str, library))
    if library < _STRICT_TABLES:
        return SQLite(version, None, "the backend needs strict tables, which came with 3.37.0")
    if library < _WAL_RESET_FIXED:
        return SQLite(version, "WAL", "checkpoints are taken alone, for the WAL-reset bug that 3.51.3 repairs")
    return SQLite(version, "WAL", "without restrictions")


def _library_faults(library: SQLite) -> list[Fault]:
    if library.journal:
        return []
    remedy = "Use a Python that is linked with SQLite 3.37 or newer, or another state backend."
    return [Fault("python", f"sqlite3 {library.version}", library.why, remedy)]


def _settings_faults() -> list[Fault]:
    from knows_core.settings import load_settings  # imports pydantic, which not every command needs

    try:
        load_settings()
    except ConfigError as error:
        return [Fault("settings", "", str(error).rstrip("."), "Correct the setting; every run is refused until then.")]
    return []


def _place(backend: str | None) -> str | None:
    """Where runs are recorded; None where the settings cannot be read."""
    try:
        return where(backend)
    except ConfigError:
        return None


@contextmanager
def _reading(backend: str | None, *, wanted: bool, as_json: bool) -> Generator[Callable[[str], Read | None]]:
    """Let the journals be read beside what happens in the block; the function waits for what they show, if anything."""
    if not wanted:
        yield lambda _: None
        return
    from knows_registry.cli.doctor_apart import reading  # subprocesses, for --runs alone

    with reading(backend, as_json=as_json) as read:
        yield read


def _unmet(distributions: Iterable[str]) -> list[Fault]:
    from knows_registry.installed import unmet  # the reader of full metadata: heavy, and only this command asks it

    return [
        Fault(distribution, "", f"it requires {requirement}, found {found}", f"`pip install '{requirement}'`.")
        for distribution in sorted(distributions)
        for requirement, found in unmet(distribution)
    ]


def _verdicts(installed: list[Entry], verdicts: dict[Entry, Verdict], *, now: float) -> dict[str, int]:
    broken = len(verdict_faults(verdicts))
    old = sum(now - verdict.checked_at > _OLD for verdict in verdicts.values())
    return {
        "ok": len(verdicts) - broken,
        "broken": broken,
        "unchecked": len(installed) - len(verdicts),
        "older_than_30_days": old,
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    python, library, verdicts = facts["python"], facts["sqlite"], facts["verdicts"]
    stale = verdicts["unchecked"] or verdicts["older_than_30_days"]
    counted = ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in verdicts.items() if number)
    return columns(
        [
            ("Python", f"{python['version']}  {python['executable']}"),
            ("SQLite", f"{library['version']}  journal {library['journal'] or 'none'}: {library['why']}"),
            ("Runs", facts["runs"] or "unknown: the settings cannot be read"),
            ("Templates", ", ".join(facts["templates"]) or "none"),
            ("Plugins", ", ".join(facts["plugins"]) or "none"),
            ("Verdicts", (counted or "none") + ("; `kwf plugins check` brings fresh ones" if stale else "")),
        ]
    )
