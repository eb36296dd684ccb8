"""`kwf cancel`: ask a run to stop."""

from __future__ import annotations

import click

from knows_core import RunStatus
from knows_registry.cli.answer import Answers, json_option
from knows_registry.cli.completion import cancellable
from knows_registry.cli.moves import again
from knows_registry.cli.place import backend_option, open_engine
from knows_registry.registry import Registry


@click.command()
@click.argument("run", shell_complete=cancellable)
@backend_option
@json_option
@click.pass_obj
def cancel(answers: Answers, run: str, backend: str | None) -> None:
    """Ask the owner of RUN to stop, or end it at once where nobody drives it.

    Whatever is recorded is kept, and `kwf resume` goes on with it. Exit code 0 also where it is cancelled already. 2:
    there is no such run. 7: it is completed.
    """
    answers.at(backend)
    with open_engine(Registry(), backend) as engine:
        engine.cancel(run)
        row = next(row for row in engine.runs() if row.run == run)
    answers.object({"run": run, "status": str(row.status), "cancelling": row.cancelling})
    resume = f"`{again('resume', run, backend)}` goes on with it"
    if row.status is RunStatus.CANCELLED:
        answers.text(f"{run} is cancelled; {resume}.")
    elif row.cancelling:
        answers.text(f"{run} is asked to stop: {row.owner} does so before its next step, at once where it only waits.")
        answers.text(f"Next: `{again('history', run, backend)}` shows when it has; then {resume}.")
    else:
        answers.text(f"{run} ended meanwhile: it is {row.status}; `{again('history', run, backend)}` shows how.")
