"""The command line `kwf`: each command is a room of its own, imported when it is called.

To add a command, write its room and add one line to COMMANDS. A command returns its exit code (None is 0), takes its
`Answers` with `@click.pass_obj` and raises a KnowsError for whatever fails; `main` turns that into words and exit code.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from knows_registry.cli.answer import Answers, Unheard, speaking
from knows_registry.cli.failure import Failure, failure_of, reported
from knows_registry.guard import Interrupted, listening, skip_pydantic_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

# name -> (module:attribute, the line that `kwf --help` shows without importing the command)
COMMANDS = {
    "cancel": ("knows_registry.cli.cancel:cancel", "Ask a run to stop, or end it where nobody drives it."),
    "check": ("knows_registry.cli.check:check", "Find everything that is wrong with templates, without running them."),
    "decide": ("knows_registry.cli.decide:decide", "Answer what a run waits for, or show what that is."),
    "doctor": ("knows_registry.cli.doctor:doctor", "Examine the installation and say what to repair."),
    "history": ("knows_registry.cli.history:history", "Show what happened in a run."),
    "list": ("knows_registry.cli.list_templates:list_templates", "List the installed templates and their versions."),
    "manifest": (
        "knows_registry.cli.manifest:manifest",
        "Write what the templates of a plugin are beside its code, or check it.",
    ),
    "plugins": (
        "knows_registry.cli.plugins:plugins",
        "Check what is installed by importing it, or show who has which hook.",
    ),
    "purge": ("knows_registry.cli.purge:purge", "Delete runs that ended long enough ago."),
    "resume": ("knows_registry.cli.resume:resume", "Go on with recorded runs where their journals end."),
    "run": ("knows_registry.cli.run:run", "Run a template, installed or in a file, and record it."),
    "runs": ("knows_registry.cli.runs:runs", "List the recorded runs."),
    "show": ("knows_registry.cli.show:show", "Show one template: what it takes, its steps, what it gives."),
}

_PIPE_CLOSED = 141  # as a program ends that the pipe's signal kills: neither success nor a failure of the command
_NOT_WRITTEN = 1


class Commands(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the summaries of the map: help must not import what it lists."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(COMMANDS.items())])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name those that are close."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches  # only a mistyped command needs it

            close = get_close_matches(name, COMMANDS)
            ctx.fail(f"expected a command, found {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""))
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from knows_registry.installed import version_of  # the metadata reader is heavy and nothing else here needs it

        click.echo(f"kwf {version_of('knows-registry')}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show it.")
def kwf() -> None:
    """Find, check and run versioned, typed, durable workflow templates."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    skip_pydantic_plugins()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with listening(), speaking(words) as answers:
            return _run(words, answers)
    except Interrupted as error:  # while the answer was given
        return error.exit_code
    except OSError as error:  # of stdout: every other one is answered as the failure of its command
        # Without this the interpreter would complain while it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno == errno.EPIPE:
            return _PIPE_CLOSED
        Answers(None, command="", json=False).note(f"kwf: the answer could not be written: {error.strerror}")
        return _NOT_WRITTEN


def _run(words: list[str], answers: Answers) -> int:
    try:
        with kwf.make_context("kwf", words, obj=answers) as context:
            code: Any = kwf.invoke(context)
        answers.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except Unheard:
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        answers.note(error.format_message())
        return error.exit_code
    except click.Abort:
        failure = failure_of(KeyboardInterrupt())
    except click.ClickException as error:
        failure = _usage_failure(error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, an answer is owed in the promised form
        failure = reported(error)
    else:
        return code or 0
    answers.fail(failure)
    return failure.exit_code


def _usage_failure(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "kwf"
    next_move = f"`{path} --help` shows how it is used."
    return Failure(
        "usage", type(error).__name__, error.format_message(), next_move=next_move, exit_code=error.exit_code
    )
