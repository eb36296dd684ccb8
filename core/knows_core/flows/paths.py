"""Where everything in a flow is: every node with its path, in the order in which a run meets them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.flow import Case, Part, Step, Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.flow import Flow
    from knows_core.journals.records import Shape

DEEPEST = 32
_NUMBER: Final = re.compile(r"\[\d*\]")


class Placed(NamedTuple):
    """A node, its path (with `[]` where a number will stand), and how many nodes it lies in."""

    path: str
    node: Flow[Any, Any]
    depth: int


def placed(flow: Flow[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[Placed]:
    """Every node, outer before inner; what lies deeper than a run would follow is left out."""
    yield Placed(prefix + flow.key, flow, depth)
    if depth < DEEPEST:
        for inner in flow.inner:
            yield from placed(inner, within(flow, prefix), depth + 1)


def within(node: Flow[Any, Any], prefix: str) -> str:
    """The prefix of the paths inside a node."""
    return f"{prefix}{node.segment}/" if node.segment else prefix


def steps_in(flow: Flow[Any, Any]) -> list[tuple[str, Step[Any, Any]]]:
    """Every step with its path, in order."""
    return [(path, node) for path, node, _ in placed(flow) if isinstance(node, Step)]


def shape_in(flow: Flow[Any, Any], prefix: str = "") -> Shape:
    """The shape: an entry for every node in order, of its kind, its path and what else decides which way a run goes.

    A node with others inside has an entry for where it ends, and its branches one for where each begins.
    """
    path, around = prefix + flow.key, within(flow, prefix)
    if isinstance(flow, Step):
        return [[flow.kind, path]]
    if flow.kind == "sequence":
        return [entry for part in flow.inner for entry in shape_in(part, prefix)]
    shape: Shape = [[flow.kind, path, *_deciding(flow)]]
    for number, inner in enumerate(flow.inner):
        if len(flow.inner) > 1 or isinstance(flow, Case):
            shape.append(["branch", around + inner.key, *_asked(flow, number)])
        shape += shape_in(inner, around)
    return [*shape, [f"end of {flow.kind}", path]]


def _deciding(node: Flow[Any, Any]) -> list[str]:
    if isinstance(node, Part):
        return [str(node.definition)]
    if isinstance(node, Use) and node.wanted is not None:
        return [node.wanted.name]  # its range is the contract's matter: a run is bound to the version found in it
    until = getattr(node, "until", None)
    return [] if until is None else [until.name]


def _asked(node: Flow[Any, Any], number: int) -> list[str]:
    predicate = node.choices[number][0] if isinstance(node, Case) else None
    return [] if predicate is None else [predicate.name]


def unnumbered(path: str) -> str:
    """The path in a shape of what a run records under this one: without the numbers of turns and items."""
    return _NUMBER.sub("[]", path)


def renumbered(path: str, paths: Mapping[str, str | None]) -> str | None:
    """What a recorded path has become where `paths` names the new one; its numbers stay. None: it is gone."""
    was = unnumbered(path)
    now = paths.get(was, was)
    if now is None or now == was:
        return now and path
    numbers = iter(_NUMBER.findall(path))
    return _NUMBER.sub(lambda _: next(numbers, "[]"), now)


def numbered_as(path: str, inner: str) -> str:
    """The path of a node around another, with the numbers that the path of the inner one has."""
    numbers = iter(_NUMBER.findall(inner))
    return _NUMBER.sub(lambda _: next(numbers, "[]"), path)
