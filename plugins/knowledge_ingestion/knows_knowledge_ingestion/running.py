"""The lines that head or foot every page of a PDF, and would otherwise stand in the middle of its sentences."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPEATED = 4  # pages; fewer may be chance


def without_running_lines(pages: Sequence[str], labels: Sequence[str]) -> tuple[list[str], int]:
    """The pages without repeated first and last lines, and how many were left out.

    The first page of each such line keeps it, so no words are lost. A number in it may differ only if it is the page's
    own label: "Alarm 101", "Alarm 102" on top of following pages are no running lines.
    """
    split = [page.split("\n") for page in pages]
    masked = [
        [_masked(lines[index], label, number) for index in (0, -1)]
        for number, (lines, label) in enumerate(zip(split, labels, strict=True), 1)
    ]
    counts = Counter(edge for edges in masked for edge in set(edges) if edge)
    seen: set[str] = set()
    removed = 0
    for lines, edges in zip(split, masked, strict=True):
        for index, edge in zip((0, -1), edges, strict=True):
            if counts[edge] >= _REPEATED and edge in seen and lines:
                del lines[index]
                removed += 1
        seen.update(edges)
    return ["\n".join(lines).strip() for lines in split], removed


def _masked(line: str, label: str, number: int) -> str:
    own = {label, str(number)} - {""}
    return re.sub(r"[\w-]+", lambda word: "#" if word[0] in own else word[0], line)
