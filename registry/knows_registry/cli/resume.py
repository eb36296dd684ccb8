"""`kwf resume`: go on with a recorded run where its journal ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from knows_core import KnowsError, RunStatus, TemplateNotFound, TemplateVersionMissing
from knows_core.flow import Step
from knows_registry.cli.answer import Answers, json_option
from knows_registry.cli.moves import again
from knows_registry.cli.outcome import tell
from knows_registry.cli.place import backend_option, open_engine
from knows_registry.cli.reference import find
from knows_registry.cli.watch import Watch
from knows_registry.registry import Registry

if TYPE_CHECKING:
    from knows_core import WorkflowTemplate


@click.command()
@click.argument("run")
@click.option("--quiet", is_flag=True, help="No progress view.")
@backend_option
@json_option
@click.pass_obj
def resume(answers: Answers, run: str, quiet: bool, backend: str | None) -> int:
    """Go on with RUN: recorded steps are not made again; a completed run answers with its recorded result.

    Exit code 5: another process owns the run. 7: it cannot be resumed, because the template's steps are no longer those
    it began with, or its exact version is not installed; the run stays as it is.
    """
    answers.at(backend)
    registry = Registry()
    watch = Watch(quiet=quiet or answers.json)
    registry.plugins.pluggy.register(watch)
    with open_engine(registry, backend) as engine:
        answers.learn(run=run)
        created, status = engine.history(run)[0].content, engine.status(run)
        answers.learn(template=created["template"], version=created["version"], status=str(status))
        find_it = _if_it_loads if status is RunStatus.COMPLETED else _from_file
        template = find_it(registry, run, created["reference"])
        try:
            with watch.shown([path for kind, path, *_ in created["shape"] if kind == Step.kind]):
                ended = engine.resume(run, template)
        except BaseException:
            if watch.run is not None:
                answers.learn(status=str(RunStatus.RUNNING))
            answers.learn(next_move=f"`{again('resume', run, backend)}` goes on with it")
            raise
        return tell(answers, ended, recorded=True, backend=backend)


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
