"""The commands of `kwf` as click knows them: by name, each imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from knows_registry.cli.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem

    from knows_registry.cli.answer import Answers


class Commands(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    places: Mapping[str, tuple[str, str]]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        del ctx
        return sorted(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the summaries of the map: help must not import what it lists."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(self.places.items())])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Name the commands that begin so, from the map, and the options."""
        from click.shell_completion import CompletionItem  # only a shell that completes gets here

        found = sorted((name, summary) for name, (_, summary) in self.places.items() if name.startswith(incomplete))
        named = [CompletionItem(name, help=summary) for name, summary in found]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name those that are close."""
        name = args[0]
        if name not in self.places and not name.startswith("-"):
            from difflib import get_close_matches  # only a mistyped command needs it

            close = get_close_matches(name, self.places)
            ctx.fail(f"expected a command, found {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""))
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from knows_registry.installed import version_of  # the metadata reader is heavy and nothing else here needs it

        click.echo(f"kwf {version_of('knows-registry')}")
        ctx.exit()


def group_of(places: Mapping[str, tuple[str, str]]) -> Commands:
    """The command `kwf` with commands by name, each as `module:attribute` and the line that tells of it."""

    @click.group("kwf", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show it.")
    def kwf() -> None:
        """Find, check and run versioned, typed, durable workflow templates."""

    kwf.places = places
    return kwf


def run(group: click.Group, words: Sequence[str], answers: Answers) -> int:
    """Run one command and return its exit code; what is wrong with its words is told. Raises what it raises."""
    try:
        with group.make_context("kwf", list(words), obj=answers) as context:
            code: Any = group.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        answers.note(error.format_message())
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        failure = _usage_failure(error)
        answers.fail(failure)
        return failure.exit_code
    return code or 0


def _usage_failure(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "kwf"
    next_move = f"`{path} --help` shows how it is used."
    return Failure(
        "usage", type(error).__name__, error.format_message(), next_move=next_move, exit_code=error.exit_code
    )
