"""A template drawn as text: what it takes, its flow as a tree with types and verdicts, what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.binding import name_of
from knows_core.checking.judgement import UNKNOWN
from knows_core.fitting.reading import words
from knows_core.flow import Case, Parallel, Part, Scope, Sequence, Step, Use
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.paths import DEEPEST, within
from knows_core.recovery import Continue, Fail, Fallback, Suspend
from knows_core.types import Fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.binding import Predicate
    from knows_core.checking.seams import Seam
    from knows_core.flow import Flow
    from knows_core.template import Definition

MARKS = {Fit.CONVERTS: "~", Fit.RUN_TIME: "?", Fit.DOES_NOT_FIT: "!"}


def tree(definition: Definition) -> list[str]:
    """The lines of the drawing; a step whose annotations cannot be resolved is drawn without types."""
    lines = [f"{definition}" + (f"  {definition.summary}" if definition.summary else "")]
    lines.append(f"state: {', '.join(_state(definition)) or 'nothing required'}")
    root = definition.flow
    return lines + list(_Drawing(definition).below(root.inner if isinstance(root, Sequence) else (root,), "", "", 0))


class _Drawing:
    def __init__(self, definition: Definition) -> None:
        self._marks: dict[str, list[str]] = {}
        for seam in definition.seams.seams:
            if seam.verdict.fit is not Fit.FITS:
                self._marks.setdefault(seam.consumed.path, []).append(mark(seam))

    def below(self, nodes: tuple[Flow[Any, Any], ...], prefix: str, margin: str, depth: int) -> Iterator[str]:
        """The lines of nodes below each other, each with what is inside it."""
        for number, node in enumerate(nodes):
            yield from self._drawn(node, "", prefix, margin, depth, is_last=number == len(nodes) - 1)

    def _drawn(
        self, node: Flow[Any, Any], lead: str, prefix: str, margin: str, depth: int, *, is_last: bool
    ) -> Iterator[str]:
        """A node behind what leads to it, such as its predicate."""
        title = f"{lead}{': ' if lead else ''}{title_of(node)}" if not isinstance(node, Sequence) else lead or "branch"
        facts = [*policies_of(node), *_raised_by(node)] if isinstance(node, Step) else []
        more = [types_of(node), *(f"  {one}" for one in facts)] if isinstance(node, Step) else []
        yield f"{margin}{'└─' if is_last else '├─'} {title}{''.join(more)}"
        inside, margin = within(node, prefix), margin + ("   " if is_last else "│  ")
        for one in self._marks.get(prefix + node.key, ()):
            yield f"{margin}{one}"
        if depth > DEEPEST:
            return
        if isinstance(node, Case):
            for number, (predicate, branch) in enumerate(node.choices):
                is_end = number == len(node.choices) - 1
                yield from self._drawn(branch, asks(predicate), inside, margin, depth + 1, is_last=is_end)
            return
        inner = node.inner
        if isinstance(node, Scope) and len(inner) > 1:
            yield from self._drawn(inner[0], "first", inside, margin, depth + 1, is_last=False)
            yield from self._drawn(inner[1], "when it fails", inside, margin, depth + 1, is_last=True)
            return
        if not isinstance(node, Parallel) and len(inner) == 1 and isinstance(inner[0], Sequence):
            inner = inner[0].parts
        yield from self.below(inner, inside, margin, depth + 1)


def title_of(node: Flow[Any, Any]) -> str:
    """A node in words: its kind where it is no step, its name, and what else it was given."""
    name = getattr(node, "name", None) or ""
    match node:
        case Part(definition=definition, wanted=wanted, keys=keys):
            alias = f"{name} = " if name != definition.name else ""
            facts = [f"asked for: {wanted}" if wanted else "", _keys(keys)]
            return f"{alias}{definition}" + "".join(f"  {one}" for one in facts if one)
        case Use():  # one that was not linked
            return f"use {node.wanted or name}"
        case Each(max_concurrency=most):
            return f"each {node.segment}, at most {most} side by side"
        case Repeat(until=until, max_times=most):
            return f"repeat {node.segment} until {until.name or 'a predicate'}, at most {most} times"
        case Scope(timeout=timeout):
            within_it = f"within {timeout:g} s" if timeout is not None else ""
            return ", ".join(one for one in (f"scope {name}".rstrip(), within_it, *policies_of(node)) if one)
        case Approval(role=role, expires=expires):
            facts = [f"by {role}" if role else "", f"within {expires:g} s" if expires is not None else ""]
            return ", ".join(one for one in (f"approval {name}", *facts) if one)
        case Step():
            return name or "(a step without a name)"
        case _:
            return f"{node.kind} {name}".rstrip()


def policies_of(node: Step[Any, Any] | Scope[Any, Any]) -> list[str]:
    """What a step or scope says for the case that something goes wrong, in a few words each."""
    retry, answer, undo = node.retry, node.on_error, node.compensate
    told: dict[type, str] = {
        Fallback: "falls back",
        Continue: "goes on after an error",
        Suspend: "waits after an error",
    }
    known = told.get(type(answer), "" if answer is None or isinstance(answer, Fail) else "has an error handler")
    most = "" if retry is None or retry.max_retries is None else f" {retry.max_retries} times"
    return [
        *(["once"] if isinstance(node, Step) and node.effect is not None else []),
        *([f"retried{most}"] if retry is not None else []),
        *([known] if known else []),
        *([f"undone by {name_of(undo.function) or 'a function'}"] if undo is not None else []),
    ]


def _raised_by(step: Step[Any, Any]) -> list[str]:
    return [f"raises {', '.join(one.__qualname__ for one in step.raises)}"] if step.raises else []


def asks(predicate: Predicate | None) -> str:
    """When a branch of a case is taken."""
    return "otherwise" if predicate is None else f"if {predicate.name or 'a predicate'}"


def mark(seam: Seam) -> str:
    """A seam that does not simply fit, by its sign: where the value comes from, the verdict, types and reason."""
    return f"{MARKS[seam.verdict.fit]} from {seam.produced.path}: {seam.verdict.fit} ({seam.verdict.reason})"


def types_of(step: Step[Any, Any]) -> str:
    """What a step takes and gives; empty where neither is declared or can be resolved."""
    try:
        annotations = step.annotations
    except Exception:  # noqa: BLE001 - `check` tells what is wrong with an annotation, the drawing goes on
        return ""
    taken = annotations.get(step.binding.input, UNKNOWN) if step.binding.input else UNKNOWN
    given = annotations.get("return", UNKNOWN)
    if taken is UNKNOWN and given is UNKNOWN:
        return ""
    return f"  ({type_name(taken) if step.binding.input else ''}) -> {type_name(given)}"


def type_name(annotation: Any) -> str:
    """An annotation in few words."""
    return "any" if annotation is UNKNOWN else words(annotation)


def _state(definition: Definition) -> list[str]:
    optional = [f"[{name}]" for name in definition.fields if name not in definition.required]
    return [*definition.required, *optional]


def _keys(keys: Mapping[str, str] | str) -> str:
    if isinstance(keys, str):
        return f"keys below {keys}."
    return f"keys {', '.join(f'{inner}={outer}' for inner, outer in keys.items())}" if keys else ""
