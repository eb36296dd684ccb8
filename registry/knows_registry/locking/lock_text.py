"""A lock as values, and the one text of it: TOML with sorted rows, a digest of the request and one of all the rest."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from knows_core import Requirement, Version
from knows_registry.resolving.resolve import Need, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUEST = ""  # stands where a template would, for the request itself
DIGESTS = {"request-digest": "the request", "digest": "the rest"}
_FORMAT = 1
_HEADER = "# Written by `kwf lock`; a change by hand is refused."
_NEED = re.compile(r"(.+?)(?: \(as (.+) in (.+)\))?")
_BY = " needs "
_REQUEST = "the request"
_V = TypeVar("_V")


class LockedTemplate(NamedTuple):
    """One row: the version that fills a slot, where it comes from, what it is, and who wants it in which range.

    Without `distribution` it was registered at run time. `required_by` holds slots as texts, REQUEST for the request,
    each with its range.
    """

    slot: Slot
    version: Version
    distribution: str
    distribution_version: str
    entry_point: str
    contract: str
    shape: str
    artifact: str
    editable: bool
    required_by: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.slot} {self.version}"


class LockedPlugin(NamedTuple):
    """A plugin that a run loads (`hooks.audit`, `backend.sqlite`), and the artifact it is part of."""

    entry: str
    distribution: str
    distribution_version: str
    artifact: str
    editable: bool

    def __str__(self) -> str:
        return f"plugin {self.entry} of {self.distribution} {self.distribution_version}"


class Lock(NamedTuple):
    """A whole lock file."""

    request: tuple[Need, ...]
    templates: tuple[LockedTemplate, ...]
    plugins: tuple[LockedPlugin, ...]

    @property
    def versions(self) -> dict[Slot, Version]:
        """What a resolution prefers."""
        return {row.slot: row.version for row in self.templates}

    @property
    def distributions(self) -> dict[str, str]:
        """Whose templates (`pump@1.2.0`) and plugins (`hooks.audit`) these are."""
        templates = {f"{row.slot.name}@{row.version}": row.distribution for row in self.templates}
        return templates | {row.entry: row.distribution for row in self.plugins}


# ------------------------------------------------------------------ as text


def text_of(lock: Lock) -> str:
    """The one canonical text of a lock: sorted, no time stamp, no path, no host."""
    request = sorted(set(map(need_text, lock.request)))
    templates = sorted(lock.templates, key=lambda row: row.slot)
    plugins = sorted(lock.plugins)
    head = {"lock-version": _FORMAT, "request": request, "request-digest": _digest("\n".join(request))}
    rows = [f"\n[[template]]\n{_toml(_template_table(row))}" for row in templates]
    rows += [f"\n[[plugin]]\n{_toml(_plugin_table(row))}" for row in plugins]
    top, rest = f"{_HEADER}\n{_toml(head)}", "".join(rows)
    return f"{top}{_toml({'digest': _digest(top + rest)})}{rest}"


def need_text(need: Need) -> str:
    """What is wanted, as a person types it: `pump@^1.2`; a file's own alias cannot be typed and stands behind it."""
    slot = need.slot
    return f"{Requirement(slot.name, need.range)}{f' (as {slot.alias} in {slot.user})' if slot.alias else ''}"


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _toml(table: Mapping[str, Any]) -> str:
    """One flat table. Each alone, since how a writer arranges tables in tables may change from release to release."""
    import tomli_w  # see `write`

    return tomli_w.dumps({key: value for key, value in table.items() if value not in ("", False)})


def _template_table(row: LockedTemplate) -> dict[str, Any]:
    return {
        **row.slot._asdict(),
        "version": str(row.version),
        **_artifact_table(row),
        "entry-point": row.entry_point,
        "contract": row.contract,
        "shape": row.shape,
        "required-by": [f"{user or _REQUEST}{_BY}{wanted}" for user, wanted in sorted(set(row.required_by))],
    }


def _plugin_table(row: LockedPlugin) -> dict[str, Any]:
    return {"entry": row.entry, **_artifact_table(row)}


def _artifact_table(row: LockedTemplate | LockedPlugin) -> dict[str, Any]:
    return {
        "distribution": row.distribution,
        "distribution-version": row.distribution_version,
        "artifact": row.artifact,
        "editable": row.editable,
    }


# ------------------------------------------------------------------ from a text


def parsed(text: str) -> Lock:
    """What a text says, whether or not it says it in the canonical way. Raises ValueError, LookupError or TypeError."""
    import tomllib  # only where there is a lock

    table = tomllib.loads(text)
    if table.get("lock-version") != _FORMAT:
        raise ValueError(f"expected lock-version = {_FORMAT}, found {table.get('lock-version')!r}")
    lock = Lock(
        tuple(map(_need, _texts(table, "request"))),
        tuple(_row(one, number, _template) for number, one in enumerate(table.get("template", []), 1)),
        tuple(_row(one, number, _plugin) for number, one in enumerate(table.get("plugin", []), 1)),
    )
    if len(lock.versions) < len(lock.templates):
        raise ValueError("two of its templates fill one slot")
    return lock


def _row(table: Any, number: int, made: Callable[[Mapping[str, Any]], _V]) -> _V:
    kind = "template" if made is _template else "plugin"
    if not isinstance(table, dict):
        raise TypeError(f"expected a table, found {table!r} as {kind} {number}")
    try:
        return made(cast("dict[str, Any]", table))
    except ValueError as error:
        raise ValueError(f"{kind} {number}: {error}") from error


def _template(table: Mapping[str, Any]) -> LockedTemplate:
    # A distribution is lacking where the template was registered at run time.
    artifact = _artifact(table) if "distribution" in table else ("", "", "", False)
    distribution, distribution_version, digest, editable = artifact
    return LockedTemplate(
        Slot(_text(table, "name"), _text(table, "alias", ""), _text(table, "user", "")),
        Version(_text(table, "version")),
        distribution,
        distribution_version,
        _text(table, "entry-point", "" if not distribution else None),
        _text(table, "contract"),
        _text(table, "shape"),
        digest,
        editable,
        tuple(_requirer(one) for one in _texts(table, "required-by")),
    )


def _plugin(table: Mapping[str, Any]) -> LockedPlugin:
    return LockedPlugin(_text(table, "entry"), *_artifact(table))


def _artifact(table: Mapping[str, Any]) -> tuple[str, str, str, bool]:
    editable = table.get("editable", False)
    if not isinstance(editable, bool):
        raise ValueError(f"expected true or false as editable, found {editable!r}")  # noqa: TRY004 - see `_row`
    names = (_text(table, "distribution"), _text(table, "distribution-version"))
    return (*names, _text(table, "artifact", ""), editable)


def _need(text: str) -> Need:
    match = _NEED.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a template and a range in request, found {text!r}")
    wanted = Requirement.parse(match[1])
    return Need(Slot(wanted.name, match[2] or "", match[3] or ""), wanted.range)


def _requirer(text: str) -> tuple[str, str]:
    user, by, wanted = text.rpartition(_BY)
    if not by:
        raise ValueError(f"expected `USER{_BY}RANGE` in required-by, found {text!r}")
    return "" if user == _REQUEST else user, wanted


def _text(table: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"expected a text as {key}, found {value!r}")  # noqa: TRY004 - see `_row`
    return value


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[Any]", value)):
        raise ValueError(f"expected a list of texts as {key}, found {value!r}")
    return cast("list[str]", value)
