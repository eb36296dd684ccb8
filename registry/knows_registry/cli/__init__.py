"""The command line `kwf`: each command is a room of its own, imported when it is called.

To add a command, write its room and add one line to COMMANDS. A command returns its exit code (None is 0), takes its
`Answers` with `@click.pass_obj` and raises a KnowsError for whatever fails; `main` turns that into words and exit code.

click takes longer to import than a listing that is remembered takes to print, so that one is answered without it.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
from typing import TYPE_CHECKING, Any

from knows_registry.cli.answer import Answers, Unheard, speaking
from knows_registry.guard import Interrupted, listening, skip_pydantic_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    kwf: click.Group

# name -> (module:attribute, the line that `kwf --help` shows without importing the command)
COMMANDS = {
    "cancel": ("knows_registry.cli.cancel:cancel", "Ask a run to stop, or end it where nobody drives it."),
    "check": ("knows_registry.cli.check:check", "Find everything that is wrong with templates, without running them."),
    "decide": ("knows_registry.cli.decide:decide", "Answer what a run waits for, or show what that is."),
    "diff": ("knows_registry.cli.diff:diff", "Compare two versions of a template: what breaks, what number it asks."),
    "doctor": ("knows_registry.cli.doctor:doctor", "Examine the installation and say what to repair."),
    "history": ("knows_registry.cli.history:history", "Show what happened in a run."),
    "list": ("knows_registry.cli.list_templates:list_templates", "List the installed templates and their versions."),
    "lock": ("knows_registry.cli.lock:lock", "Pin every version that a request comes to, or compare the pins."),
    "manifest": (
        "knows_registry.cli.manifest:manifest",
        "Write what the templates of a plugin are beside its code, or check it.",
    ),
    "plugins": (
        "knows_registry.cli.plugins:plugins",
        "Check what is installed by importing it, permit it, or show who has which hook.",
    ),
    "purge": ("knows_registry.cli.purge:purge", "Delete runs that ended long enough ago."),
    "release-check": (
        "knows_registry.cli.release_check:release_check",
        "Refuse versions of a plugin whose number is not raised enough.",
    ),
    "resume": ("knows_registry.cli.resume:resume", "Go on with recorded runs where their journals end."),
    "run": ("knows_registry.cli.run:run", "Run a template, installed or in a file, and record it."),
    "runs": ("knows_registry.cli.runs:runs", "List the recorded runs."),
    "show": ("knows_registry.cli.show:show", "Show one template: what it takes, its steps, what it gives."),
    "why": ("knows_registry.cli.why:why", "Show every chain of requirements that leads to a template."),
}

_PIPE_CLOSED = 141  # as a program ends that the pipe's signal kills: neither success nor a failure of the command
_NOT_WRITTEN = 1


def __getattr__(name: str) -> Any:
    if name != "kwf":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _group()


@functools.cache
def _group() -> click.Group:
    from knows_registry.cli.commands import group_of  # see above

    return group_of(COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; or answer a shell that completes one."""
    if instruction := os.environ.get("_KWF_COMPLETE"):
        from knows_registry.cli.shells import answer_shell  # only a shell that completes gets here

        return answer_shell(_group(), instruction)
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
        code = _answered(words, answers)
        answers.flush()
    except Unheard:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, an answer is owed in the promised form
        from knows_registry.cli.failure import reported  # only for a command that fails

        failure = reported(error)
        answers.fail(failure)
        return failure.exit_code
    return code


def _answered(words: list[str], answers: Answers) -> int:
    if words[:1] == ["list"] and set(words[1:]) <= {"--json", "--refresh"}:
        from knows_registry.cli.listing import tell  # see above: what `list` itself would call

        tell(answers, refresh="--refresh" in words)
        return 0
    from knows_registry.cli.commands import run

    return run(_group(), words, answers)
