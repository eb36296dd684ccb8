"""What becomes of a recorded run when it is taken up: judged by its records and its template, with nothing written.

Resuming begins with this judgement, and whoever only wants to know asks for the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.errors import RegistryError
from knows_core.errors.resume import RecoveryLimit, ResumeRefused, TemplateVersionMissing
from knows_core.flows.migration import migration_from
from knows_core.journal import JournalWriter, Most, content_of, read
from knows_core.resuming.folding import fold, fold_one
from knows_core.resuming.rebinding import accepted, difference, obstacle_to
from knows_core.resuming.viewing import bound_definition, check_status, decoded, linked_as
from knows_core.run import Entry, RunStatus
from knows_core.template import definition_of
from knows_core.version import Requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_core.backend import RunRow
    from knows_core.journals.records import Migrated, Rebound
    from knows_core.limits import Limits
    from knows_core.resuming.log import Log
    from knows_core.template import Definition, Templates, WorkflowTemplate


class Prospect(NamedTuple):
    """How a run goes on: with which template, linked, and from which state and input.

    `rebound` is the record that binds it to that template, None where it is bound to it already; `edited` names the
    steps whose bodies are not what they were.
    """

    definition: Definition
    rebound: Rebound | Migrated | None
    edited: list[str]
    state: dict[str, Any]
    input: Any


def foretold(
    row: RunRow,
    records: Sequence[bytes],
    templates: Templates | None,
    template: WorkflowTemplate | None,
    limits: Limits,
    *,
    accept: bool = False,
) -> Prospect:
    """What resuming a run would come to, without doing it or owning the run.

    Raises what resuming raises before its first step: ResumeRefused, RegistryError, RecordCorrupt, ContractError. A
    migration's `state` function is called, on a copy. Asked of runs that are not over: see `is_open`.
    """
    definition = template_of(row, templates, template)
    entries, digest = read(row.run, records)
    log = fold(row.run, entries)
    check_status(row, log)
    prospect = prospect_of(log, definition, templates, limits, accept=accept)
    if prospect.rebound is not None:
        # What migrating makes of the state may be more than one record, or the whole run, may hold.
        writer = JournalWriter(prospect.definition.codec, digest, most_of(limits), sum(map(len, records)))
        writer.write(prospect.rebound, log.last_at)
    return prospect


def is_open(row: RunRow) -> bool:
    """Whether something is left to do for a run that nobody has ended: it was not completed, cancelled or undone."""
    return row.status not in (RunStatus.COMPLETED, RunStatus.CANCELLED) and not row.compensated


def most_of(limits: Limits) -> Most:
    """How large the records of a run may become."""
    return Most(limits.max_record_bytes, limits.max_run_bytes)


# ------------------------------------------------------------------ which template


def template_of(row: RunRow, templates: Templates | None, template: WorkflowTemplate | None) -> Definition:
    """The template of a run, given or found: its exact version, or another one that takes along runs of that.

    Raises TemplateVersionMissing and what `find` raises.
    """
    try:
        return bound_definition(row, templates, template)
    except TemplateVersionMissing as missing:
        other = _other_version(row, templates, template)
        if other is None:
            raise
        if migration_from(other.migrations, row.version) is not None:
            return other
        found = f"{other} is there, which declares no migration from {row.version}"
        if template is None:
            found = f"{str(missing.found).rstrip('.')}; {found}"
        raise TemplateVersionMissing(run=row.run, template=f"{row.template}@{row.version}", found=found) from missing


def _other_version(row: RunRow, templates: Templates | None, template: WorkflowTemplate | None) -> Definition | None:
    if template is None and templates is not None:
        try:
            template = templates.find(Requirement(row.template))
        except (LookupError, RegistryError):  # that the exact version is missing says more
            return None
    definition = None if template is None else definition_of(template)
    return definition if definition is not None and definition.name == row.template else None


def _linked(log: Log, definition: Definition, templates: Templates | None) -> Definition:
    """The definition with its parts: those that the run began with; of another version, those that it is in."""
    parts = log.bound.linked
    if str(definition.version) != log.bound.version:
        from knows_core.resuming.migrating import begun_parts  # only runs that move

        migration = migration_from(definition.migrations, log.bound.version)
        parts = [] if migration is None else begun_parts(log, migration)
    return linked_as(log.run, parts, definition, templates)


# ------------------------------------------------------------------ whether it goes on


def prospect_of(
    log: Log, definition: Definition, templates: Templates | None, limits: Limits, *, accept: bool = False
) -> Prospect:
    """How a run goes on with a template that was found for it; its log is brought to what it is then.

    Raises RecoveryLimit, TemplateVersionMissing, ResumeRefused, RecordCorrupt.
    """
    run, was = log.run, log.bound.code
    if log.status is RunStatus.RUNNING and log.recoveries >= limits.max_recoveries:
        raise RecoveryLimit(run=run, recoveries=log.recoveries)
    definition = _linked(log, definition, templates)
    rebound = _rebound(log, definition, accept=accept)
    if rebound is not None:
        fold_one(log, Entry(0, type(rebound).__name__, log.last_at, content_of(rebound)))
    codec = definition.codec
    return Prospect(
        definition,
        rebound,
        [path for path, digest in definition.fingerprint.code.items() if was.get(path, digest) != digest],
        {key: decoded(codec, value, run) for key, value in log.state.items()},
        decoded(codec, log.created["input"], run),
    )


def _rebound(log: Log, definition: Definition, *, accept: bool) -> Rebound | Migrated | None:
    """What binds the run to a template that is not what it was; None where it is. Raises ResumeRefused."""
    version, was = str(definition.version), log.bound.version
    found = difference(log.bound, definition.fingerprint) if version == was else None
    if version == was and found is None:
        return None
    if log.failure is not None:
        reason = f"it is being compensated, and for that {definition} must be what it was begun with, {was}"
        raise ResumeRefused(run=log.run, reason=reason, hint="Put it back, or install that version again.")
    # A version takes a run from itself at most once: its state must not be converted again.
    migration = None if version == was and was in log.moved_to else migration_from(definition.migrations, was)
    if found is not None and (migration is None or (accept and obstacle_to(log, definition) is None)):
        return accepted(log, definition, found, accept=accept)
    if migration is None:
        wanted = f"{definition.name}@{was}"
        raise TemplateVersionMissing(run=log.run, template=wanted, found=f"{definition} is there")
    from knows_core.resuming.migrating import migrated  # only runs that move

    return migrated(log, definition, migration)
