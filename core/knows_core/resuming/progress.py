"""How far a run has come in the shape of its template, and what of that shape must therefore stay as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from knows_core.contract import first_difference
from knows_core.flows.paths import unnumbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from knows_core.journals.records import Shape
    from knows_core.resuming.log import Log


class Spot(NamedTuple):
    """Where a node stands in a shape: its first and last entry, and those of its branches."""

    begin: int
    end: int
    branches: tuple[int, ...] = ()


def spots_of(shape: Shape) -> dict[str, Spot]:
    """Every node of a shape by its path."""
    found: dict[str, Spot] = {}
    opened: list[tuple[int, list[int]]] = []
    for index, (kind, path, *_) in enumerate(shape):
        if kind == "step":
            found[path] = Spot(index, index)
        elif kind == "branch":
            opened[-1][1].append(index)
        elif kind.startswith("end of "):
            begin, branches = opened.pop()
            found[path] = Spot(begin, index, tuple(branches))
        else:
            opened.append((index, []))
    return found


def reached(log: Log, shape: Shape) -> int:
    """The last entry of a shape on which something recorded rests; -1 where nothing is recorded.

    A step that was done or tried rests on itself, a part or scope that was entered on its beginning; all of them on
    everything before. Joined branches, and a turn after which a repeat was judged, rest on the whole node: what came of
    them is used. A verdict of a case rests on the branch that it names, as a number, and on those that said no.
    """
    spots, last = spots_of(shape), len(shape) - 1
    return max(_resting(log, spots, Spot(last, last)), default=-1)


def _resting(log: Log, spots: dict[str, Spot], unknown: Spot) -> Iterator[int]:
    for path in (*log.results, *log.attempts, *log.entered, *log.asked, *log.intended):
        yield spots.get(unnumbered(path), unknown).begin
    if log.failure is not None:  # what is being undone was made by the whole of it
        yield unknown.begin
    for path in log.joined:
        yield spots.get(unnumbered(path), unknown).end
    for path, verdict in log.verdicts.items():
        spot = spots.get(unnumbered(path), unknown)
        yield spot.branches[verdict] if 0 <= verdict < len(spot.branches) else spot.end


def why_not_kept(log: Log, was: Shape, now: Shape) -> str | None:
    """Why a run that came this far in one shape cannot go on in another; None where all it rests on is as it was."""
    upto = reached(log, was)
    if was[: upto + 1] == now[: upto + 1]:
        return None
    return f"the run has come to `{was[upto][1]}` (number {upto + 1}), and {first_difference(was, now)}"


def forks_of(shape: Shape) -> dict[str, str]:
    """The fork that each branch belongs to, by the name under which the branch keeps its state."""
    found: dict[str, str] = {}
    for path, spot in spots_of(shape).items():
        if shape[spot.begin][0] == "parallel":
            found |= {f"{path}#{_last_part(shape[index][1])}": path for index in spot.branches}
        elif shape[spot.begin][0] == "each":
            found[path] = path
    return found


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def open_branches(log: Log) -> list[str]:
    """The branches that wrote something which is not joined yet."""
    forks = forks_of(log.bound.shape)
    writing = [name for name, delta in log.deltas.items() if delta.written or delta.dropped]
    return [name for name in writing if _fork(name, forks) not in log.joined]


def _fork(name: str, forks: dict[str, str]) -> str:
    """The fork of a branch, as its join is recorded: an item's number is its own, all numbers before are the fork's."""
    branch = unnumbered(name)
    fork = forks.get(branch, branch)
    if fork == branch:
        return name[: name.rindex("[")] + "[]" if "[" in name else name
    return name[: len(name) - (len(branch) - len(fork))]
