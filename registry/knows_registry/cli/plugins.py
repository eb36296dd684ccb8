"""`kwf plugins`: who implements which hook, and `check`, which imports every entry point apart and remembers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from knows_registry.cli.allow import allow
from knows_registry.cli.answer import Answers, columns, json_option
from knows_registry.cli.list_templates import fault_lines, fault_row
from knows_registry.cli.permitted import registry_of
from knows_registry.verdict import LIMIT, remember, verdict_faults

if TYPE_CHECKING:
    from knows_registry.discover import Entry
    from knows_registry.verdict import Verdict

_BROKEN = 3


@click.group(invoke_without_command=True)
@click.option("--hooks", "with_hooks", is_flag=True, help="Show who implements each hook, as a run calls them.")
@json_option
@click.pass_context
def plugins(context: click.Context, with_hooks: bool) -> int:
    """Check what is installed by importing it, permit it, or show who implements which hook.

    With --hooks every plugin that has hooks is imported; they are called by distribution, then by entry, unless they
    ask to be first or last. Ends with 3 when one is broken.
    """
    if context.invoked_subcommand is not None:
        if with_hooks:
            raise click.UsageError(f"expected --hooks or {context.invoked_subcommand}, found both", context)
        return 0
    if with_hooks:
        from knows_registry.cli.hooks import tell_hooks  # pluggy: help must not pay for it

        return tell_hooks(context.obj)
    if context.obj.json:
        raise click.UsageError("expected --hooks or a command, found neither", context)
    raise click.exceptions.NoArgsIsHelpError(context)


plugins.add_command(allow)


@plugins.command()
@click.option("--timeout", default=LIMIT, show_default=True, help="Seconds that one import may take.")
@json_option
@click.pass_obj
def check(answers: Answers, timeout: float) -> int:
    """Import every template and plugin, each in an interpreter of its own, and say which of them cannot be used.

    What is not permitted is not imported. `kwf list` and `kwf doctor` show the verdicts until a distribution changes.
    """
    from knows_registry.probe import probe  # pluggy, subprocesses and threads: help must not pay for them

    if timeout <= 0:
        raise click.BadParameter("expected more than 0 seconds", param_hint="--timeout")
    registry = registry_of(answers, quiet=True)
    catalog = registry.catalog
    verdicts, refused = probe(catalog.entries(), registry.permission, limit=timeout, now=time.time)
    _keep(answers, verdicts)
    faults = [*catalog.faults(), *verdict_faults(verdicts)]
    rows = [_row(entry, verdict.reason, permitted=True) for entry, verdict in verdicts.items()]
    rows += [_row(entry, error.in_short, permitted=False) for entry, error in refused.items()]
    answers.object({"checked": rows, "broken": list(map(fault_row, faults))})
    cells = [_cells(entry, "ok") for entry, verdict in verdicts.items() if verdict.reason is None]
    cells += [_cells(entry, f"not imported: {error.in_short}") for entry, error in refused.items()]
    answers.text(*columns(cells) if cells else ["Nothing that can be used is installed."])
    answers.text(*["", *fault_lines(faults)] if faults else [])
    return _BROKEN if faults else 0


def _cells(entry: Entry, told: str) -> tuple[str, str, str]:
    return entry.name, f"{entry.distribution} {entry.distribution_version}", told


def _keep(answers: Answers, verdicts: dict[Entry, Verdict]) -> None:
    try:
        remember(verdicts)
    except OSError as error:
        answers.note(f"These verdicts are not remembered: {error}.")


def _row(entry: Entry, reason: str | None, *, permitted: bool) -> dict[str, Any]:
    return {
        "group": entry.group,
        "entry": entry.name,
        "distribution": entry.distribution,
        "distribution_version": entry.distribution_version,
        "permitted": permitted,
        "reason": reason,
    }
