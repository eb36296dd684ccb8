"""What a new shape of a template means for runs that are under way: what differs, and whether they could go on.

A run goes on with another version only while all that is recorded is an unchanged beginning of the new shape, or by a
migration that the new version declares; see `knows_core.contract` and `knows_core.flows.migration`.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from knows_core.flows.migration import migration_from
from knows_core.resuming.migrating import new_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from knows_core.flows.migration import Migration


class Entry(NamedTuple):
    """One entry of a shape; `turn` tells nodes of one kind and path apart, as of a `case` that begins with a `case`."""

    kind: str
    path: str
    deciding: tuple[str, ...]
    turn: int

    def __str__(self) -> str:
        return " ".join(([] if self.kind == "step" else [self.kind]) + [self.path, *self.deciding])


class Step(NamedTuple):
    """One difference between two shapes, under a rule of `contract_rules`."""

    rule: str
    was: str
    now: str


def shape_changes(old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]) -> list[Step]:
    """Every difference between two shapes, in their order.

    The end of a node is told with the node, but for one that alone has moved: what stood behind it is now inside, or
    the other way round.
    """
    before, after = _entries(old), _entries(new)
    found: list[Step] = []
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what != "equal":
            found += _changes(before[a:b], after[c:d], before, after, is_end=a == len(before))
    return found


def _entries(shape: Sequence[Sequence[str]]) -> list[Entry]:
    turns = Counter[tuple[str, str]]()
    found: list[Entry] = []
    for kind, path, *deciding in shape:
        found.append(Entry(kind, path, tuple(deciding), turns[kind, path]))
        turns[kind, path] += 1
    return found


def _changes(
    gone: list[Entry], come: list[Entry], before: list[Entry], after: list[Entry], *, is_end: bool
) -> list[Step]:
    found = [Step("step-moved", str(one), str(one)) for one in come if one in before]
    gone = [one for one in gone if one not in after and not _is_end(one)]
    come = [one for one in come if one not in before and not _is_end(one)]
    for one in list(gone):
        other = next((other for other in come if other.path == one.path), None)
        if other is not None:
            gone.remove(one)
            come.remove(other)
            found.append(Step("step-replaced", str(one), str(other)))
    if gone and [one.kind for one in gone] == [one.kind for one in come]:
        return found + [Step("step-renamed", one.path, other.path) for one, other in zip(gone, come, strict=True)]
    found += [Step("step-removed", str(one), "") for one in gone]
    return found + [Step("step-appended" if is_end else "step-inserted", "", str(one)) for one in come]


def _is_end(entry: Entry) -> bool:
    return entry.kind.startswith("end of ")


def is_resumable(old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]) -> bool:
    """Whether the old shape is an unchanged beginning of the new one."""
    return [list(one) for one in new[: len(old)]] == [list(one) for one in old]


def covering(
    old: Sequence[Sequence[str]], new: Sequence[Sequence[str]], version: str, migrations: Iterable[Migration]
) -> str:
    """The range of the declared migration that leads runs of this version over; empty where none does."""
    migration = migration_from(migrations, version)
    if migration is None:
        return ""
    moved = [[kind, new_path(path, migration.steps), *deciding] for kind, path, *deciding in old]
    kept = [[str(part) for part in one] for one in moved if one[1] is not None]
    return migration.since if is_resumable(kept, new) else ""
