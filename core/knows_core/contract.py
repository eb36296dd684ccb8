"""What a run is bound to: the shape of its template as data, its digest, and the first difference between two shapes.

Computed for recorded runs only, once per template.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

from knows_core.checking.judgement import UNKNOWN
from knows_core.checking.raising import escaping
from knows_core.describing.descriptors import described_together
from knows_core.describing.digests import digest_of as digest_of  # noqa: PLC0414 - readers of contracts find it here
from knows_core.describing.marks import default_of
from knows_core.flow import Use
from knows_core.flows.approving import Approval
from knows_core.flows.paths import placed, shape_in
from knows_core.journals.records import Fingerprint, Linked
from knows_core.values.declared import is_of_enum, lineage_of, schema_id
from knows_core.values.traits import is_model_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import CodeType

    from knows_core.describing.descriptors import Descriptions
    from knows_core.flow import Step
    from knows_core.journals.records import Shape
    from knows_core.template import Definition
    from knows_core.values.declared import Outline


def fingerprint_of(definition: Definition) -> Fingerprint:
    """The fingerprint of a linked template."""
    shape = shape_in(definition.flow)
    code = {path: code_digest(step) for path, step in definition.steps}
    linked = [
        Linked(path, part.definition.name, str(part.definition.version), part.definition.fingerprint.contract_digest)
        for path, part in definition.parts
    ]
    return Fingerprint(
        version=str(definition.version),
        shape=shape,
        shape_digest=digest_of(shape),
        contract_digest=digest_of(definition.contract),
        classes=definition.classes.outlines,
        code=code,
        linked=linked,
    )


def contract_of(definition: Definition) -> dict[str, Any]:
    """The contract of a template: types, bounds and tags of everything that crosses its border.

    Linked, it is that of the whole composition. Before that it is the template's own: what a template used by name
    takes, gives and needs is not in it, only the name and the range. Titles and documentation are never in it, so that
    rewording them changes nothing. Errors are those that steps declare and no policy surely takes away.
    """
    found, keys = _described(definition), definition.keys
    state_in = {
        key: {"type": found.types[f"state.{key}"], "required": key in definition.required}
        for key in sorted({*definition.fields, *definition.required})
    }
    return {
        "input": found.types["input"],
        "output": found.types["output"],
        "state_in": state_in,
        "state_out": {key: found.types[f"state.{key}"] for key in sorted(keys.provided)},
        "errors": sorted(map(schema_id, escaping(definition.flow))),
        "decisions": [
            {"path": path, "role": node.role, "payload": found.types.get(f"decision.{path}")}
            for path, node in _approvals(definition)
        ],
        "uses": _uses(definition),
        "definitions": found.definitions,
    }


def _described(definition: Definition) -> Descriptions:
    """Every type at the border of a template."""
    fields, keys = definition.fields, [*definition.fields, *definition.required, *sorted(definition.keys.provided)]
    kinds = {f"state.{key}": fields.get(key, UNKNOWN) for key in dict.fromkeys(keys)}
    approvals = _approvals(definition)
    payloads = {f"decision.{path}": node.payload for path, node in approvals if node.payload is not None}
    ends = {"input": definition.seams.input, "output": definition.seams.output}
    return described_together({**ends, **kinds, **payloads})


def _approvals(definition: Definition) -> list[tuple[str, Approval[Any, Any]]]:
    return [(path, node) for path, node, _ in placed(definition.flow) if isinstance(node, Approval)]


def lineage_in(definition: Definition) -> dict[str, list[str]]:
    """Which classes a contract means, and which they derive from, by the names under which they stand in it.

    Beside the contract, and in no digest: where a class stands, and what it derives from, may change and strand no run.
    """
    errors = {schema_id(one): lineage_of(one) for one in escaping(definition.flow)}
    found = _described(definition).lineage | {name: one for name, one in errors.items() if one}
    return dict(sorted(found.items()))


def defaults_in(definition: Definition) -> dict[str, Any]:
    """The defaults that its state model declares, as data, by the key. Beside the contract, as the lineage is."""
    fields: dict[str, Any] = definition.model.__pydantic_fields__ if is_model_class(definition.model) else {}
    return {key: default_of(one) for key, one in sorted(fields.items()) if not one.is_required()}


def _uses(definition: Definition) -> dict[str, list[str]]:
    parts = {path: [one.definition.name, one.wanted or str(one.definition.version)] for path, one in definition.parts}
    named = [(path, node.wanted) for path, node, _ in placed(definition.flow) if isinstance(node, Use)]
    return parts | {path: [wanted.name, str(wanted.range)] for path, wanted in named if wanted is not None}


def changed_part(recorded: Iterable[Iterable[str]], current: Iterable[Linked]) -> str | None:
    """A sentence on the first part that is not the recorded one; None where all are."""
    now = {one.path: one for one in current}
    for path, name, version, contract in recorded:
        part = now.get(path)
        if part is not None and part.contract != contract:
            return f"its part {path} ({name}@{version}) has another contract"
    return None


def changed_class(recorded: Mapping[str, Outline], current: Mapping[str, Outline]) -> str | None:
    """A sentence on the first class whose fields are no longer those recorded; None where all are as they were.

    A class that the template declares only now is no difference, nor is a new member of an enum: nothing recorded can
    be of it.
    """
    for name, was in recorded.items():
        now = current.get(name)
        if now is None:
            return f"the class {name} is no longer declared"
        if is_of_enum(was) and is_of_enum(now):
            if any(one not in now for one in was):
                return f"the enum {name} had the members {_members(was)} and has {_members(now)}"
        elif was != now:
            return f"the class {name} had the fields {_fields(was)} and has {_fields(now)}"
    return None


def _fields(outline: Outline) -> str:
    return ", ".join(f"{name}: {annotation}" for name, annotation in outline) or "none"


def _members(outline: Outline) -> str:
    return ", ".join(f"{name} {value}" for name, value in outline)


def first_difference(recorded: Shape, current: Shape) -> str | None:
    """A sentence on the first place where the current shape is no longer the recorded one; None where they agree."""
    at = next(
        (index for index, (was, now) in enumerate(zip(recorded, current, strict=False)) if was != now),
        min(len(recorded), len(current)),
    )
    was, now = recorded[at:], current[at:]
    if not was and not now:
        return None
    if not now:
        return f"the end was cut off, `{was[0][1]}` (number {at + 1}) is missing"
    if not was:
        return f"`{now[0][1]}` (number {at + 1}) was added at the end"
    if was[0][1] == now[0][1]:  # at its place, but of another kind, or with another predicate or version
        return f"number {at + 1}, `{was[0][1]}`, was {_what(was[0])} and is now {_what(now[0])}"
    return f"number {at + 1} was `{was[0][1]}` and is now `{now[0][1]}`, which was {_happened(was, now)}"


def _what(entry: list[str]) -> str:
    kind, _, *deciding = entry
    return " ".join((kind, *deciding))


def _happened(was: Shape, now: Shape) -> str:
    if was[0] in now and now[0] in was:
        return "reordered"
    if was[0] in now:
        return "inserted before it"
    if now[0] in was:
        return f"its follower: `{was[0][1]}` was removed"
    return "renamed or put in its place"


def code_digest(step: Step[Any, Any]) -> str:
    """A short digest of what a step's function does, to note in the history that its body was edited.

    Empty for a callable without Python code. Another Python version gives another digest: it refuses nothing.
    """
    function = step.function
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    return hashlib.sha256(_code_text(code).encode()).hexdigest()[:16] if code is not None else ""


def _code_text(code: CodeType) -> str:
    constants = [_code_text(one) if hasattr(one, "co_code") else _stable(one) for one in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def _stable(constant: object) -> str:
    if isinstance(constant, frozenset):
        return repr(sorted(map(repr, constant)))  # pyright: ignore[reportUnknownArgumentType]
    return repr(constant)
