"""`kwf run`: run a template, installed or in a file, and record it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from knows_core import RunStatus
from knows_core.linking import linked
from knows_core.template import definition_of
from knows_registry.cli.answer import Answers, json_option
from knows_registry.cli.completion import files, templates
from knows_registry.cli.given import given_input, given_state
from knows_registry.cli.moves import again
from knows_registry.cli.outcome import tell
from knows_registry.cli.permitted import registry_of
from knows_registry.cli.place import ask_plugins, backend_option, open_watched
from knows_registry.cli.recovery import left_as
from knows_registry.cli.reference import find
from knows_registry.cli.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knows_core import LocalEngine
    from knows_registry.registry import Registry


@click.command()
@click.argument("template", shell_complete=templates)
@click.option("--set", "pairs", metavar="KEY=VALUE", multiple=True, help="A state key; JSON, or else text. Repeatable.")
@click.option(
    "--state",
    "state_file",
    metavar="FILE.json",
    shell_complete=files,
    help="State keys from a JSON object; --set goes over it.",
)
@click.option("--input", "input_text", metavar="JSON|@FILE", help="The first step's input.")
@click.option("--run-id", help="The run's id; one is made up without it.")
@click.option("--approve", is_flag=True, help="Approve every approval that comes up, in the role it asks for.")
@click.option("--locked", is_flag=True, help="Only what knows.lock pins, exactly as it is pinned.")
@click.option("--quiet", is_flag=True, help="No progress view.")
@backend_option
@json_option
@click.pass_obj
def run(
    answers: Answers,
    template: str,
    pairs: Sequence[str],
    state_file: str | None,
    input_text: str | None,
    run_id: str | None,
    approve: bool,
    locked: bool,
    quiet: bool,
    backend: str | None,
) -> int:
    """Run TEMPLATE (NAME, NAME@RANGE or FILE.py:object) to its end.

    Exit code 0: completed. 1: a step failed, or the run was cancelled or out of time. 2: usage. 3: the template cannot
    be had. 4: types, input or state do not fit. 6: the backend failed. 9: it waits for a decision, see `kwf decide`.
    130, 143: interrupted. After an interrupt, crash, failure, decision or `kwf cancel`, `kwf resume RUN` goes on where
    the journal ends.
    """
    answers.at(backend)
    registry = locked_registry() if locked else registry_of(answers, quiet=quiet)
    ask_plugins(answers, registry)
    named = find(registry, template)
    definition = definition_of(named.template)
    answers.learn(template=definition.name, version=str(definition.version))
    definition = linked(definition, registry)
    state, value = given_state(definition, pairs, state_file), given_input(definition, input_text)
    watch = Watch(quiet=quiet or answers.json)
    with open_watched(answers, registry, watch, backend, recorded=False) as engine:
        try:
            with watch.shown([path for path, _ in definition.steps]):
                ended = engine.run(named.template, input=value, state=state, run_id=run_id, reference=named.reference)
                if approve:
                    from knows_registry.cli.approve import approved  # only runs that may come to one

                    ended = approved(engine, ended, named.template)
        except BaseException as error:
            if watch.run is not None and _kept(engine):
                next_move = f"`{again('resume', watch.run, backend)}` goes on with it"
                status = left_as(engine, watch.run, error) or str(RunStatus.RUNNING)
                answers.learn(run=watch.run, status=status, next_move=next_move)
            raise
        return tell(answers, ended, recorded=_kept(engine), backend=backend)


def locked_registry() -> Registry:
    """What the lock in force pins and nothing else. Raises LockMissing, LockBroken, LockStale, LockedMissing."""
    from knows_registry.locked import LockedRegistry, demanded  # for --locked alone

    registry = LockedRegistry(demanded())
    registry.verify()
    return registry


def _kept(engine: LocalEngine) -> bool:
    """Whether another process can go on with what this one recorded."""
    return engine.backend is not None and engine.backend.capabilities.durable
