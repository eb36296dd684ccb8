"""How shells are answered that complete a command line: click's protocol, in silence, and nothing where that fails.

`_KWF_COMPLETE=bash_source kwf` prints what a shell evaluates; that asks again with `bash_complete` at every tabulator.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

from knows_registry.guard import skip_pydantic_plugins

if TYPE_CHECKING:
    import click

VARIABLE = "_KWF_COMPLETE"
_LIMIT = 2.0  # seconds after which nobody waits any longer: a database that does not answer must not hold the shell up


def answer_shell(commands: click.Command, instruction: str) -> int:
    """Print the script of a shell (`bash_source`), or what may follow on the command line it is at (`bash_complete`).

    Neither a word nor a failing exit code comes of a completion that fails. Exit code 1: an unknown instruction.
    """
    shell, _, act = instruction.partition("_")
    kind = _SHELLS.get(shell)
    if kind is None or act not in ("source", "complete"):
        return 1
    completing = kind(commands, {}, "kwf", VARIABLE)
    if act == "source":
        sys.stdout.write(completing.source())
        return 0
    skip_pydantic_plugins()
    answer = _in_silence(completing)
    with suppress(OSError):
        sys.stdout.write(f"{answer}\n" if answer else "")
        sys.stdout.flush()
    return 0


def _in_silence(completing: ShellComplete) -> str:
    """What may follow; an empty text where something fails or takes too long. Whatever else is printed is dropped."""
    sys.stdout.flush()
    kept, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    timer = threading.Timer(_LIMIT, os._exit, (0,))
    timer.daemon = True
    timer.start()
    try:
        return completing.complete()
    except BaseException:  # noqa: BLE001 - a person who types is told nothing of it, also not of a plugin that exits
        return ""
    finally:
        timer.cancel()
        with suppress(OSError, ValueError):
            sys.stdout.flush()  # what a plugin has printed goes where it belongs: nowhere
        for number, one in zip((1, 2), kept, strict=True):
            os.dup2(one, number)


class Bash(BashComplete):
    """Bash takes a word apart at signs such as `@` and `:`, and replaces only its last part, which it tells as $2."""

    source_template = BashComplete.source_template.replace(
        "COMP_CWORD=$COMP_CWORD",
        'COMP_CWORD=$COMP_CWORD COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_REPLACED="$2"',
    )
    _left = ""  # what bash leaves as it is of the word at the cursor

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor as they were typed, and the word at it."""
        parts, at = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
        *words, last = put_together(parts[:at], os.environ["COMP_LINE"])
        incomplete = next(iter(split_arg_string(last)), "")
        self._left = incomplete.removesuffix(os.environ["COMP_REPLACED"])
        return split_arg_string(" ".join(words))[1:], incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Each without what bash leaves as it is."""
        found = super().get_completions(args, incomplete)
        for item in found:
            item.value = item.value.removeprefix(self._left)
        return found


def put_together(parts: list[str], line: str) -> list[str]:
    """The words of a line that ends at the cursor as they were typed, the one at the cursor last.

    `parts` are those that bash made of what precedes the last one. Raises ValueError where they are of another line.
    """
    words = [""]
    end = 0
    for part in parts:
        begin = line.index(part, end)
        words += [part] if begin > end else [words.pop() + part]
        end = begin + len(part)
    rest = line[end:]
    last = rest.lstrip()
    return [*words, last] if rest != last else [*words[:-1], words[-1] + last]


class Fish(FishComplete):
    """Click's script would cut what is told beside a word at its first comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


_SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "fish": Fish, "zsh": ZshComplete}
