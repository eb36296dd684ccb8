"""Where the import system would take a module from, when that is not the distribution that was asked."""

# Texts and `os`, as in `discover`.
# ruff: noqa: PTH120, PTH121
from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from importlib.machinery import ModuleSpec

    from knows_registry.discover import Entry


def stray(entry: Entry, files: Collection[str]) -> str:
    """The file that an import of the entry would run instead of one of these; empty where it is one of them.

    A module of that name in a folder that comes earlier on the path, as the current one does, takes its place
    unnoticed. `files` are paths below the site folder. Nothing is imported for the answer.
    """
    module, spec = _first_with_code(entry.module)
    if spec is None or not spec.origin:
        return ""  # the import itself will say that there is none
    place = os.path.dirname(entry.folder) or "."
    stem = module.replace(".", "/")
    own = [path for path in files if path.startswith((f"{stem}.", f"{stem}/__init__."))]
    return "" if any(_same(f"{place}/{path}", spec.origin) for path in own) else spec.origin


def _first_with_code(module: str) -> tuple[str, ModuleSpec | None]:
    """The first module of a dotted name whose import runs code: packages without `__init__` run none."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return name, None
        if spec is None or spec.has_location:
            return name, spec
    return module, None


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
