"""What runs at every start of Python: lines of `.pth` files in site folders that are code (docs.python.org, `site`).

An installed file of this sort runs whether or not anybody imports the distribution that brought it, so no permission
of ours comes before it.
"""

# Texts and `os`, as in `discover`.
# ruff: noqa: PTH118, PTH123, PTH208
from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from knows_registry.discover import installed_on
from knows_registry.permits.artifact import artifact_of, damaged, files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Tools that are known to need it. Their own files, as their RECORD has them; virtualenv keeps none.
_TOOLS = frozenset(("coverage", "pytest-cov", "pywin32", "setuptools"))
_VIRTUALENV = re.compile(r"import _virtualenv\s*")
_IMPORTS = ("import ", "import\t")


class StartupLine(NamedTuple):
    """A line of code in a `.pth` file; `owner` and its version are empty where no RECORD in the folder names the file.

    `recorded` says that the file is as that RECORD has it.
    """

    file: str
    line: str
    owner: str
    version: str
    recorded: bool


def unknown_lines(paths: Iterable[str]) -> Iterator[StartupLine]:
    """The first line of code of every `.pth` file that is none of a known tool's or an editable installation's."""
    for path in dict.fromkeys(paths):
        for name in _names(path):
            lines = _code(os.path.join(path, name))
            if not lines or (name == "_virtualenv.pth" and all(map(_VIRTUALENV.fullmatch, lines))):
                continue
            found = _owned(path, name, lines[0].strip())
            if not (found.recorded and (found.owner in _TOOLS or _is_editable(path, found))):
                yield found


def _names(path: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(path or ".") if name.endswith(".pth"))
    except OSError:
        return []


def _code(file: str) -> list[str]:
    """The lines that Python runs; all others are paths."""
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as lines:
            return [line for line in lines if line.startswith(_IMPORTS)]
    except OSError:
        return []


def _owned(path: str, name: str, line: str) -> StartupLine:
    file = os.path.join(path, name)
    for folder in installed_on([path]):
        if name in files(folder.path):
            recorded = name not in damaged(folder.path)
            return StartupLine(file, line, folder.distribution, folder.version, recorded)
    return StartupLine(file, line, "", "", recorded=False)


def _is_editable(path: str, found: StartupLine) -> bool:
    folders = (one for one in installed_on([path]) if one.distribution == found.owner)
    return any(artifact_of(folder.path).editable for folder in folders)
