"""What `kwf doctor --runs` finds: damaged journals, runs that are stuck or wait, and what becomes of the open ones."""

from __future__ import annotations

import json
import logging
import shlex
from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import KnowsError, RecordCorrupt, RunStatus, UnknownRun
from knows_core.journal import read
from knows_core.resuming.prospect import is_open
from knows_core.resuming.viewing import view
from knows_registry.cli.answer import Answers, columns, plain, shown
from knows_registry.cli.doctor_apart import Read
from knows_registry.cli.failure import failure_of
from knows_registry.cli.moves import again, in_place
from knows_registry.cli.outlook import HEADER, VERDICTS, Foresight, Trail
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.place import open_engine, where
from knows_registry.cli.rows import is_interrupted
from knows_registry.cli.waiting import Waiting
from knows_registry.discover import Fault
from knows_registry.guard import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from knows_core import RunRow, StateBackend
    from knows_core.journals.records import Question
    from knows_registry.cli.outlook import Outlook
    from knows_registry.registry import Registry


class Damage(NamedTuple):
    """A run that cannot be read, where and why; `anew` is what starts it again, where that is known."""

    error: RecordCorrupt
    anew: str = ""

    @property
    def next_move(self) -> str:
        """Nobody can repair it: the run is had from elsewhere, or made again."""
        anew = f"start the run anew{self.anew and ': '}{self.anew}"
        return f"Restore the journal from a backup, or {anew}. The other runs are untouched."


class Journals(NamedTuple):
    """What reading every journal of one place showed."""

    read: int
    damaged: list[Damage]
    stuck: list[RunRow]
    interrupted: list[RunRow]
    suspended: list[tuple[RunRow, Sequence[Question]]]
    open: list[Outlook]

    def faults(self, backend: str | None) -> list[Fault]:
        """The damaged and the stranded ones, each with its next move."""
        damaged = [Fault("runs", one.error.run, failure_of(one.error).message, one.next_move) for one in self.damaged]
        return [*damaged, *(fault for one in self.open if (fault := one.fault(backend)))]

    def facts(self, backend: str | None) -> dict[str, Any]:
        """The same for a program."""
        return {
            "read": self.read,
            "damaged": [
                {
                    "run": one.error.run,
                    "sequence": one.error.sequence,
                    "reason": one.error.reason,
                    "next": one.next_move,
                }
                for one in self.damaged
            ],
            "stuck": [_with_move(row, backend) for row in self.stuck],
            "interrupted": [_with_move(row, backend) for row in self.interrupted],
            "suspended": [
                {**_with_move(row, backend), "waiting": waiting.facts(), "next": waiting.next_move}
                for row, waiting in self._waiting(backend)
            ],
            "open": [one.facts(backend) for one in self.open],
        }

    def lines(self, backend: str | None) -> list[str]:
        """The same for a person, without the damaged ones."""
        counted = {
            "damaged": len(self.damaged),
            "stuck": len(self.stuck),
            "interrupted": len(self.interrupted),
            "suspended": len(self.suspended),
        }
        found = ", ".join(f"{number} {word}" for word, number in counted.items() if number) or "all of them sound"
        return [
            f"{self.read} {'journal was' if self.read == 1 else 'journals were'} read: {found}.",
            *(
                f"{row.run} ({row.template}@{row.version}) {why}. Next: `{again('resume', row.run, backend)}`"
                for why, rows in (
                    ("is stuck: it was taken up again and again without getting on", self.stuck),
                    ("was interrupted, and nobody drives it", self.interrupted),
                )
                for row in rows
            ),
            *(
                shown(f"{row.run} ({row.template}@{row.version}): {waiting.line}. Next: {waiting.next_move}")
                for row, waiting in self._waiting(backend)
            ),
            *self._verdicts(),
        ]

    def _verdicts(self) -> list[str]:
        """A line for every open run, under how many there are of each verdict."""
        if not self.open:
            return []
        counted = Counter(one.verdict for one in self.open)
        told = ", ".join(f"{verdict}: {counted[verdict]}" for verdict in VERDICTS if counted[verdict])
        runs = "1 run is" if len(self.open) == 1 else f"{len(self.open)} runs are"
        rows = columns([one.cells() for one in self.open], HEADER)
        return ["", f"{runs} open. With what is installed now, {told}.", *rows]

    def _waiting(self, backend: str | None) -> list[tuple[RunRow, Waiting]]:
        return [(row, Waiting(row.run, questions, backend)) for row, questions in self.suspended]


def answer(tell: Callable[[str, Any], None], words: str) -> None:
    """Read the journals of a place, as `doctor_apart` asks for it from another interpreter, and tell what they show."""
    given = json.loads(words)
    trail = Trail(partial(tell, "doing"), {(what, template): fate for what, template, fate in given["fatal"]})
    tell("doing", None)
    with listening():
        registry = registry_of(Answers(None, command="doctor", json=given["quiet"]))
        tell("answer", plain(_read(registry, given["backend"], trail)))


def _read(registry: Registry, backend: str | None, trail: Trail) -> Read:
    """What is read here, or why nothing can be."""
    try:
        journals = journals_at(registry, backend, trail)
    except KnowsError as error:
        failure = failure_of(error)
        move = in_place(failure.next_move or "Correct it and try again.", backend)
        return Read([Fault("runs", where(backend), failure.message, move)], None, [])
    return Read(journals.faults(backend), journals.facts(backend), journals.lines(backend))


def journals_at(registry: Registry, backend: str | None, trail: Trail) -> Journals:
    """Read every journal of the place. Raises what opening the place raises."""
    with open_engine(registry, backend) as engine:
        if engine.backend is None:
            return Journals(0, [], [], [], [], [])
        return examined(engine.backend, Foresight(registry, engine.limits, trail))


def examined(backend: StateBackend, foresight: Foresight) -> Journals:
    """Read every journal, the newest first, and ask what becomes of those that are open; nothing is written."""
    with _damaged_rows() as damaged_rows:
        rows = backend.rows()
    damaged = [Damage(error) for error in damaged_rows]
    found = Journals(len(damaged), damaged, [], [], [], [])
    for row in rows:
        try:
            run = view(backend, None, row.run, None)
        except UnknownRun:  # deleted since it was listed
            continue
        except RecordCorrupt as error:
            found.damaged.append(Damage(error, _anew(backend, row)))
        else:
            if row.status is RunStatus.STUCK:
                found.stuck.append(row)
            elif is_interrupted(row):
                found.interrupted.append(row)
            elif row.status is RunStatus.SUSPENDED:
                found.suspended.append((row, run.waiting))
            if is_open(row):
                found.open.extend(_outlook(backend, row.run, run.reference, foresight))
        found = found._replace(read=found.read + 1)
    return found


def _outlook(backend: StateBackend, run: str, reference: str | None, foresight: Foresight) -> Iterator[Outlook]:
    """The verdict on a run as it stands now, if it is still there and open."""
    try:
        row, records = backend.load(run)
    except UnknownRun:
        return
    if is_open(row):
        yield foresight.outlook(row, records, reference)


def _anew(backend: StateBackend, row: RunRow) -> str:
    """What starts a run again: from the file that its first record names, where the backend still gives that out."""
    installed = f"{row.template}@{row.version}"
    try:
        created = read(row.run, backend.load(row.run)[1][:1])[0][0].content
    except (RecordCorrupt, UnknownRun):
        return f"`kwf run {installed}`, or from its file"
    return f"`{shlex.join(['kwf', 'run', created['reference'] or installed])}`"


@contextmanager
def _damaged_rows() -> Generator[list[RecordCorrupt]]:
    """The errors of rows that a backend leaves out of its list, which it tells nobody but the log."""
    errors: list[RecordCorrupt] = []
    listener = logging.Handler()

    def hear(record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        errors.extend(one for one in arguments if isinstance(one, RecordCorrupt))
        return False

    listener.addFilter(hear)
    logging.getLogger().addHandler(listener)
    try:
        yield errors
    finally:
        logging.getLogger().removeHandler(listener)


def _with_move(row: RunRow, backend: str | None) -> dict[str, Any]:
    return {
        "run": row.run,
        "template": row.template,
        "version": row.version,
        "next": f"`{again('resume', row.run, backend)}` goes on with it",
    }
