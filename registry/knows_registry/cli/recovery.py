"""How one recorded run is taken up by a command: its template found, its owner waited for, its steps watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core import KnowsError, ResumeRefused, RunBusy, RunStatus, TemplateNotFound, TemplateVersionMissing
from knows_core.flow import Step
from knows_core.template import definition_of
from knows_core.viewing import linked_as
from knows_registry.cli.moves import again
from knows_registry.cli.reference import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core import LocalEngine, Run, WorkflowTemplate
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

    def take_up(self, run: str, known: dict[str, Any]) -> Run:
        """Go on with a run. What becomes known of it is put into `known`, so that a failure can still tell it."""
        known |= {"run": run}
        contents, status = [entry.content for entry in self.engine.history(run)], self.engine.status(run)
        created, bound = contents[0], next(one for one in reversed(contents) if "shape" in one)
        known |= {"template": created["template"], "version": bound["version"], "status": str(status)}
        find_it = _if_it_loads if status is RunStatus.COMPLETED else _from_file
        template = find_it(self.registry, run, created["reference"])
        try:
            with self.watch.shown(self._steps(run, created, bound, template)):
                return self._resumed(run, template)
        except BaseException as error:
            if isinstance(error, ResumeRefused):
                known |= {"status": str(self.engine.status(run))}  # the refusal itself may have changed it: `stuck`
            elif self.watch.run is not None:
                known |= {"status": str(RunStatus.RUNNING)}
            known |= {"next_move": f"`{again('resume', run, self.backend)}` goes on with it"}
            raise

    def _steps(
        self, run: str, created: Mapping[str, Any], bound: Mapping[str, Any], template: WorkflowTemplate | None
    ) -> list[str]:
        """The steps of the run: those it is bound to, or, where edits are accepted, those of the template now."""
        if self.accept_code_change:
            try:
                now = template or self.registry.find(f"{created['template']}@{bound['version']}")
                return [path for path, _ in linked_as(run, bound["linked"], definition_of(now), self.registry).steps]
            except KnowsError:
                pass  # whoever resumes it says why
        return [path for kind, path, *_ in bound["shape"] if kind == Step.kind]

    def _resumed(self, run: str, template: WorkflowTemplate | None) -> Run:
        try:
            return self.engine.resume(run, template, accept_code_change=self.accept_code_change)
        except RunBusy as busy:
            if not self.wait or busy.facts.get("run") != run:  # a step may have met another run that is busy
                raise
            if not self.answers.json:
                self.answers.note(f"{run} is owned by {busy.owner}; waiting until it is free (Ctrl+C ends the waiting)")
        return self.engine.resume(run, template, wait=True, accept_code_change=self.accept_code_change)


def _from_file(registry: Registry, run: str, reference: str | None) -> WorkflowTemplate | None:
    """The template of a run that was started from a file; None for one that is installed."""
    if reference is None:
        return None
    try:
        return find(registry, reference).template
    except TemplateNotFound as error:
        raise TemplateVersionMissing(run=run, template=reference, found=error.facts["found"]) from error


def _if_it_loads(registry: Registry, run: str, reference: str | None) -> WorkflowTemplate | None:
    """The same for a completed run, which needs no template: with one its values come back in their classes."""
    try:
        return _from_file(registry, run, reference)
    except KnowsError:
        return None
