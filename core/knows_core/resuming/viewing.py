"""Looking at recorded runs: a journal opened, folded, and shown as a `Run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knows_core.errors import ContractError, RegistryError
from knows_core.errors.backend import RecordCorrupt
from knows_core.errors.resume import TemplateVersionMissing
from knows_core.journal import read
from knows_core.linking import linked
from knows_core.resuming.folding import fold
from knows_core.run import Run, RunStatus
from knows_core.state import ERROR_KEY, WorkflowState
from knows_core.template import Definition, definition_of
from knows_core.values.codec import Codec, UnreadableValue
from knows_core.version import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from knows_core.backend import RunRow, StateBackend
    from knows_core.resuming.log import Log
    from knows_core.run import Entry
    from knows_core.template import Templates, WorkflowTemplate


_COMPENSATED: Final = " and compensated"


def history(backend: StateBackend, run: str) -> Sequence[Entry]:
    """The records of a run, oldest first. Raises UnknownRun, RecordCorrupt."""
    return read(run, backend.load(run)[1])[0]


def view(backend: StateBackend, templates: Templates | None, run: str, template: WorkflowTemplate | None) -> Run:
    """A run as its journal tells it. Raises UnknownRun, RecordCorrupt."""
    row, records = backend.load(run)
    log = fold(run, read(run, records)[0])
    check_status(row, log)
    try:
        definition = linked_as(run, log.bound.linked, bound_definition(row, templates, template), templates)
        return run_of(backend, row, log, definition.codec)
    except (TemplateVersionMissing, RegistryError, ContractError, RecordCorrupt):
        # Readable without the template, and with one whose classes have changed: objects come back as data.
        return run_of(backend, row, log, Codec(None))


def check_status(row: RunRow, log: Log) -> None:
    """Raise RecordCorrupt unless the row beside the records says what they say: an end that was cut off shows here."""
    # A run that waits for its turn, or between two attempts, has no record that says so.
    status = RunStatus.RUNNING if row.status in (RunStatus.PENDING, RunStatus.SLEEPING) else row.status
    stored = f"{row.template}@{row.version}, {status}{_COMPENSATED * row.compensated}"
    recorded = f"{log.created['template']}@{log.bound.version}, {log.status}{_COMPENSATED * log.compensated}"
    if stored != recorded:
        reason = f"the run is stored as {stored}, its records end as {recorded}"
        raise RecordCorrupt(run=row.run, sequence="at the end", reason=reason)


def bound_definition(row: RunRow, templates: Templates | None, template: WorkflowTemplate | None) -> Definition:
    """The definition that a run is bound to, given or found. Raises TemplateVersionMissing and what `find` raises."""
    wanted = f"{row.template}@{row.version}"
    if template is None and templates is not None:
        try:
            template = templates.find(Requirement(row.template, row.version))
        except LookupError as error:
            raise TemplateVersionMissing(run=row.run, template=wanted, found=str(error)) from error
    if template is None:
        raise TemplateVersionMissing(run=row.run, template=wanted, found="no template was given or found")
    definition = definition_of(template)
    if str(definition) != wanted:
        raise TemplateVersionMissing(run=row.run, template=wanted, found=f"{definition} is there")
    return definition


def linked_as(
    run: str, parts: Iterable[Sequence[str]], definition: Definition, templates: Templates | None
) -> Definition:
    """The definition linked to exactly these templates, as a run records them. Raises TemplateVersionMissing."""
    pinned = {path: Requirement(name, version) for path, name, version, *_ in parts}
    try:
        return linked(definition, templates, pinned)
    except LookupError as error:
        wanted = ", ".join(f"{one.name}@{one.range}" for one in pinned.values())
        raise TemplateVersionMissing(run=run, template=wanted, found=str(error)) from error


def run_of(backend: StateBackend, row: RunRow, log: Log, codec: Codec) -> Run:
    """The run that a folded journal shows, its values decoded. Raises RecordCorrupt."""
    state = WorkflowState({key: decoded(codec, value, row.run) for key, value in log.state.items()})
    if log.error is not None:
        state[ERROR_KEY] = log.error
    return Run(
        id=row.run,
        template=row.template,
        version=row.version,
        status=row.status,
        result=decoded(codec, log.result, row.run) if row.status is RunStatus.COMPLETED else None,
        state=state,
        error=log.error,
        reference=log.created["reference"],
        compensated=log.compensated,
        waiting=tuple(one._replace(shown=decoded(codec, one.shown, row.run)) for one in log.waiting),
        origin=origin_of(log),
        load_history=lambda: history(backend, row.run),
    )


def origin_of(log: Log) -> tuple[str, str] | None:
    """The run and the step that a run was begun from."""
    origin = log.created.get("origin")
    return None if origin is None else (origin[0], origin[1])


def decoded(codec: Codec, value: Any, run: str) -> Any:
    """A value of a run's journal. Raises RecordCorrupt."""
    try:
        return codec.decode(value)
    except UnreadableValue as error:
        raise RecordCorrupt(run=run, sequence="with a value", reason=str(error)) from error
