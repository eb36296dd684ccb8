"""`kwf resume`: go on with recorded runs where their journals end."""

from __future__ import annotations

from typing import Any

import click

from knows_registry.cli.answer import Answers, json_option
from knows_registry.cli.completion import resumable
from knows_registry.cli.outcome import tell
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.place import backend_option, open_watched
from knows_registry.cli.recovery import Recovery
from knows_registry.cli.watch import Watch


@click.command()
@click.argument("run", required=False, shell_complete=resumable)
@click.option("--all", "every", is_flag=True, help="Every interrupted run that nobody drives, the oldest first.")
@click.option("--wait", is_flag=True, help="Wait while another process owns the run.")
@click.option(
    "--from", "step", metavar="STEP", help="Begin a new run with what RUN recorded before STEP; RUN stays as it is."
)
@click.option(
    "--accept-code-change",
    "accept",
    is_flag=True,
    help="Go on although the template was edited, where all that is recorded is as it was.",
)
@click.option("--quiet", is_flag=True, help="No progress view.")
@backend_option
@json_option
@click.pass_obj
def resume(
    answers: Answers,
    run: str | None,
    every: bool,
    wait: bool,
    step: str | None,
    accept: bool,
    quiet: bool,
    backend: str | None,
) -> int:
    """Go on with RUN: recorded steps are not made again; a completed run answers with its recorded result.

    With --all, runs that were interrupted are taken up one after the other: pending, running or sleeping ones without a
    living owner. One that cannot be is named, and the others go on. The exit code is that of the first run that did not
    complete; --json prints {"runs": [...]}, one object for each run. Failed, suspended, cancelled and stuck runs are
    resumed by name.

    With --from, a new run begins with everything that RUN recorded before STEP, whatever became of RUN.

    Exit code 1: a step failed, or the run was cancelled or out of time. 5: another process owns the run. 7: it cannot
    be resumed, because the template's steps are no longer those it began with, its exact version is not installed, it
    was taken up too often without getting on, or what it had done is undone; its journal stays as it is. 9: it waits
    for a decision, see `kwf decide`.
    """
    if every == (run is not None):
        found = "both" if every else "neither"
        raise click.UsageError(f"expected a RUN or --all, found {found}", click.get_current_context())
    if every and step is not None:
        raise click.UsageError("expected a RUN with --from, found --all", click.get_current_context())
    answers.at(backend)
    registry = registry_of(answers, quiet=quiet)
    watch = Watch(quiet=quiet or answers.json)
    with open_watched(answers, registry, watch, backend) as engine:
        recovery = Recovery(
            answers, registry, engine, watch, backend, wait=wait, accept_code_change=accept, from_step=step
        )
        if run is None:
            from knows_registry.cli.resume_all import resume_all  # one run alone does without

            return resume_all(recovery)
        known: dict[str, Any] = {}
        try:
            resumed = recovery.take_up(run, known)
        finally:
            answers.learn(**known)
        if step is not None:
            answers.note(f"{resumed.id} begins with what {run} recorded before {step}")
        return tell(answers, resumed, recorded=True, backend=backend)
