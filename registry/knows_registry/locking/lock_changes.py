"""What differs between two locks, row by row. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from knows_registry.locking.lock import LockedPlugin, LockedTemplate, need_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from knows_registry.locking.lock import Lock

    Row = LockedTemplate | LockedPlugin

_PARTS = {
    "entry_point": "entry point",
    "contract": "contract",
    "shape": "shape",
    "artifact": "artifact",
    "editable": "kind of installation",
    "required_by": "who requires it",
}


class Change(NamedTuple):
    """A row that came, went, or says something else.

    `subject` is the slot of a template, the entry of a plugin, or a wanted range of the request; `was` and `now` are
    versions with where they come from, empty where there is none or the kind has none. `parts` names what else differs.
    """

    kind: str
    what: str
    subject: str
    was: str = ""
    now: str = ""
    parts: tuple[str, ...] = ()
    before: LockedTemplate | None = None
    after: LockedTemplate | None = None

    def __str__(self) -> str:
        name = self.subject if self.kind == "template" else f"{self.kind} {self.subject}"
        if self.what != "changed":
            return f"{'+' if self.what == 'added' else '-'} {name} {self.now or self.was}".rstrip()
        moved = self.now if self.was == self.now else f"{self.was} -> {self.now}"
        return f"{name} {moved}" + (f": {', '.join(self.parts)} changed" if self.parts else "")

    @property
    def moved(self) -> bool:
        """Whether a slot got another version of its template."""
        return bool(self.before and self.after and self.before.version != self.after.version)

    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        known = {"kind": self.kind, "change": self.what, "name": self.subject}
        return {**known, "from": self.was or None, "to": self.now or None, "parts": list(self.parts)}


def changes(before: Lock, after: Lock) -> list[Change]:
    """Every difference: the request first, then templates by slot, then plugins."""
    old, new = {need_text(one) for one in before.request}, {need_text(one) for one in after.request}
    return [
        *(Change("request", "removed", one) for one in sorted(old - new)),
        *(Change("request", "added", one) for one in sorted(new - old)),
        *_rows("template", before.templates, after.templates),
        *_rows("plugin", before.plugins, after.plugins),
    ]


def _rows(kind: str, before: Sequence[Row], after: Sequence[Row]) -> Iterator[Change]:
    old, new = {_subject(row): row for row in before}, {_subject(row): row for row in after}
    for subject in sorted(old.keys() | new.keys()):
        one, other = old.get(subject), new.get(subject)
        if one == other:
            continue
        what = "added" if one is None else "removed" if other is None else "changed"
        parts = tuple(_parts(one, other)) if one is not None and other is not None else ()
        templates = [row if isinstance(row, LockedTemplate) else None for row in (one, other)]
        yield Change(kind, what, subject, _version(one), _version(other), parts, *templates)


def _subject(row: Row) -> str:
    return str(row.slot) if isinstance(row, LockedTemplate) else row.entry


def _version(row: Row | None) -> str:
    if row is None:
        return ""
    source = f"{row.distribution} {row.distribution_version}" if row.distribution else "registered at run time"
    return f"{row.version} ({source})" if isinstance(row, LockedTemplate) else f"of {source}"


def _parts(one: Row, other: Row) -> Iterator[str]:
    for field, word in _PARTS.items():
        if getattr(one, field, None) != getattr(other, field, None):
            yield word
