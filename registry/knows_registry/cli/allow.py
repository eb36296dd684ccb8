"""`kwf plugins allow`: the distributions that may be imported, each as it was when it was permitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from knows_core import ConfigError
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.completion import distributions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from knows_registry.discover import Entry
    from knows_registry.permits.allowed import Allowed

_INSTALLED = "an installed distribution with templates or plugins"
_LISTED = "on the list of permitted distributions"


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=distributions)
@click.option("--revoke", is_flag=True, help="Take the distributions from the list.")
@json_option
@click.pass_obj
def allow(answers: Answers, names: Sequence[str], revoke: bool) -> None:
    """Permit the distributions NAME... to be imported as they are now, or show what is permitted.

    The list counts where the setting plugins is "allow". A distribution whose files change has to be permitted anew;
    an editable installation is bound by its name alone. Exit code 2: the list cannot be read. 3: there is no such
    distribution. 8: its files are not those that were installed.
    """
    from knows_registry.discover import normalized
    from knows_registry.permits.allowed import (  # JSON, hashes, folders: help must not pay for them
        allow_list,
        read,
        write,
    )

    if revoke and not names:
        raise click.UsageError("expected the name of a distribution after --revoke, found none")
    allowed, entries = read(), _entries()
    installed = {entry.distribution: entry for entry in reversed(entries)}
    chosen = [normalized(name) for name in names]
    changed = dict(allowed)
    for name in chosen:
        if revoke:
            if changed.pop(name, None) is None:
                raise _unknown(name, _LISTED, allowed, "kwf plugins allow")
        else:
            changed[name] = _as_installed(name, installed, entries)
    if changed != allowed:
        try:
            write(changed)
        except OSError as error:
            expected = f"a file that can be written, {allow_list()}"
            raise ConfigError(name="kwf plugins allow", expected=expected, found=error.strerror) from error
    rows = [_row(name, one, installed.get(name)) for name, one in sorted(changed.items())]
    answers.object({"file": str(allow_list()), "allowed": rows})
    _tell(answers, rows, chosen, revoke=revoke)


def _entries() -> list[Entry]:
    from knows_registry.catalog import Catalog
    from knows_registry.discover import discover

    return Catalog(discover()).entries()


def _as_installed(name: str, installed: Mapping[str, Entry], entries: Iterable[Entry]) -> Allowed:
    from knows_registry.permits.allowed import as_installed
    from knows_registry.permits.artifact import artifact_of
    from knows_registry.permits.permission import as_recorded

    entry = installed.get(name)
    if entry is None:
        bringing = next((one.distribution for one in entries if name in (one.name, one.name.partition("@")[0])), None)
        raise _unknown(name, _INSTALLED, installed, "kwf list", bringing)
    as_recorded(entry)
    return as_installed(artifact_of(entry.folder))


def _unknown(name: str, among: str, there: Iterable[str], command: str, bringing: str | None = None) -> Exception:
    from difflib import get_close_matches

    from knows_registry.permits.errors_permission import UnknownDistribution

    close = get_close_matches(name, there, n=3)
    hint = f"`{command}` shows what there is."
    found = f"close names are {', '.join(close)}" if close else "no name is close to it"
    if bringing is not None:
        hint = f"`kwf plugins allow {bringing}` permits it."
        found = f"{bringing} is the distribution that brings it"
    return UnknownDistribution(name=name, among=among, found=found, hint=hint)


# ------------------------------------------------------------------ the answer


def _row(name: str, one: Allowed, entry: Entry | None) -> dict[str, Any]:
    return {
        "distribution": name,
        "version": one.version,
        "artifact": one.digest or None,
        "editable": one.editable,
        "status": _status(one, entry),
    }


def _status(one: Allowed, entry: Entry | None) -> str:
    """What would be said if it were imported now."""
    from knows_registry.permits.errors_permission import ArtifactChanged
    from knows_registry.permits.permission import Permission

    if entry is None:
        return "not installed"
    error = Permission("allow", allowed={entry.distribution: one}).objection(entry)
    if error is None:
        return "as permitted"
    return "changed" if isinstance(error, ArtifactChanged) else "cannot be imported"


def _tell(answers: Answers, rows: Sequence[Mapping[str, Any]], chosen: Sequence[str], *, revoke: bool) -> None:
    if revoke:
        answers.text(*(f"{name} is no longer permitted." for name in chosen))
        return
    if chosen:
        answers.text(*(_permitted(row) for row in rows if row["distribution"] in chosen))
        return
    cells = [(row["distribution"], row["version"], _bound(row), row["status"]) for row in rows]
    if cells:
        answers.text(*columns(cells, ("DISTRIBUTION", "VERSION", "BOUND TO", "STATUS")))
    else:
        answers.text("Nothing is permitted. `kwf plugins allow NAME` permits a distribution.")


def _permitted(row: Mapping[str, Any]) -> str:
    if row["editable"]:
        return f"{row['distribution']} is permitted while it is an editable installation; nothing else binds it."
    return f"{row['distribution']} {row['version']} is permitted as it is now, bound to {_bound(row)}."


def _bound(row: Mapping[str, Any]) -> str:
    return "its name (editable)" if row["editable"] else row["artifact"] or "its version (no RECORD)"
