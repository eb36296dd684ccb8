"""What there is to choose from: offers by name and version, plugins by kind and key. Pure; nothing is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from knows_core import DuplicateTemplate, PluginBroken, TemplateNotFound
from knows_registry.discover import Entry, Fault, Found, Offer, Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from knows_core import Requirement, Version

_Claim = TypeVar("_Claim", Offer, Plugin)


class DuplicatePlugin(PluginBroken):
    """Two distributions bring a plugin of one kind and key; nothing is chosen silently."""

    code = "duplicate-plugin"
    sentence = "plugin {plugin} is claimed by {claimants}"
    remedy = "Uninstall all but one of them."


class Catalog:
    """Offers and plugins of one scan, and the templates registered since.

    `pinned` is asked about rivals alone: the distribution that counts for `NAME@VERSION` or `KIND.KEY`, or None.
    """

    def __init__(self, found: Found, pinned: Callable[[str], str | None] = lambda _: None) -> None:
        self._found = found
        self._pinned = pinned
        self._templates: dict[str, dict[Version, list[Offer]]] = {}
        self._plugins: dict[tuple[str, str], list[Plugin]] = {}
        for offer in found.offers:
            claimants = self._templates.setdefault(offer.name, {}).setdefault(offer.version, [])
            if not _repeated(offer.entry, (other.entry for other in claimants)):
                claimants.append(offer)
        for plugin in found.plugins:
            rivals = self._plugins.setdefault((plugin.kind, plugin.key), [])
            if not _repeated(plugin.entry, (other.entry for other in rivals)):
                rivals.append(plugin)

    def offers(self) -> list[Offer]:
        """Every offer by name, the newest version first; claimants of one name and version follow each other."""
        return [
            offer
            for _, versions in sorted(self._templates.items())
            for _, claimants in sorted(versions.items(), reverse=True)
            for offer in claimants
        ]

    def plugins(self) -> list[Plugin]:
        """Every plugin by kind and key."""
        return [plugin for _, rivals in sorted(self._plugins.items()) for plugin in rivals]

    def keys(self, kind: str) -> list[str]:
        """The keys of one kind of plugin."""
        return sorted(key for other, key in self._plugins if other == kind)

    def sole_plugins(self, kinds: Container[str]) -> list[Plugin]:
        """Every plugin of these kinds that has no rival, or is the pinned one of them."""
        of_kinds = [self._counted(rivals) for (kind, _), rivals in sorted(self._plugins.items()) if kind in kinds]
        return [rivals[0] for rivals in of_kinds if len(rivals) == 1]

    def entries(self) -> list[Entry]:
        """Every installed entry point that has a readable name: templates, then plugins."""
        offers = [offer.entry for offer in self.offers() if offer.entry]
        return offers + [plugin.entry for plugin in self.plugins()]

    def faults(self) -> list[Fault]:
        """What the metadata alone shows to be broken: entries that cannot be read, and rival claims."""
        return [*self._found.faults, *self._conflicts()]

    def versions(self, name: str) -> list[Version]:
        """Every version of a template, the newest first."""
        return sorted(self._templates.get(name, {}), reverse=True)

    def claimants(self, name: str, version: Version) -> list[Offer]:
        """Everybody who offers a version and counts: one, unless it is a conflict; nobody where it is not there."""
        return list(self._counted(self._templates.get(name, {}).get(version, [])))

    def offer(self, name: str, version: Version) -> Offer:
        """The offer of a version that is there. Raises DuplicateTemplate if it has rivals."""
        claimants = self._counted(self._templates[name][version])
        if len(claimants) > 1:
            raise _duplicate(claimants)
        return claimants[0]

    def matching(self, requirement: Requirement) -> list[Version]:
        """The versions in a range, the newest first. Raises TemplateNotFound where there is none."""
        found = [version for version in self.versions(requirement.name) if version in requirement.range]
        if not found:
            raise TemplateNotFound(requirement=str(requirement), found=self._what_exists(requirement.name))
        return found

    def find(self, requirement: Requirement) -> Offer:
        """The newest version in the range. Raises TemplateNotFound, or DuplicateTemplate if that one has rivals."""
        return self.offer(requirement.name, self.matching(requirement)[0])

    def add(self, offer: Offer) -> None:
        """Offer a template that was made at run time. Raises DuplicateTemplate rather than shadow another."""
        versions = self._templates.setdefault(offer.name, {})
        if offer.version in versions:
            raise _duplicate([*versions[offer.version], offer])
        versions[offer.version] = [offer]

    def plugin(self, kind: str, key: str) -> Plugin | None:
        """The plugin of that kind and key, or None. Raises DuplicatePlugin."""
        rivals = self._counted(self._plugins.get((kind, key), []))
        if len(rivals) > 1:
            raise DuplicatePlugin(plugin=f"{kind}.{key}", claimants=_and(rival.entry.source for rival in rivals))
        return rivals[0] if rivals else None

    def _counted(self, claims: list[_Claim]) -> list[_Claim]:
        """Of rivals the pinned one; all of them where that is none."""
        if len(claims) < 2:  # noqa: PLR2004 - no rivals
            return claims
        distribution = self._pinned(str(claims[0]))
        return [one for one in claims if one.entry and one.entry.distribution == distribution] or claims

    def _conflicts(self) -> Iterator[Fault]:
        claims: list[Sequence[Offer | Plugin]] = [*map(self._counted, self._plugins.values())]
        for versions in self._templates.values():
            claims += map(self._counted, versions.values())
        for rivals in claims:
            if len(rivals) > 1:
                claimants = _and(rival.entry.source for rival in rivals if rival.entry)
                names = _and(dict.fromkeys(rival.entry.distribution for rival in rivals if rival.entry))
                remedy = "Uninstall all but one of them."
                yield Fault(names, str(rivals[0]), f"it is claimed by {claimants}", remedy)

    def _what_exists(self, name: str) -> str:
        """What a person who asked in vain for `name` wants to know."""
        if versions := self._templates.get(name):
            return f"there are {', '.join(map(str, sorted(versions, reverse=True)))}"
        if faults := [fault for fault in self._found.faults if fault.entry.partition("@")[0] == name]:
            return f"{faults[0].distribution} offers it, but {faults[0].reason}"
        if not self._templates:
            return "no template is installed"
        from difflib import get_close_matches  # only a reader of this sentence needs it

        close = get_close_matches(name, self._templates, n=3)
        return f"close names are {', '.join(close)}" if close else "no name is close to it"


def _repeated(entry: Entry | None, others: Iterable[Entry | None]) -> bool:
    """Whether one distribution names one object twice, which is no conflict with itself."""
    return any(
        entry and other and (entry.distribution, entry.value) == (other.distribution, other.value) for other in others
    )


def _duplicate(claimants: list[Offer]) -> DuplicateTemplate:
    offer = claimants[0]
    return DuplicateTemplate(
        name=offer.name, version=str(offer.version), claimants=_and(claimant.source for claimant in claimants)
    )


def _and(parts: Iterable[str]) -> str:
    return " and ".join(parts)
