"""The project folder of a plugin: what its pyproject.toml says of the templates, and where its packages are."""

from __future__ import annotations

import importlib
import sys
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from knows_core import ConfigError, DefinitionError, Version
from knows_core.template import definition_of
from knows_registry.discover import TEMPLATES, Entry, Folder, Offer, entry_in, normalized, offer_of
from knows_registry.loading import load_template
from knows_registry.manifests.manifest_place import places_of
from knows_registry.manifests.profile import Profile, profile_of
from knows_registry.permits.permission import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from knows_core.template import Definition

NOTICES = "knows-templates"  # of the table [tool.knows-templates]: [tool.knows] holds settings, and refuses all others
_TABLE = f'[project.entry-points."{TEMPLATES}"]'


NOTHING_SIGNED: Final[Mapping[str, str]] = MappingProxyType({})


class Notice(NamedTuple):
    """What is to be said of a version besides what it is: the reasons why it is yanked or deprecated, what follows.

    `signed` has the paths of changes that cannot be compared, with the reason why they are compatible.
    """

    yanked: str = ""
    deprecated: str = ""
    successor: str = ""
    signed: Mapping[str, str] = NOTHING_SIGNED


class Project(NamedTuple):
    """What the file says; `notices` are by `name@version`."""

    folder: Path
    distribution: str
    offers: tuple[Offer, ...]
    notices: Mapping[str, Notice]


class Package(NamedTuple):
    """A top-level package, or a single module, of a project.

    `root` is the folder to import it from, `home` the one in which a manifest lies.
    """

    name: str
    root: Path
    home: Path


def project_in(folder: Path) -> Project:
    """Read the project in a folder. Raises ConfigError for what is not there or cannot be used."""
    file = folder / "pyproject.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(name=str(file), expected="the project of a plugin", found="no such file") from None
    except (OSError, ValueError) as error:
        raise ConfigError(name=str(file), expected="a TOML file", found=str(error)) from error
    name = _at(content, "project", "name")
    if not isinstance(name, str):
        raise ConfigError(name="[project] name", expected="the name of the distribution", found=name)
    distribution, version = normalized(name), _at(content, "project", "version")
    place = Folder(str(folder), distribution, version if isinstance(version, str) else "unknown")
    offers = tuple(_offers(_at(content, "project", "entry-points", TEMPLATES), place))
    return Project(folder, distribution, offers, _notices(_at(content, "tool", NOTICES), offers))


def _at(content: Any, *keys: str) -> Any:
    for key in keys:
        content = cast("dict[str, Any]", content).get(key) if isinstance(content, dict) else None
    return content


def _offers(table: Any, place: Folder) -> Iterable[Offer]:
    if not isinstance(table, dict) or not table:
        raise ConfigError(name=_TABLE, expected='lines such as "etch@1.2.0" = "acme_etch:etch"', found=table)
    for name, value in cast("dict[str, Any]", table).items():
        try:
            yield offer_of(entry_in(TEMPLATES, f"{name} = {value}", place))
        except ValueError as error:
            raise ConfigError(f"{_TABLE}: {error}") from error


def _notices(table: Any, offers: tuple[Offer, ...]) -> dict[str, Notice]:
    """The notices by template and version as those are written out."""
    found: dict[str, Notice] = {}
    for name, given in cast("dict[str, Any]", table or {}).items():
        where = f'[tool.{NOTICES}."{name}"]'
        offer = _named(name, offers)
        if offer is None:
            expected = f"a template of this project ({', '.join(map(str, offers))})"
            raise ConfigError(name=where, expected=expected, found=name)
        notice = cast("dict[str, Any]", given) if isinstance(given, dict) else {"": given}
        for field, value in notice.items():
            if not (_is_signed(value) if field == "signed" else field in Notice._fields and _is_text(value)):
                expected = 'yanked = "why", deprecated = "why", successor = "version" or signed = {"path" = "why"}'
                raise ConfigError(name=where, expected=expected, found=f"{field} = {value!r}")
        if "successor" in notice:
            notice |= {"successor": _successor(where, notice, offer)}
        found[str(offer)] = Notice(**notice)
    return found


def _is_signed(value: Any) -> bool:
    held: list[Any] = list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else [None]
    return all(map(_is_text, held))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _named(name: str, offers: tuple[Offer, ...]) -> Offer | None:
    template, _, version = name.partition("@")
    try:
        return next((one for one in offers if one[:2] == (template.strip(), Version(version.strip()))), None)
    except ValueError:
        return None


def _successor(where: str, notice: Mapping[str, str], offer: Offer) -> str:
    try:
        version = Version(notice["successor"].strip())
    except ValueError as error:
        raise ConfigError(f"{where}: successor: {error}") from error
    if version == offer.version or not (notice.keys() & {"yanked", "deprecated"}):
        expected = "another version, beside the reason why this one is yanked or deprecated"
        raise ConfigError(name=f"{where} successor", expected=expected, found=str(version))
    return str(version)


# ------------------------------------------------------------------ packages


def packages_of(project: Project) -> dict[Package, list[Offer]]:
    """The packages of a project that have templates, found without executing anything. Raises ConfigError."""
    found: dict[Package, list[Offer]] = {}
    for offer in project.offers:
        top = _entry(offer).module.partition(".")[0]
        found.setdefault(_package(top, project.folder), []).append(offer)
    return found


def _package(top: str, folder: Path) -> Package:
    roots = [folder / "src", folder]
    for root in roots:
        if (root / top).is_dir():
            return Package(top, root, root / top)
        if (root / f"{top}.py").is_file():
            return Package(top, root, root)
    for place in places_of(top):  # where an editable installation says, which may be any folder of the project
        home = folder / place
        if home.is_relative_to(folder) and home.is_dir():
            return Package(top, home.parent if home.name == top else home, home)
    expected = f"the package or module of a template in {' or '.join(map(str, roots))}"
    raise ConfigError(name=top, expected=expected, found="none")


def profiles_of(project: Project, package: Package, offers: Iterable[Offer]) -> list[Profile]:
    """Import the templates of a package and take their profiles, with what the project says of them.

    Raises TemplateBroken for one that cannot be imported, DefinitionError for one with problems, and ConfigError where
    its name would import a package that lies elsewhere, such as an installed copy.
    """
    if str(package.root) not in sys.path:
        sys.path.insert(0, str(package.root))  # and left there: a template may import a neighbour only when it is asked
    importlib.invalidate_caches()
    found = places_of(package.name)
    if not any(package.home.samefile(place) for place in found):
        where = ", ".join(found) or "nowhere"
        raise ConfigError(name=package.name, expected=f"to be imported from {package.home}", found=where)
    return [_profile(offer, project.notices.get(str(offer), Notice())) for offer in offers]


def definition(offer: Offer) -> Definition:
    """Import a template of a project. Raises TemplateBroken."""
    return definition_of(load_template(offer, _entry(offer), Permission("any")))  # the person's own code


def _profile(offer: Offer, notice: Notice) -> Profile:
    template = definition(offer)
    if template.problems:  # whoever reads a manifest relies on the template being sound in itself
        problems = "; ".join(str(one).rstrip(".") for one in template.problems)
        raise DefinitionError(template=offer, problems=problems)
    profile = profile_of(template)
    return profile._replace(yanked=notice.yanked, deprecated=notice.deprecated, successor=notice.successor)


def _entry(offer: Offer) -> Entry:
    if offer.entry is None:  # whatever a project offers has one
        raise AssertionError(offer)
    return offer.entry
