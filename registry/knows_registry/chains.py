"""Who wants a template, and who wants those: every way through a lock from the request to a name. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_registry.locking.lock import REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from knows_registry.locking.lock import Lock, LockedTemplate


class Link(NamedTuple):
    """One step of a chain: `user`, the request where it is REQUEST, wants a range and gets what fills the slot."""

    user: str
    wanted: str
    row: LockedTemplate


def chains(lock: Lock, name: str) -> Iterator[tuple[Link, ...]]:
    """Every chain that leads from the request to a template of that name; one by one, since there may be many."""
    rows = {str(row.slot): row for row in lock.templates}

    def lead_to(row: LockedTemplate, rest: tuple[Link, ...]) -> Iterator[tuple[Link, ...]]:
        for user, wanted in row.required_by:
            chain = (Link(user, wanted, row), *rest)
            if user == REQUEST:
                yield chain
            elif user in rows and all(one.row is not rows[user] for one in chain):
                yield from lead_to(rows[user], chain)

    for row in lock.templates:
        if row.slot.name == name:
            yield from lead_to(row, ())


def users(lock: Lock, slot: str) -> list[str]:
    """Everything that requires a slot, directly or through others, as texts of slots."""
    rows = {str(row.slot): row for row in lock.templates}
    found: set[str] = set()
    waiting = [slot]
    while waiting:
        row = rows.get(waiting.pop())
        fresh = {user for user, _ in row.required_by if user != REQUEST} - found if row else set[str]()
        found |= fresh
        waiting += fresh
    return sorted(found - {slot})


def longest(found: Iterable[tuple[Link, ...]]) -> list[tuple[Link, ...]]:
    """The chains that are no end of another one: who asks for a part alone gets nothing that the whole would not."""
    all_of_them = list(dict.fromkeys(found))
    ends = {_places(chain[start:]) for chain in all_of_them for start in range(1, len(chain))}
    return [chain for chain in all_of_them if _places(chain) not in ends]


def _places(chain: tuple[Link, ...]) -> tuple[str, ...]:
    return tuple(f"{link.row.slot} {link.row.version}" for link in chain)
