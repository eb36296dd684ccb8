"""The state keys of a template: which it needs at the start, which it surely leaves behind, and where keys clash.

A key is needed where a step or part uses it before every way there has surely given it a value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from knows_core.checking.check import Problem
from knows_core.fitting.reading import words
from knows_core.flow import Case, Parallel, Part, Scope, Step
from knows_core.flows.approving import Approval
from knows_core.flows.loops import Each
from knows_core.flows.paths import DEEPEST, within
from knows_core.flows.renaming import Renaming
from knows_core.recovery import Fail, Suspend
from knows_core.types import Fit

if TYPE_CHECKING:
    from knows_core.flow import Flow
    from knows_core.recovery import OnError
    from knows_core.template import Definition


@dataclass(slots=True)
class Keys:
    """What was found. `needs` tells who needs a key first; `notes` are worth a look, and keep nothing from running."""

    needs: dict[str, str] = field(default_factory=dict[str, str])
    provided: set[str] = field(default_factory=set[str])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])


def keys_of(definition: Definition) -> Keys:
    """The keys of a linked template."""
    reader = _Reader(definition)
    found = reader.found
    found.provided = reader.read(definition.flow, set(definition.declared) | set(definition.fields), "", None, 0)
    found.notes += reader.unused()
    return found


class _Reader:
    def __init__(self, definition: Definition) -> None:
        self.found = Keys()
        self._template = definition
        self._reduced = definition.reduced
        self._kinds: dict[str, tuple[str, Any]] = {
            key: (str(definition), kind) for key, kind in definition.fields.items()
        }
        self._writers: dict[str, str] = {}
        self._readers: set[str] = {*definition.declared, *definition.fields}
        self._reads_anything = False

    def read(self, node: Flow[Any, Any], sure: set[str], prefix: str, keys: Renaming | None, depth: int) -> set[str]:
        """The keys that surely have a value behind a node, where those in `sure` have one before it."""
        if depth > DEEPEST:
            return sure
        path, inside = prefix + node.key, within(node, prefix)
        if isinstance(node, Approval | Step):
            return self._step(node, sure, path, keys)
        if isinstance(node, Part):
            return self._part(node, sure, path, keys, depth)
        if isinstance(node, Parallel | Case):
            if isinstance(node, Parallel):
                self._check_writes(node, path, keys)
            ends = [self.read(one, set(sure), inside, keys, depth + 1) for one in node.inner]
            if isinstance(node, Parallel):
                return set[str]().union(*ends)
            return ends[0].intersection(*ends) if node.has_default else sure
        if isinstance(node, Scope | Each):
            ends = [self.read(one, set(sure), inside, keys, depth + 1) for one in node.inner]
            if len(ends) > 1:
                return ends[0] & ends[1]
            is_sure = isinstance(node, Scope) and not _may_go_on(node.on_error)
            return ends[0] if is_sure else sure  # the list of an each may be empty
        for one in node.inner:
            sure = self.read(one, sure, inside, keys, depth + 1)
        return sure

    def _step(
        self, step: Step[Any, Any] | Approval[Any, Any], sure: set[str], path: str, keys: Renaming | None
    ) -> set[str]:
        if isinstance(step, Approval):
            return sure | set(_outside([step.into] if step.into else [], keys))
        self._reads_anything = self._reads_anything or (step.binding.takes_state and step.reads is None)
        for key in _outside(step.reads or (), keys):
            self._needed(key, f"step {path}", sure)
        written = _outside(step.writes or (), keys)
        for key in written:
            if key in self._writers and key not in self._reduced:
                self.found.notes.append(f"{path} writes {key!r} over what {self._writers[key]} wrote")
            self._writers[key] = path
        return sure if _may_go_on(step.on_error) else sure | set(written)

    def _part(self, part: Part[Any, Any], sure: set[str], path: str, keys: Renaming | None, depth: int) -> set[str]:
        definition: Definition = part.definition
        own = Renaming(part.keys, keys) if part.keys or keys is not None else None
        who = f"{path} ({definition})" if part.name != definition.name else str(definition)
        for key in dict.fromkeys((*definition.own_required, *definition.fields)):
            if own is not None and (taken := own.taken(key)):
                what = f"{who} has a state key {key!r}, and keys= gives that name to its {taken!r}"
                remedy = f'Give it a name of its own: keys={{"{key}": "..."}}.'
                self.found.problems.append(Problem(f"{self._template.name}/{path}", what, remedy))
        for key in _outside(definition.own_required, own):
            self._needed(key, who, sure)
        for key, kind in definition.fields.items():
            self._agreed(key if own is None else own.outside(key), kind, who)
        sure = sure | set(_outside((*definition.declared, *definition.fields), own))
        return self.read(definition.flow, sure, f"{path}/", own, depth + 1)

    def _needed(self, key: str, who: str, sure: set[str]) -> None:
        self._readers.add(key)
        if key not in sure:
            self.found.needs.setdefault(key, who)

    def _agreed(self, key: str, kind: Any, who: str) -> None:
        """Two templates that share a key must mean the same by it."""
        self._readers.add(key)
        other, earlier = self._kinds.setdefault(key, (who, kind))
        if other != who and self._template.judgement.fits(earlier, kind).fit is Fit.DOES_NOT_FIT:
            what = f"the state key {key!r} is {words(earlier)} for {other} and {words(kind)} for {who}"
            remedy = f'Let them have keys of their own: use(..., keys={{"{key}": "..."}}).'
            self.found.problems.append(Problem(str(self._template), what, remedy))

    def _check_writes(self, node: Parallel[Any, Any], path: str, keys: Renaming | None) -> None:
        writers: dict[str, str] = {}
        for branch in node.branches:
            for key in sorted(_written(branch, keys)):
                other = writers.setdefault(key, branch.key)
                if other != branch.key and key not in self._reduced:
                    what = f"the branches {other} and {branch.key} both declare to write the state key {key!r}"
                    remedy = "Let one of them write it, or annotate the key with a Reducer in the state model."
                    self.found.problems.append(Problem(f"{self._template.name}/{path}", what, remedy))

    def unused(self) -> list[str]:
        """Keys that are written and that nobody reads; not told where some step may read anything."""
        if self._reads_anything:
            return []
        return [f"{path} writes {key!r}, which nobody reads" for key, path in self._writers.items()
                if key not in self._readers]  # fmt: skip


def _may_go_on(on_error: OnError | None) -> bool:
    """Whether a run may go on behind a node that failed, so that nothing it writes is sure."""
    return on_error is not None and not isinstance(on_error, Suspend | Fail)


def _outside(names: tuple[str, ...] | list[str], keys: Renaming | None) -> list[str]:
    return list(names) if keys is None else list(map(keys.outside, names))


def _written(node: Flow[Any, Any], keys: Renaming | None) -> set[str]:
    """Every key that some step inside declares to write, in the run's words."""
    if isinstance(node, Step):
        return set(_outside(node.writes or (), keys))
    own = Renaming(node.keys, keys) if isinstance(node, Part) and (node.keys or keys is not None) else keys
    return set[str]().union(*(_written(one, own) for one in node.inner))
