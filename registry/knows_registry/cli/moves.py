"""Next moves: command lines that can be typed as they stand, for the place the command was given."""

from __future__ import annotations

import re
import shlex

from knows_registry.cli.masking import masked

_COMMANDS = "resume|runs|history|decide|cancel|purge"  # those that look at recorded runs


def again(command: str, run: str, backend: str | None, *more: str) -> str:
    """The command line that does something with a run in the same place, ready for a shell.

    `more` follows the run. A password in the URL is not repeated: then the line says what to put there. A place that
    comes from the settings needs no option.
    """
    return shlex.join(["kwf", command, run, *more]) + _option(backend)


def in_place(move: str, backend: str | None) -> str:
    """A next move whose `kwf` commands look at the same place, so that they can be typed as they stand."""
    return re.sub(
        rf"`(kwf (?:{_COMMANDS})\b(?![^`]*--backend)[^`]*)`", lambda found: f"`{found[1]}{_option(backend)}`", move
    )


def _option(backend: str | None) -> str:
    if not backend:
        return ""
    can_be_typed = masked(backend) == backend
    return f" --backend {shlex.quote(backend) if can_be_typed else '<URL with its password>'}"
