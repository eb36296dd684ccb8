"""An annotation as data: what a contract keeps of a type, so that it can be compared when the classes are long gone.

A description is ours and holds JSON values only. It is equal for equal spellings, under every supported pydantic and in
every process; titles, descriptions, examples and docstrings are not in it. A class with fields is described once, in
`definitions`, and stands everywhere else as `{"ref": name}`, so that a class which refers to itself ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from knows_core.describing.kinds import Members
from knows_core.describing.marks import Descriptor, text_of
from knows_core.describing.search import Ref, Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.describing.search import Node


@dataclass(frozen=True, slots=True)
class Descriptions:
    """Several annotations by name, with the definitions that they share.

    `lineage` tells of a definition which class it is, and which it derives from. It stands apart: a description is
    equal for equal structures, wherever a class is, and so is the digest over it.
    """

    types: dict[str, Descriptor]
    definitions: dict[str, Descriptor]
    lineage: dict[str, list[str]]


def described(annotation: Any) -> Descriptor:
    """One annotation with, under `definitions`, the classes that it refers to; never raises."""
    found = described_together({"it": annotation})
    return found.types["it"] | ({"definitions": found.definitions} if found.definitions else {})


def described_together(annotations: Mapping[str, Any]) -> Descriptions:
    """Annotations that stand in one contract; never raises.

    Classes of one name and one structure share a definition; of one name and several structures they are numbered by
    what they look like (`Alarm`, `Alarm#2`), not by where they were met first.
    """
    search = Search()
    found = {name: search.describe(one) for name, one in annotations.items()}
    names = _names(search.nodes)
    definitions = {names[number]: _settled(node.body, names) for number, node in enumerate(search.nodes)}
    types = {name: _settled(one, names) for name, one in found.items()}
    return Descriptions(types, dict(sorted(definitions.items())), _lineage(search.nodes, names))


def _lineage(nodes: list[Node], names: list[str]) -> dict[str, list[str]]:
    """The lineage of each definition; of one that several classes share, only where all have the same."""
    found: dict[str, list[list[str]]] = {}
    for name, node in zip(names, nodes, strict=True):
        found.setdefault(name, []).append(node.lineage)
    return {name: one[0] for name, one in sorted(found.items()) if one[0] and all(other == one[0] for other in one)}


def _names(nodes: list[Node]) -> list[str]:
    """A name for each node, the same for two that cannot be told apart.

    As a finite automaton is minimised: nodes of one name are split by what they look like under the names of the last
    round, until a round splits nothing more.
    """
    names = [node.name for node in nodes]
    while len(set(names)) < len(names):
        looks = [(node.name, text_of(_settled(node.body, names))) for node in nodes]
        several: dict[str, list[str]] = {}
        for name, look in sorted(set(looks)):
            several.setdefault(name, []).append(look)
        finer = [_numbered(name, several[name].index(look)) for name, look in looks]
        if len(set(finer)) == len(set(names)):
            return finer
        names = finer
    return names


def _numbered(name: str, index: int) -> str:
    return f"{name}#{index + 1}" if index else name


def _settled(part: Any, names: list[str]) -> Any:
    """A part of a description with its references named and its unions in their order."""
    if isinstance(part, Ref):
        return names[part]
    if isinstance(part, list):
        return [_settled(one, names) for one in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    parts = cast("Descriptor", part)
    settled = {name: _settled(one, names) for name, one in parts.items()}
    return _union(settled) if isinstance(parts.get("of"), Members) else settled


def _union(union: Descriptor) -> Descriptor:
    marks = {name: one for name, one in union.items() if name not in ("kind", "of")}
    is_ordered = ["union_mode", "left_to_right"] in marks.get("bounds", ())
    members = _members(union["of"])
    texts = {text_of(one): one for one in members}
    of = [one for _, one in (texts.items() if is_ordered else sorted(texts.items()))]
    if len(of) == 1 and not (marks.keys() & of[0].keys()):
        return of[0] | marks
    return union | {"of": of}


def _members(members: list[Descriptor]) -> list[Descriptor]:
    """The members with plain unions opened and their literals in one."""
    flat: list[Descriptor] = []
    values: dict[str, Any] = {}
    for one in members:
        for each in one["of"] if one.keys() == {"kind", "of"} and one["kind"] == "union" else [one]:
            if each.keys() == {"kind", "values"}:
                values |= {text_of(value): value for value in each["values"]}
            else:
                flat.append(each)
    literal: Descriptor = {"kind": "literal", "values": [value for _, value in sorted(values.items())]}
    return [*flat, *([literal] if values else [])]
