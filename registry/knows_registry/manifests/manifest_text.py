"""The text of a manifest: profiles to JSON and back. Pure; what is wrong with a text is told by its place in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from knows_core import KnowsError, Requirement, Version
from knows_core.describing.digests import digest_of
from knows_core.flows.migration import Migration
from knows_registry.manifests.profile import Profile, Used

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

FORMAT = 1
MODES = (
    "strict",
    "lenient",
    "warn",
    "off",
)  # as in knows_core.checking.seams, which costs more to import
_MOST_SHOWN = 40


class BadManifest(ValueError):
    """What was expected and found, and where in the JSON."""


class Manifest(NamedTuple):
    """The profiles of the templates of one distribution, by name and version."""

    distribution: str
    profiles: tuple[Profile, ...]


def text_of(manifest: Manifest) -> str:
    """The one canonical text of a manifest: keys and profiles sorted, ASCII, a newline at its end."""
    rows = sorted(manifest.profiles, key=lambda one: (one.name, Version(one.version)))
    content = {
        "format": FORMAT,
        "distribution": manifest.distribution,
        "templates": [_row(profile) for profile in rows],
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _row(profile: Profile) -> dict[str, Any]:
    told = {key: one for key, one in profile._asdict().items() if one is not None}
    if profile.migrations is not None:
        told["migrations"] = [{"since": one.since, "steps": dict(one.steps)} for one in profile.migrations]
    return told | {"uses": [used._asdict() for used in profile.uses]}


def manifest_in(text: str, distribution: str) -> Manifest:
    """Read the manifest of a distribution. Raises BadManifest.

    Fields that it does not know are passed over: a later version of this format may add some. `format` grows with a
    change that a reader of today would get wrong.
    """
    try:
        content = _At("$", json.loads(text)).mapping()
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, BadManifest) else BadManifest(f"it is no JSON: {error}") from error
    if (found := content.value.get("format")) != FORMAT:
        raise BadManifest(f"$.format: expected {FORMAT}, found {_told(found)}")
    own = content.at("distribution")
    if own.text() != distribution:
        raise BadManifest(f"$.distribution: expected {distribution}, found {_told(own.value)}")
    profiles = tuple(map(_profile, content.at("templates").items()))
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(profiles):
        if one[:2] in seen:
            raise BadManifest(f"$.templates[{number}]: {one.name}@{one.version} is there twice")
        seen.add(one[:2])
    return Manifest(distribution, profiles)


class _At:
    """A JSON value and its path."""

    def __init__(self, path: str, value: Any) -> None:
        self.path = path
        self.value = value

    def at(self, key: str, otherwise: Any = ...) -> _At:
        """The value of a key in a mapping."""
        found = self.value.get(key, otherwise)
        if found is ...:
            raise BadManifest(f"{self.path}: expected {key!r} in it, found {', '.join(self.value) or 'nothing'}")
        return _At(f"{self.path}.{key}", found)

    def mapping(self) -> _At:
        """Itself, which is a mapping."""
        return self._of(dict, "an object")

    def items(self) -> list[_At]:
        """The values of a list."""
        held = cast("list[Any]", self._of(list, "a list").value)
        return [_At(f"{self.path}[{number}]", one) for number, one in enumerate(held)]

    def text(self) -> str:
        """A text."""
        return str(self._of(str, "a text").value)

    def read(self, kind: type[Version | Requirement]) -> str:
        """A text that some type can read, spelled as the type spells it."""
        text = self.text()
        try:
            spelled = str(kind(text))
        except KnowsError as error:
            raise BadManifest(f"{self.path}: {error}") from error
        if spelled != text:
            raise BadManifest(f"{self.path}: expected {spelled}, found {text}")
        return text

    def _of(self, kind: type, expected: str) -> _At:
        if not isinstance(self.value, kind):
            raise BadManifest(f"{self.path}: expected {expected}, found {_told(self.value)}")
        return self


def _profile(row: _At) -> Profile:
    row.mapping()
    contract, shape = row.at("contract").mapping(), row.at("shape")
    for name, one in (("contract_digest", contract), ("shape_digest", shape)):
        digest = row.at(name)
        if digest.text() != (actual := digest_of(one.value)):
            raise BadManifest(f"{digest.path}: expected {actual}, found {_told(digest.value)}")
    _check_contract(contract)
    return Profile(
        name=row.at("name").read(Requirement),
        version=row.at("version").read(Version),
        summary=row.at("summary").text(),
        contract=contract.value,
        contract_digest=row.at("contract_digest").text(),
        shape=[[word.text() for word in entry.items()] for entry in shape.items()],
        shape_digest=row.at("shape_digest").text(),
        uses=tuple(map(_used, row.at("uses").items())),
        yanked=row.at("yanked", "").text(),
        deprecated=row.at("deprecated", "").text(),
        successor=row.at("successor", "").text() and row.at("successor").read(Version),
        types=_types(row.at("types", "strict")),
        lineage={name: [each.text() for each in one.items()] for name, one in _entries(row.at("lineage", {}))},
        defaults=_where_told(row.at("defaults", None), lambda defaults: defaults.mapping().value),
        flow=_where_told(row.at("flow", None), lambda flow: flow.mapping().value),
        migrations=_where_told(row.at("migrations", None), lambda told: tuple(map(_migration, told.items()))),
    )


def _where_told(place: _At, read: Callable[[_At], _T]) -> _T | None:
    """What stands in a place that manifests of older makers lack."""
    return None if place.value is None else read(place)


def _migration(row: _At) -> Migration:
    since, steps = row.mapping().at("since").text(), row.at("steps")
    try:
        return Migration(since, {path: one.value and one.text() for path, one in _entries(steps)})
    except KnowsError as error:
        raise BadManifest(f"{row.path}: {error}") from error


def _types(mode: _At) -> str:
    if mode.text() not in MODES:
        raise BadManifest(f"{mode.path}: expected {', '.join(MODES)}, found {_told(mode.value)}")
    return mode.text()


def _check_contract(contract: _At) -> None:
    """That a contract has the parts which its readers look into."""
    for part in ("input", "output", "state_in", "state_out", "uses", "definitions"):
        contract.at(part).mapping()
    for part in ("errors", "decisions"):
        contract.at(part).items()
    for key, one in contract.value["state_in"].items():
        state = _At(f"{contract.path}.state_in.{key}", one).mapping()
        state.at("type").mapping()
        state.at("required")


def _used(use: _At) -> Used:
    use.mapping()
    keys = use.at("keys")
    name, wanted = use.at("name").read(Requirement), use.at("range").text()
    try:
        Requirement(name, wanted)
    except KnowsError as error:
        raise BadManifest(f"{use.path}.range: {error}") from error
    return Used(
        path=use.at("path").text(),
        name=name,
        range=wanted,
        alias=use.at("alias").text(),
        keys=keys.text() if isinstance(keys.value, str) else {key: one.text() for key, one in _entries(keys)},
    )


def _entries(held: _At) -> list[tuple[str, _At]]:
    return [(key, held.at(key)) for key in held.mapping().value]


def _told(value: Any) -> str:
    """A JSON value in few words."""
    text = json.dumps(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
