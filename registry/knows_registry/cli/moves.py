"""Next moves: command lines that can be typed as they stand, for the place the command was given."""

from __future__ import annotations

import re
import shlex


def again(command: str, run: str, backend: str | None) -> str:
    """The command line that does something with a run in the same place, ready for a shell.

    A password in the URL is not repeated: whoever types the command knows what `***` stands for.
    """
    return shlex.join(["kwf", command, run, *(["--backend", masked(backend)] if backend else [])])


def in_place(move: str, backend: str | None) -> str:
    """A next move whose `kwf` commands look at the same place, so that they can be typed as they stand."""
    if backend is None:
        return move
    option = f" --backend {shlex.quote(masked(backend))}"
    return re.sub(
        r"`(kwf (?:resume|runs|history)\b(?![^`]*--backend)[^`]*)`", lambda found: f"`{found[1]}{option}`", move
    )


def masked(url: str) -> str:
    """A backend's URL without what may be secret in it: who logs in, and the options."""
    if "://" not in url or url.startswith("sqlite:"):
        return url
    return re.sub(r"\?.*", "?***", re.sub(r"://.*@", "://***@", url))
