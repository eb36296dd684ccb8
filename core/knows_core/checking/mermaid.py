"""A template drawn as a Mermaid flowchart, for pages that show one: `flowchart TD`, the same text every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from knows_core.checking.drawing import MARKS, asks, title_of, type_name
from knows_core.checking.judgement import UNKNOWN
from knows_core.checking.seams import INPUT
from knows_core.flow import Case, Parallel, Scope, Sequence
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.paths import DEEPEST, within
from knows_core.types import Fit

if TYPE_CHECKING:
    from knows_core.checking.seams import Seam
    from knows_core.flow import Flow
    from knows_core.template import Definition

_PLAIN = frozenset(" _-.,:/@=?!()[]+*~$")


class _Exit(NamedTuple):
    """Where an arrow begins: the node drawn, the path that its value has in the seams, and what is said of the way."""

    node: str
    path: str
    word: str = ""


def flowchart(definition: Definition) -> list[str]:
    """The lines of the chart: a node per step, a frame per part, loop and scope, types at the arrows.

    At an arrow `~` means that the value is converted, `?` that it is checked at run time, `!` that it does not fit.
    """
    return _Chart(definition).drawn()


def escape(text: str) -> str:
    """A text that Mermaid shows as it is, inside quotes."""
    return "".join(one if one.isalnum() or one in _PLAIN else f"#{ord(one)};" for one in " ".join(text.split()))


class _Chart:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._lines = ["flowchart TD"]
        self._count = self._frames = 0
        # In the end: an arrow inside a frame would draw the node it comes from into it. Values may come the same way.
        self._arrows: dict[str, None] = {}
        self._margin = "    "
        self._seams = {(one.produced.path, one.consumed.path): one for one in definition.seams.seams}
        self._inputs = {end.path: end.annotation for _, end in definition.seams.entries}

    def drawn(self) -> list[str]:
        """The whole chart."""
        definition = self._definition
        start = self._node("([", f"{definition}", "])")
        exits = self._flow(definition.flow, [_Exit(start, "")], "", 0)
        end = self._node("([", f"result: {type_name(definition.seams.output)}", "])")
        given = {one.path: one.annotation for one in definition.seams.outputs}
        for one in exits:
            self._arrow(one, end, "" if given.get(one.path, UNKNOWN) is UNKNOWN else type_name(given[one.path]))
        return self._lines + [f"    {one}" for one in self._arrows]

    def _flow(self, node: Flow[Any, Any], given: list[_Exit], prefix: str, depth: int) -> list[_Exit]:
        """Draw a node behind what leads to it, and tell where it ends."""
        path, inside = prefix + node.key, within(node, prefix)
        if depth > DEEPEST or not (node.inner or isinstance(node, Sequence)):  # a step, or deeper than a run would go
            return self._step(title_of(node), given, path)
        if isinstance(node, Sequence):
            for part in node.parts:
                given = self._flow(part, given, prefix, depth + 1)
            return given
        if isinstance(node, Case):
            return self._case(node, given, path, inside, depth)
        if isinstance(node, Parallel):
            return self._parallel(node, given, path, inside, depth)
        self._open(title_of(node))
        exits = self._framed(node, given, path, inside, depth)
        self._close()
        return exits

    def _framed(self, node: Flow[Any, Any], given: list[_Exit], path: str, inside: str, depth: int) -> list[_Exit]:
        """What is inside a part, a loop or a scope."""
        if isinstance(node, Each):
            given = [one._replace(path=f"an item of {one.path or INPUT}") for one in given]
        first = self._count + 1
        exits = self._flow(node.inner[0], given, inside, depth + 1)
        if isinstance(node, Scope) and len(node.inner) > 1:
            ways = [one._replace(word="when it fails") for one in given]
            exits += self._flow(node.inner[1], ways, inside, depth + 1)
        if isinstance(node, Each):
            return [_Exit(one.node, path, one.word) for one in exits]
        if isinstance(node, Repeat):
            until = node.until.name or "a predicate"
            for one in exits:
                self._arrows[f'{one.node} -.->|"{escape(f"again until {until}")}"| n{first}'] = None
        return exits

    def _step(self, title: str, given: list[_Exit], path: str) -> list[_Exit]:
        node = self._node("[", title, "]")
        for one in given:
            self._arrow(one, node, self._type(one.path, path))
        return [_Exit(node, path)]

    def _case(self, node: Case[Any, Any], given: list[_Exit], path: str, inside: str, depth: int) -> list[_Exit]:
        question = self._junction("{", title_of(node), "}", given)
        exits: list[_Exit] = []
        for predicate, branch in node.choices:
            ways = [_Exit(question, one.path, asks(predicate)) for one in _one_each(given)]
            exits += self._flow(branch, ways, inside, depth + 1)
        if not node.has_default:  # what comes in goes on, each kind of it as a value of its own
            exits += [_Exit(question, one.path or path, asks(None)) for one in _one_each(given)]
        return exits

    def _parallel(
        self, node: Parallel[Any, Any], given: list[_Exit], path: str, inside: str, depth: int
    ) -> list[_Exit]:
        fork = self._junction("{{", title_of(node), "}}", given)
        ways = [_Exit(fork, one.path) for one in _one_each(given)]
        ends = [end for one in node.branches for end in self._flow(one, ways, inside, depth + 1)]
        join = self._node("((", "all", "))")
        for one in ends:
            self._arrow(one, join, "")
        return [_Exit(join, path)]

    def _junction(self, left: str, title: str, right: str, given: list[_Exit]) -> str:
        """A node that hands on what comes in."""
        node = self._node(left, title, right)
        for one in given:
            self._arrow(one, node, "")
        return node

    def _type(self, produced: str, consumed: str) -> str:
        """The type of what is handed over, and whether it is what is expected."""
        if not produced:
            annotation = self._inputs.get(consumed, UNKNOWN)
            return "" if annotation is UNKNOWN else type_name(annotation)
        seam = self._seams.get((produced, consumed))
        return "" if seam is None else _label(seam)

    def _node(self, left: str, title: str, right: str) -> str:
        self._count += 1
        self._line(f'n{self._count}{left}"{escape(title)}"{right}')
        return f"n{self._count}"

    def _arrow(self, way: _Exit, node: str, types: str) -> None:
        label = escape(": ".join(one for one in (way.word, types) if one))
        line = f'{way.node} -->|"{label}"| {node}' if label else f"{way.node} --> {node}"
        self._arrows[line] = None

    def _open(self, title: str) -> None:
        self._frames += 1
        self._line(f'subgraph s{self._frames}["{escape(title)}"]')
        self._margin += "    "

    def _close(self) -> None:
        self._margin = self._margin[4:]
        self._line("end")

    def _line(self, line: str) -> None:
        self._lines.append(f"{self._margin}{line}")


def _one_each(exits: list[_Exit]) -> list[_Exit]:
    """One way for every path that a value may come from."""
    return list({one.path: one for one in exits}.values())


def _label(seam: Seam) -> str:
    if seam.verdict.fit is Fit.FITS:
        return "" if seam.produced.annotation is UNKNOWN else type_name(seam.produced.annotation)
    types = f"{type_name(seam.produced.annotation)} to {type_name(seam.consumed.annotation)}"
    return f"{MARKS[seam.verdict.fit]} {types}"
