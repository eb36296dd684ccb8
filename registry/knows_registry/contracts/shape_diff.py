"""What a new shape of a template means for runs that are under way: what differs, and whether they could go on.

A run goes on with another version only while all that is recorded is an unchanged beginning of the new shape, or by a
migration that the new version declares; see `knows_core.contract` and `knows_core.flows.migration`.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from knows_core.flows.migration import migration_from
from knows_core.resuming.migrating import new_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from knows_core.flows.migration import Migration

Shape = list[list[str]]


class Step(NamedTuple):
    """One difference between two shapes, under a rule of `contract_rules`."""

    rule: str
    was: str
    now: str


def shape_changes(old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]) -> list[Step]:
    """Every difference between two shapes, in their order; the ends of nodes are told with the nodes."""
    before, after = ([tuple(one) for one in shape] for shape in (old, new))
    found: list[Step] = []
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what != "equal":
            found += _changes(before[a:b], after[c:d], before, after, is_end=a == len(before))
    return found


def _changes(
    gone: list[tuple[str, ...]],
    come: list[tuple[str, ...]],
    before: list[tuple[str, ...]],
    after: list[tuple[str, ...]],
    *,
    is_end: bool,
) -> Iterator[Step]:
    gone, come = ([one for one in some if not one[0].startswith("end of ")] for some in (gone, come))
    moved = [one for one in come if one in before]
    yield from (Step("step-moved", one[1], one[1]) for one in moved)
    gone = [one for one in gone if one not in after]
    come = [one for one in come if one not in before]
    paths = [one[1] for one in come]
    for one in [one for one in gone if one[1] in paths]:
        other = come.pop(paths.index(one[1]))
        paths = [one[1] for one in come]
        gone.remove(one)
        yield Step("step-replaced", _words(one), _words(other))
    kinds = [one[0] for one in gone], [one[0] for one in come]
    if gone and kinds[0] == kinds[1]:
        yield from (Step("step-renamed", one[1], other[1]) for one, other in zip(gone, come, strict=True))
        return
    yield from (Step("step-removed", _words(one), "") for one in gone)
    yield from (Step("step-appended" if is_end else "step-inserted", "", _words(one)) for one in come)


def _words(entry: tuple[str, ...]) -> str:
    kind, path, *deciding = entry
    return " ".join(([] if kind == "step" else [kind]) + [path, *deciding])


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
