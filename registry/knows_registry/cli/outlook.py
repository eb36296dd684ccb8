"""What becomes of open runs when they are taken up with the templates that are there now: asked before a deploy."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import (
    KnowsError,
    Requirement,
    ResumeRefused,
    TemplateBroken,
    TemplateNotFound,
    TemplateVersionMissing,
)
from knows_core.journals.records import Migrated
from knows_core.resuming.prospect import foretold
from knows_registry.cli.failure import failure_of
from knows_registry.cli.moves import again, in_place
from knows_registry.cli.recovery import file_gone
from knows_registry.cli.reference import FileBroken, file_in, find
from knows_registry.cli.rows import is_interrupted, owner_and_wish, told_status
from knows_registry.discover import Fault
from knows_registry.guard import asked_for
from knows_registry.locking.errors_lock import LockBroken
from knows_registry.provenance import bringing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from knows_core import Limits, RunRow, WorkflowTemplate
    from knows_core.resuming.prospect import Prospect
    from knows_registry.cli.failure import Failure
    from knows_registry.locking.lock import Lock
    from knows_registry.registry import Registry

    Doing = tuple[str, str]

VERDICTS = GOES_ON, MIGRATES, STRANDED = "goes on", "migrates", "stranded"
IMPORTED, JUDGED = "imported", "judged"
HEADER = ("RUN", "TEMPLATE", "STATUS", "VERDICT", "")


class Outlook(NamedTuple):
    """The verdict on one open run. `failure` tells why it is stranded, `can_accept` whether a person may overrule that.

    `edited` names the steps that have another body, `moved` is the migration that is due.
    """

    row: RunRow
    verdict: str
    edited: Sequence[str] = ()
    moved: Migrated | None = None
    failure: Failure | None = None
    can_accept: bool = False

    def facts(self, backend: str | None) -> dict[str, Any]:
        """The verdict for a program: every key is always there."""
        row, moved, failure = self.row, self.moved, self.failure
        return {
            "run": row.run,
            "template": row.template,
            "version": row.version,
            "status": str(row.status),
            "owner": row.owner,
            "verdict": self.verdict,
            "edited": list(self.edited),
            "to": None if moved is None else moved.bound.version,
            "paths": {} if moved is None else dict(moved.paths),
            "written": [] if moved is None else sorted(moved.written),
            "dropped": [] if moved is None else sorted(moved.dropped),
            "error": None if failure is None else failure.error,
            "accept_code_change": self.can_accept,
            "next": self.next_move(backend),
        }

    def cells(self) -> tuple[str, ...]:
        """The verdict as one row for a person; why a run is stranded is told with what is broken."""
        status = "interrupted" if is_interrupted(self.row) else told_status(self.row)
        owned = f", owned by {owner_and_wish(self.row)}" if self.row.owner else ""
        return self.row.run, f"{self.row.template}@{self.row.version}", status + owned, self.verdict, self._note()

    def fault(self, backend: str | None) -> Fault | None:
        """A stranded run as something broken, with its next move."""
        if self.failure is None:
            return None
        return Fault("runs", self.row.run, f"it is stranded: {self.failure.message}", self.next_move(backend))

    def next_move(self, backend: str | None) -> str:
        """What to type or do next, in the place that the command was given."""
        resume = again("resume", self.row.run, backend)
        if self.failure is None:
            return f"`{resume}` goes on with it"
        move = self.failure.next_move or f"Correct it; then `{resume}`."
        if self.can_accept and "--accept-code-change" not in move:
            accepting = again("resume", self.row.run, backend, "--accept-code-change")
            move = f"{move} Or `{accepting}` goes on with it as it is now."
        return in_place(move, backend)

    def _note(self) -> str:
        if self.failure is not None:
            return f"{self.failure.code}, see below"
        told = [f"edited since: {', '.join(self.edited)}"] if self.edited else []
        return "; ".join([*_movement(self.row, self.moved), *told])


def _movement(row: RunRow, moved: Migrated | None) -> list[str]:
    """What a migration does, in words."""
    if moved is None:
        return []
    paths = [f"{was} is dropped" if to is None else f"{was} becomes {to}" for was, to in moved.paths.items()]
    written = [f"state written: {', '.join(sorted(moved.written))}"] if moved.written else []
    dropped = [f"state dropped: {', '.join(sorted(moved.dropped))}"] if moved.dropped else []
    return [f"to {row.template}@{moved.bound.version}", *paths, *written, *dropped]


class Trail:
    """Says what foreign code is about to be called, for whoever ends it where it hangs, and knows what did so before.

    `tell` is given `imported` or `judged` and a template, or None where nothing foreign is under way. `fatal` holds
    what must not be begun again, with what came of it.
    """

    def __init__(self, tell: Callable[[Doing | None], object], fatal: Mapping[Doing, str]) -> None:
        self._tell = tell
        self._fatal = fatal
        self._now: Doing | None = None

    def fate(self, what: str, template: str) -> str:
        """What came of it before, in words; empty where nothing did."""
        return self._fatal.get((what, template), "")

    @contextmanager
    def at(self, what: str, template: str) -> Generator[None]:
        """Foreign code is called in the block."""
        before, self._now = self._now, (what, template)
        self._tell(self._now)
        try:
            yield
        finally:
            self._now = before
            self._tell(before)


class Foresight:
    """Asks of many runs what would become of them. A template is had once, and a failure costs only its own runs."""

    def __init__(self, registry: Registry, limits: Limits, trail: Trail) -> None:
        self._registry = registry
        self._limits = limits
        self._trail = trail
        self._had: dict[str, WorkflowTemplate | KnowsError] = {}

    def find(self, requirement: Requirement) -> WorkflowTemplate:
        """The template of a requirement, looked for once. Raises what the registry raises."""
        return self._once(str(requirement), lambda: self._registry.find(requirement))

    def outlook(self, row: RunRow, records: Sequence[bytes], reference: str | None) -> Outlook:
        """The verdict on a run, whatever its template does while it is imported."""
        template = reference or f"{row.template}@{row.version}"
        if fate := self._trail.fate(JUDGED, template):
            return Outlook(row, STRANDED, failure=failure_of(_unjudged(row, fate)))
        with self._trail.at(JUDGED, template):
            return self._outlook(row, records, reference)

    def _outlook(self, row: RunRow, records: Sequence[bytes], reference: str | None) -> Outlook:
        try:
            prospect = self._foretold(row, records, reference)
        except BaseException as error:
            if asked_for(error):
                raise
            can_accept = isinstance(error, ResumeRefused) and self._may_accept(row, records, reference)
            return Outlook(row, STRANDED, failure=self._told(error), can_accept=can_accept)
        moved = prospect.rebound if isinstance(prospect.rebound, Migrated) else None
        return Outlook(row, GOES_ON if moved is None else MIGRATES, prospect.edited, moved)

    def _foretold(
        self, row: RunRow, records: Sequence[bytes], reference: str | None, *, accept: bool = False
    ) -> Prospect:
        template = None if reference is None else self._of_file(row.run, reference)
        return foretold(row, records, self, template, self._limits, accept=accept)

    def _may_accept(self, row: RunRow, records: Sequence[bytes], reference: str | None) -> bool:
        try:
            self._foretold(row, records, reference, accept=True)
        except KnowsError:
            return False
        return True

    def _of_file(self, run: str, reference: str) -> WorkflowTemplate:
        try:
            return self._once(reference, lambda: find(self._registry, reference).template)
        except TemplateNotFound as error:
            raise file_gone(run, reference, error) from error

    def _once(self, key: str, get: Callable[[], WorkflowTemplate]) -> WorkflowTemplate:
        if key not in self._had:
            try:
                if fate := self._trail.fate(IMPORTED, key):
                    raise _unimportable(key, fate)
                with self._trail.at(IMPORTED, key):
                    self._had[key] = get()
            except KnowsError as error:
                self._had[key] = error
        had = self._had[key]
        if isinstance(had, KnowsError):
            raise had
        return had

    def _told(self, error: BaseException) -> Failure:
        """The failure, whose next move names what brings a missing version back, where somebody knows that."""
        for missing in _missing(error):
            name, _, version = missing.partition("@")
            if brings := bringing(name, version, self._lock, self._registry.offers()):
                return failure_of(error)._replace(next_move=brings)
        return failure_of(error)

    @cached_property
    def _lock(self) -> Lock | None:
        try:
            return self._registry.lock
        except LockBroken:  # whatever needs it says so
            return None


def _unimportable(template: str, fate: str) -> TemplateBroken:
    return (FileBroken if file_in(template) else TemplateBroken)(reference=template, reason=fate)


def _unjudged(row: RunRow, fate: str) -> ResumeRefused:
    return ResumeRefused(
        run=row.run,
        reason=f"{fate}: neither `kwf resume` would come through",
        hint="Correct what the template does with recorded values: its migrations, and the checks of its models.",
    )


def _missing(error: BaseException) -> Iterator[str]:
    """The templates, each with its version, that an error and what caused it tell to be missing."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (TemplateVersionMissing, TemplateNotFound)):
            yield from str(cause.facts.get("template") or cause.facts.get("requirement")).split(", ")
        cause = cause.__cause__
