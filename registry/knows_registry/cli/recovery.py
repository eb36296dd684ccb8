"""How one recorded run is taken up by a command: its template found, its owner waited for, its steps watched."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import (
    BackendError,
    KnowsError,
    RunBusy,
    RunStatus,
    TemplateNotFound,
    TemplateVersionMissing,
)
from knows_core.flow import Step
from knows_core.resuming.folding import fold
from knows_core.resuming.viewing import linked_as
from knows_core.template import definition_of
from knows_registry.cli.moves import again
from knows_registry.cli.reference import find

if TYPE_CHECKING:
    from knows_core import LocalEngine, Run, WorkflowTemplate
    from knows_core.resuming.log import Log
    from knows_registry.cli.answer import Answers
    from knows_registry.cli.watch import Watch
    from knows_registry.registry import Registry


class Recovery(NamedTuple):
    """What all runs that one command takes up have in common."""

    answers: Answers
    registry: Registry
    engine: LocalEngine
    watch: Watch
    backend: str | None
    wait: bool
    accept_code_change: bool
    from_step: str | None = None

    def take_up(self, run: str, known: dict[str, Any]) -> Run:
        """Go on with a run. What becomes known of it is put into `known`, so that a failure can still tell it."""
        known |= {"run": run}
        log, status = fold(run, self.engine.history(run)), self.engine.status(run)
        created = log.created
        known |= {"template": created["template"], "version": log.bound.version, "status": str(status)}
        find_it = _if_it_loads if status is RunStatus.COMPLETED and self.from_step is None else template_of
        template = find_it(self.registry, run, created["reference"])
        try:
            with self.watch.shown(self._steps(log, template)):
                if self.from_step is None:
                    self.watch.pausing({path: one.until for path, one in log.retrying.items() if one.until})
                return self._resumed(run, template)
        except BaseException as error:
            run = self.watch.run or run
            # The refusal itself may have changed it: `stuck`.
            known |= {"run": run, "status": left_as(self.engine, run, error) or known["status"]}
            known |= {"next_move": f"`{again('resume', run, self.backend)}` goes on with it"}
            raise

    def _steps(self, log: Log, template: WorkflowTemplate | None) -> list[str]:
        """The steps of the run: those it is bound to, or, where edits are accepted, those of the template now."""
        if self.accept_code_change:
            try:
                now = template or self.registry.find(f"{log.created['template']}@{log.bound.version}")
                return [
                    path for path, _ in linked_as(log.run, log.bound.linked, definition_of(now), self.registry).steps
                ]
            except KnowsError:
                pass  # whoever resumes it says why
        return [path for kind, path, *_ in log.bound.shape if kind == Step.kind]

    def _resumed(self, run: str, template: WorkflowTemplate | None) -> Run:
        try:
            return self.engine.resume(
                run, template, accept_code_change=self.accept_code_change, from_step=self.from_step
            )
        except RunBusy as busy:
            if not self.wait or busy.facts.get("run") != run:  # a step may have met another run that is busy
                raise
            if not self.answers.json:
                self.answers.note(f"{run} is owned by {busy.owner}; waiting until it is free (Ctrl+C ends the waiting)")
        return self.engine.resume(run, template, wait=True, accept_code_change=self.accept_code_change)


def left_as(engine: LocalEngine, run: str, error: BaseException) -> str | None:
    """How an error left a run; None where its place cannot tell: one that has failed is not asked again."""
    if not isinstance(error, BackendError):
        with suppress(KnowsError):
            return str(engine.status(run))
    return None


def template_of(registry: Registry, run: str, reference: str | None) -> WorkflowTemplate | None:
    """The template of a run that was started from a file; None for one that is installed."""
    if reference is None:
        return None
    try:
        return find(registry, reference).template
    except TemplateNotFound as error:
        raise file_gone(run, reference, error) from error


def file_gone(run: str, reference: str, error: TemplateNotFound) -> TemplateVersionMissing:
    """The error of a run whose file, or the template in it, is not there any more."""
    return TemplateVersionMissing(run=run, template=reference, found=error.facts["found"])


def _if_it_loads(registry: Registry, run: str, reference: str | None) -> WorkflowTemplate | None:
    """The same for a completed run, which needs no template: with one its values come back in their classes."""
    try:
        return template_of(registry, run, reference)
    except KnowsError:
        return None
