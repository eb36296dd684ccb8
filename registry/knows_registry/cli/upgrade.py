"""What an upgrade means to others: contract and resume breaks, who uses the template, which open runs stay behind."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import KnowsError
from knows_core.journal import read
from knows_core.resuming.folding import fold
from knows_core.resuming.prospect import is_open
from knows_registry.chains import users
from knows_registry.cli.answer import shown
from knows_registry.cli.diff import untold
from knows_registry.cli.moves import in_place
from knows_registry.cli.place import is_there, open_engine
from knows_registry.contracts.contract_diff import compare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_core import RunRow, StateBackend
    from knows_registry.cli.answer import Answers
    from knows_registry.contracts.contract_diff import Change as Difference
    from knows_registry.locking.lock import Lock, LockedTemplate
    from knows_registry.locking.lock_changes import Change
    from knows_registry.registry import Registry


class Upgrade(NamedTuple):
    """One template that moved.

    `differences` is None where the old version is not installed any more: then only the digests can be compared.
    `users` are the templates that require it, also through others; `runs` the open ones that are bound to `before`,
    None where they could not be asked for.
    """

    before: LockedTemplate
    after: LockedTemplate
    differences: list[Difference] | None
    users: list[str]
    runs: list[RunRow] | None
    backend: str | None

    def lines(self) -> list[str]:
        """For a person."""
        used = ", ".join(self.users) or "the request alone"
        return [
            f"{self.before} -> {self.after.version}: {self._verdict()}",
            *(f"  {f'{one.breaks} break: ' if one.breaks else ''}{one}" for one in self.differences or ()),
            f"  used by: {used}",
            *(f"  open run {row.run} ({row.template}@{row.version}, {row.status})" for row in self.runs or ()),
            *([f"  Next: {self._next}"] if self.runs else []),
        ]

    def facts(self) -> dict[str, Any]:
        """For a program."""
        return {
            "name": str(self.before.slot),
            "from": str(self.before.version),
            "to": str(self.after.version),
            "verdict": self._verdict(),
            "contract_changed": self.before.contract != self.after.contract,
            "shape_changed": self.before.shape != self.after.shape,
            "differences": None if self.differences is None else [one._asdict() for one in self.differences],
            "used_by": self.users,
            "open_runs": None if self.runs is None else [row.run for row in self.runs],
            "next": self._next if self.runs else None,
        }

    def _verdict(self) -> str:
        """In one phrase what the move means."""
        if self.differences is None:
            parts = [part for part in ("contract", "shape") if getattr(self.before, part) != getattr(self.after, part)]
            told = f"{' and '.join(parts)} changed" if parts else "contract and shape are the same"
            return f"{told} (only digests tell: {self.before.version} is not installed any more)"
        breaks = Counter(one.breaks for one in self.differences if one.breaks)
        told = ", ".join(f"{number} {kind} break{'s' * (number != 1)}" for kind, number in sorted(breaks.items()))
        return told or ("nothing breaks" if self.differences else "contract and shape are the same")

    @property
    def _next(self) -> str:
        version = self.before.version
        move = f"Keep {version} installed until they are over; `kwf doctor --runs` tells what becomes of each"
        return in_place(move, self.backend)


def upgrades(
    answers: Answers, registry: Registry, after: Lock, found: Iterable[Change], backend: str | None
) -> list[Upgrade]:
    """The report on every template that moved. What cannot be looked at is said, and is no reason to fail."""
    moved = [(one.before, one.after) for one in found if one.moved and one.before and one.after]
    if not moved:
        return []
    bound = _bound(answers, registry, backend)
    return [
        Upgrade(
            before,
            now,
            _differences(answers, registry, before, now),
            users(after, str(now.slot)),
            None
            if bound is None
            else [row for row, parts in bound if (before.slot.name, str(before.version)) in parts],
            backend,
        )
        for before, now in moved
    ]


def _differences(
    answers: Answers, registry: Registry, before: LockedTemplate, after: LockedTemplate
) -> list[Difference] | None:
    try:
        old, new = (registry.catalog.claimants(row.slot.name, row.version) for row in (before, after))
        if len(old) == 1 and len(new) == 1 and (profile := registry.profile(old[0])).contract_digest == before.contract:
            now = registry.profile(new[0])
            found = compare(profile, now)
            answers.note(*untold(now, found))
            return found
    except KnowsError:  # it is there and broken, which is no better than gone
        pass
    return None


def _bound(
    answers: Answers, registry: Registry, backend: str | None
) -> list[tuple[RunRow, set[tuple[str, str]]]] | None:
    """The open runs, each with the names and versions that it is bound to; None where they cannot be asked for."""
    try:
        if not is_there(backend):
            return []
        with open_engine(registry, backend) as engine:
            rows = [row for row in engine.runs() if is_open(row)]
            return [(row, _parts(engine.backend, row)) for row in rows]
    except KnowsError as error:
        answers.note(shown(f"kwf: the open runs are not told: {error}"))
        return None


def _parts(backend: StateBackend | None, row: RunRow) -> set[tuple[str, str]]:
    parts = {(row.template, row.version)}
    with suppress(KnowsError):  # damaged, or deleted since it was listed: `kwf doctor --runs` tells
        if backend is not None:
            bound = fold(row.run, read(row.run, backend.load(row.run)[1])[0]).bound
            parts |= {(name, version) for _, name, version, _ in bound.linked}
    return parts
