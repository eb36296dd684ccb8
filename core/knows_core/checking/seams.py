"""The seams of a flow: every place where one step hands a value to the next, with both ends and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from knows_core.checking.judgement import ANNOTATIONS, UNKNOWN
from knows_core.fitting.handover import awaited, check_of
from knows_core.fitting.reading import words
from knows_core.flow import Case, Flow, Parallel, Part, Scope, Sequence, Step
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.paths import DEEPEST, within
from knows_core.recovery import Continue, Fallback
from knows_core.types import Fit
from knows_core.values.traits import private_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from knows_core.checking.judgement import Judgement
    from knows_core.fitting.verdict import Verdict
    from knows_core.recovery import OnError
    from knows_core.template import Definition
    from knows_core.walking.situation import Check, Checks

INPUT: Final = "the run's input"
MODES: Final = ("strict", "lenient", "warn", "off")
_LISTS: Final[Any] = list[Any] | tuple[Any, ...]


class End(NamedTuple):
    """One end of a seam: the template (name@version), the path in the whole flow, the type."""

    template: str
    path: str
    annotation: Any

    def __str__(self) -> str:
        return f"{self.template} {self.path} ({words(self.annotation)})"


class Seam(NamedTuple):
    """A hand-over from one end to the other."""

    produced: End
    consumed: End
    verdict: Verdict
    step: Step[Any, Any] | None = None  # the one that consumes

    def __str__(self) -> str:
        return f"{self.produced} -> {self.consumed}: {self.verdict.fit}"

    @property
    def inside(self) -> str:
        """The template that both ends are in; empty where they are in two."""
        return self.consumed.template if self.produced.template == self.consumed.template else ""

    def is_refused(self, mode: str) -> bool:
        """Whether a composition that is checked in this mode may not have it."""
        refused = self.verdict.fit is Fit.DOES_NOT_FIT
        return refused and (mode == "strict" or (mode == "lenient" and not self.verdict.partly))


@dataclass(slots=True)
class Seams:
    """All seams of a flow, the steps that get the run's input, and what the flow gives in the end."""

    judgement: Judgement = ANNOTATIONS
    seams: list[Seam] = field(default_factory=list[Seam])
    entries: list[tuple[Step[Any, Any], End]] = field(default_factory=list[tuple[Step[Any, Any], End]])
    outputs: list[End] = field(default_factory=list[End])
    producers: list[tuple[Step[Any, Any], End]] = field(default_factory=list[tuple[Step[Any, Any], End]])

    @property
    def output(self) -> Any:
        """The annotation of the result."""
        return self.judgement.either(one.annotation for one in self.outputs)

    @property
    def input(self) -> Any:
        """The annotation of the input, by the first step that takes it; UNKNOWN where none says."""
        return next((end.annotation for _, end in self.entries), UNKNOWN)

    def checks(self, mode: str) -> dict[Step[Any, Any], tuple[Check | None, Check | None]]:
        """What a run checks at each step: its input, unless every seam into it fits, and its result."""
        if mode == "off":
            return {}
        into: dict[Step[Any, Any], list[Seam]] = {}
        for seam in self.seams:
            if seam.step is not None and seam.verdict.fit is not Fit.FITS:
                into.setdefault(seam.step, []).append(seam)
        found: dict[Step[Any, Any], tuple[Check | None, Check | None]] = {}
        for step, end in self.producers:
            outlet = check_of(end.annotation, "the result of")
            intake = _intake(into.get(step, []))
            if intake is not None or outlet is not None:
                found[step] = (intake, outlet)
        return found


def on_copies(checks: Checks, steps: Iterable[tuple[str, Step[Any, Any]]]) -> dict[Step[Any, Any], Any]:
    """The checks where each attempt of a step has an input of its own: what a failed one did to it does not count."""
    found = {step: checks.get(step, (None, None)) for _, step in steps}
    return {step: (_on_copy(intake), outlet) for step, (intake, outlet) in found.items()}


def _on_copy(intake: Check | None) -> Check:
    if intake is None:
        return lambda value, _path: private_copy(value)
    return lambda value, path: intake(private_copy(value), path)


def _intake(seams: list[Seam]) -> Check | None:
    if not seams:
        return None
    consumed = seams[0].consumed
    converting = [one.produced.annotation for one in seams if one.verdict.fit is Fit.CONVERTS]
    return check_of(consumed.annotation, "the input of", converting)


def seams_of(definition: Definition) -> Seams:
    """The seams of a linked template, in the order of its steps."""
    found = Seams(definition.judgement)
    found.outputs = _Reader(found).read(definition.flow, None, str(definition), "", 0)
    return found


class _Reader:
    """Follows the values through a flow. What comes in is None for the run's own input."""

    def __init__(self, found: Seams) -> None:
        self._found = found
        self._judge = found.judgement
        self._seen: set[tuple[Any, str, str]] = set()
        self._known: dict[tuple[str, str, str, str], list[End]] = {}

    def read(self, node: Flow[Any, Any], given: list[End] | None, template: str, prefix: str, depth: int) -> list[End]:
        """What comes out of a node; told again where the same came in before, as it does in turns of turns."""
        came = "" if given is None else " ".join(["in:", *map(str, given)])
        asked = (template, prefix, f"{node.kind} {node.key} {id(node)}", came)
        if asked not in self._known:
            self._known[asked] = self._read(node, given, template, prefix, depth)
        return self._known[asked]

    def _read(self, node: Flow[Any, Any], given: list[End] | None, template: str, prefix: str, depth: int) -> list[End]:
        path, inside = prefix + node.key, within(node, prefix)
        if depth > DEEPEST:
            return [End(template, path, UNKNOWN)]
        if isinstance(node, Step):
            return self._step(node, given, End(template, path, UNKNOWN))
        if isinstance(node, Approval):
            here = End(template, path, UNKNOWN)
            return [here._replace(annotation=node.payload)] if node.payload is not None else given or [here]
        if isinstance(node, Part):
            template = str(node.definition)
        if isinstance(node, Each):
            given = self._items(given, End(template, path, UNKNOWN))
        results = given
        if isinstance(node, Sequence):
            for part in node.parts:
                results = self.read(part, results, template, prefix, depth + 1)
            return results or []
        several = [self.read(inner, given, template, inside, depth + 1) for inner in node.inner]
        if isinstance(node, Repeat):  # each turn begins with what the one before gave
            several.append(self.read(node.flow, several[0], template, inside, depth + 1))
        return self._together(node, given, several, End(template, path, UNKNOWN))

    def _together(
        self, node: Flow[Any, Any], given: list[End] | None, several: list[list[End]], here: End
    ) -> list[End]:
        """What comes out of a node with others inside."""
        if isinstance(node, Parallel):
            kinds = [self._judge.either(one.annotation for one in ends) for ends in several]
            made = self._judge.list_of(self._judge.either(kinds)) if node.as_list else self._judge.tuple_of(kinds)
            return [here._replace(annotation=made)]
        if isinstance(node, Each):
            items = self._judge.either(one.annotation for one in several[0])
            return [here._replace(annotation=self._judge.list_of(items))]
        passing = (given or [here]) if isinstance(node, Case) and not node.has_default else []
        if isinstance(node, Scope):
            passing = self._instead(node.on_error, given, here)
        merged = [end for ends in several for end in ends] + passing
        return list({str(one): one for one in merged}.values()) if several else [here]

    def _step(self, step: Step[Any, Any], given: list[End] | None, here: End) -> list[End]:
        try:
            annotations = step.annotations
        except Exception:  # noqa: BLE001 - `check` tells what is wrong with an annotation
            annotations = {}
        name = step.binding.input
        if name is not None:
            consumed = here._replace(annotation=annotations.get(name, UNKNOWN))
            if given is None:
                self._found.entries.append((step, consumed))
            for produced in given or ():
                self._add(Seam(produced, consumed, self._judge.fits(produced.annotation, consumed.annotation), step))
        produced = here._replace(annotation=awaited(annotations.get("return", UNKNOWN)))
        self._found.producers.append((step, produced))
        return [produced, *self._instead(step.on_error, given, here)]

    def _items(self, given: list[End] | None, here: End) -> list[End] | None:
        """The ends of the single items of the lists that come in."""
        if given is None:
            return [End(here.template, f"an item of {INPUT}", UNKNOWN)]
        items: list[End] = []
        for one in given:
            verdict = self._judge.fits(one.annotation, _LISTS)
            if verdict.fit is not Fit.FITS:
                self._add(Seam(one, here._replace(annotation=_LISTS), verdict))
            items.append(one._replace(path=f"an item of {one.path}", annotation=self._judge.item_of(one.annotation)))
        return items

    def _add(self, seam: Seam) -> None:
        key = (seam.step, str(seam.produced), seam.consumed.path)
        if key not in self._seen:  # a repeat is read twice
            self._seen.add(key)
            self._found.seams.append(seam)

    def _instead(self, on_error: OnError | None, given: list[End] | None, here: End) -> list[End]:
        """What comes out of a node in place of its result when it fails. What a handler says nobody can tell before."""
        match on_error:
            case Continue():
                return given or [here]
            case Fallback(otherwise) if not isinstance(otherwise, Flow):
                return [here._replace(annotation=self._judge.of_value(otherwise))]
            case _:
                return []
