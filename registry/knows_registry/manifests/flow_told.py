"""A flow as a manifest holds it: its nodes without their functions, with the types and state keys that they name.

`knows_registry.told` makes a definition of it again, which the readers in `knows_core.checking` look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from knows_core.checking.judgement import UNKNOWN
from knows_core.describing.descriptors import described_together
from knows_core.fitting.handover import awaited
from knows_core.flow import Case, Flow, Parallel, Part, Scope, Sequence, Step
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Repeat
from knows_core.flows.paths import placed, within
from knows_core.recovery import Continue, Fail, Fallback, Suspend
from knows_core.states.joining import Reducer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knows_core.recovery import OnError
    from knows_core.template import Definition


def flow_told(definition: Definition) -> dict[str, Any]:
    """The flow of a template that is not linked, its state keys, and the classes that they refer to."""
    types = dict(_types(definition))
    found = described_together(types)
    told = {"definitions": found.definitions} | ({"lineage": found.lineage} if found.lineage else {})
    return told | _Teller(found.types).template(definition, "")


def _types(definition: Definition) -> Iterator[tuple[str, Any]]:
    """Every annotation in a flow under the place where it stands."""
    yield from _fields("", definition)
    for path, node, _ in placed(definition.flow):
        if isinstance(node, Part):
            yield from _fields(f"{path}/", node.definition)
        if isinstance(node, Approval) and node.payload is not None:
            yield f"payload {path}", node.payload
        if isinstance(node, Step):
            try:
                annotations = node.annotations
            except Exception:  # noqa: BLE001 - `check` tells what is wrong with an annotation
                annotations = {}
            if node.binding.input is not None:
                yield f"takes {path}", annotations.get(node.binding.input, UNKNOWN)
            yield f"gives {path}", awaited(annotations.get("return", UNKNOWN))
        on_error = getattr(node, "on_error", None)
        if isinstance(on_error, Fallback) and not isinstance(on_error.otherwise, Flow):
            yield f"instead {path}", type(on_error.otherwise)


def _fields(prefix: str, definition: Definition) -> Iterator[tuple[str, Any]]:
    return ((f"key {prefix}{key}", _unmerged(kind)) for key, kind in definition.fields.items())


def _unmerged(kind: Any) -> Any:
    """The annotation of a state key without its reducer, which would make it one that nobody can compare."""
    marks = getattr(kind, "__metadata__", ())
    kept = tuple(one for one in marks if not isinstance(one, Reducer))
    if len(kept) == len(marks):
        return kind
    return Annotated[(kind.__origin__, *kept)] if kept else kind.__origin__


class _Teller:
    """Tells nodes as JSON. A field that says nothing is left out."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types

    def template(self, definition: Definition, prefix: str) -> dict[str, Any]:
        """The flow of a template with what it has to do with the state."""
        keys = {
            "declared": list(definition.declared),
            "required": definition.own_required,
            "fields": [{"key": key, "type": self._types[f"key {prefix}{key}"]} for key in definition.fields],
            "reduced": sorted(definition.reduced),
        }
        return {name: one for name, one in keys.items() if one} | {"node": self._node(definition.flow, prefix)}

    def _node(self, node: Flow[Any, Any], prefix: str) -> dict[str, Any]:
        path = prefix + node.key
        name = getattr(node, "name", None)
        told = {"kind": node.kind} | ({} if name is None or node.kind == "use" else {"name": name})
        if isinstance(node, Step):
            return told | self._step(node, path)
        if isinstance(node, Approval):
            payload = {"payload": self._types[f"payload {path}"]} if node.payload is not None else {}
            return told | payload | ({"into": node.into} if node.into else {})
        if isinstance(node, Part):
            return told | self._part(node, path)
        if isinstance(node, Case):
            told["asked"] = [predicate and predicate.name for predicate, _ in node.choices]
        elif isinstance(node, Repeat):
            told["until"] = node.until.name
        elif isinstance(node, Scope):
            told |= self._on_error(node.on_error, path)
        elif isinstance(node, Parallel) and node.as_list:
            told["as_list"] = True
        inside = prefix if isinstance(node, Sequence) else within(node, prefix)
        inner = [self._node(one, inside) for one in node.inner]
        return told | ({"inner": inner} if inner else {})

    def _step(self, step: Step[Any, Any], path: str) -> dict[str, Any]:
        told = {word: self._types[f"{word} {path}"] for word in ("takes", "gives") if f"{word} {path}" in self._types}
        told |= {word: list(keys) for word in ("reads", "writes") if (keys := getattr(step, word)) is not None}
        return told | ({"state": True} if step.binding.takes_state else {}) | self._on_error(step.on_error, path)

    def _part(self, part: Part[Any, Any], path: str) -> dict[str, Any]:
        definition: Definition = part.definition
        keys = part.keys if isinstance(part.keys, str) else dict(part.keys)
        own = {"template": definition.name, "version": str(definition.version), "types": definition.types}
        return own | ({"keys": keys} if keys else {}) | self.template(definition, f"{path}/")

    def _on_error(self, on_error: OnError | None, path: str) -> dict[str, Any]:
        match on_error:
            case None | Suspend() | Fail():
                return {}
            case Continue():
                return {"on_error": {"kind": "continue"}}
            case Fallback(otherwise) if isinstance(otherwise, Flow):  # its second branch
                return {"on_error": {"kind": "flow"}}
            case Fallback():
                return {"on_error": {"kind": "value", "gives": self._types[f"instead {path}"]}}
            case _:
                return {"on_error": {"kind": "handler"}}
