"""Linking: every template that a flow uses is put in its place, so that a run has one tree and never looks again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from knows_core.errors import ConfigError
from knows_core.errors.flow import CircularUse, VersionConflict
from knows_core.flow import Case, Flow, Parallel, Part, Scope, Sequence, Step, Use
from knows_core.flows.loops import Each, Repeat
from knows_core.flows.paths import within
from knows_core.recovery import Fallback
from knows_core.template import Chooser, Definition, definition_of
from knows_core.version import Requirement, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.template import Composed, Templates, WorkflowTemplate


class _Choice(NamedTuple):
    """The version of a template that a composition uses, and who asked for it first."""

    definition: Definition
    wanted: Requirement
    place: str


class Linker:
    """Links one template.

    `composed` is what was chosen for all of it; `pinned` names the exact version at each path, as a recorded run holds
    it. With neither, the first use of a name decides.
    """

    def __init__(
        self,
        templates: Templates | None,
        pinned: Mapping[str, Requirement] | None = None,
        *,
        composed: Composed | None = None,
        only_given: bool = False,
    ) -> None:
        self._templates = templates
        self._composed = composed
        self._only_given = only_given
        self._pinned = pinned
        self._user = ""
        self._chosen: dict[str, _Choice] = {}
        self.found: list[tuple[Requirement, WorkflowTemplate]] = []

    def definition(self, definition: Definition, prefix: str = "", chain: tuple[Any, ...] = ()) -> Definition:
        """The definition with every use in its flow linked; itself where it uses nothing."""
        if any(one is definition for one in chain):
            raise CircularUse(chain=" -> ".join(str(one) for one in (*chain, definition)))
        flow = self.flow(definition.flow, prefix, (*chain, definition))
        return definition if flow is definition.flow else replace(definition, flow=flow)

    def flow(self, node: Flow[Any, Any], prefix: str, chain: tuple[Any, ...]) -> Flow[Any, Any]:
        """A node with every use in it linked; itself where there is none."""
        if isinstance(node, Use):
            return node if self._only_given and node.wanted is not None else self._part(node, prefix, chain)
        if isinstance(node, Part):
            definition = self.definition(node.definition, within(node, prefix), chain)
            return node if definition is node.definition else replace(node, definition=definition)
        if isinstance(node, Step):
            wrapped = _with_way_out(node)
            return node if wrapped is node else self.flow(wrapped, prefix, chain)
        inner = [self.flow(one, within(node, prefix), chain) for one in node.inner]
        if all(one is before for one, before in zip(inner, node.inner, strict=True)):
            return node
        return _with_inner(node, inner)

    def _part(self, node: Use[Any, Any], prefix: str, chain: tuple[Any, ...]) -> Part[Any, Any]:
        path = prefix + node.name
        if node.wanted is None:  # given: a piece of the template that uses it, whose aliases it shares
            linked = self.definition(definition_of(node.template), f"{path}/", chain)
            return Part(node.name, linked, node.keys)
        definition = self._choose(node.wanted, node.alias, path, str(chain[0]) if chain else "")
        user, self._user = self._user, node.wanted.name
        linked = self.definition(definition, f"{path}/", chain)
        self._user = user
        return Part(node.name, linked, node.keys, str(node.wanted.range))

    def _choose(self, wanted: Requirement, alias: str | None, path: str, root: str) -> Definition:
        if self._composed is not None:
            return definition_of(self._composed.take(wanted, alias or "", self._user or root.partition("@")[0]))
        place = f"{root}/{path}" if root else path
        pin = None if self._pinned is None else self._pinned.get(path)
        # A pin that is no longer asked for means that the flow was edited: what comes of it is compared then.
        if pin is not None and pin.name == wanted.name and Version(pin.range.text) in wanted.range:
            return definition_of(self._find(pin))
        earlier = self._chosen.get(wanted.name) if alias is None else None
        if earlier is None:
            definition = definition_of(self._find(wanted))
            if alias is None:
                self._chosen[wanted.name] = _Choice(definition, wanted, place)
            return definition
        version = Version(str(earlier.definition.version))
        if version not in wanted.range:
            raise VersionConflict(
                name=wanted.name, one=earlier.place, first=earlier.wanted.range, version=version,
                other=place, second=wanted.range,
            )  # fmt: skip
        return earlier.definition

    def _find(self, wanted: Requirement) -> WorkflowTemplate:
        if self._templates is None:
            raise ConfigError(name="engine", expected=f"templates= to find {wanted} in", found=None)
        template = self._templates.find(wanted)
        self.found.append((wanted, template))
        return template


def link(flow: Flow[Any, Any], templates: Templates | None) -> Flow[Any, Any]:
    """Put every template that a flow uses in its place.

    Raises TemplateNotFound and what else `templates.find` raises, VersionConflict, CircularUse, and ConfigError where
    templates are named and there is nowhere to find them.
    """
    return Linker(templates).flow(flow, "", ())


def given(flow: Flow[Any, Any]) -> Flow[Any, Any]:
    """A flow with the templates that were given to it, and flows to fall back on, in their places.

    Templates that it names are left to `link`.
    """
    return Linker(None, only_given=True).flow(flow, "", ())


def linked(
    definition: Definition, templates: Templates | None, pinned: Mapping[str, Requirement] | None = None
) -> Definition:
    """A definition with its flow linked; the same one again for as long as the same templates are found."""
    if not names_others(definition.flow):
        return definition
    if pinned is not None:
        return Linker(templates, pinned).definition(definition)
    composed = templates.composed(definition) if isinstance(templates, Chooser) else None
    before = cast("_Before | None", definition.__dict__.get("linked_before"))
    if before is not None and before.holds(templates, composed):
        return before.linked
    linker = Linker(templates, composed=composed)
    made = linker.definition(definition)
    definition.__dict__["linked_before"] = _Before(made, composed, linker.found)
    return made


class _Before(NamedTuple):
    """How a definition was linked the last time, and what that rested on."""

    linked: Definition
    composed: Composed | None
    found: list[tuple[Requirement, WorkflowTemplate]]

    def holds(self, templates: Templates | None, composed: Composed | None) -> bool:
        """Whether it would be linked to the very same templates now."""
        if composed is not None or self.composed is not None:
            return composed is self.composed
        return templates is not None and all(templates.find(wanted) is one for wanted, one in self.found)


def names_others(node: Flow[Any, Any]) -> bool:
    """Whether a flow has a use in it that is not linked yet."""
    return isinstance(node, Use) or any(map(names_others, node.inner))


def _with_way_out(step: Step[Any, Any]) -> Flow[Any, Any]:
    """A step that has a flow to fall back on, inside a scope that has it: readers know flows as branches of nodes."""
    answer = step.on_error
    if isinstance(answer, Fallback) and isinstance(answer.otherwise, Flow):
        return Scope(replace(step, on_error=None), on_error=answer)
    return step


def _with_inner(node: Flow[Any, Any], inner: list[Flow[Any, Any]]) -> Flow[Any, Any]:
    match node:
        case Sequence():
            return Sequence(tuple(inner))
        case Parallel():
            return replace(node, branches=tuple(inner))
        case Case():
            asked = [predicate for predicate, _ in node.choices]
            return replace(node, choices=tuple(zip(asked, inner, strict=True)))
        case Scope() if len(inner) > 1:
            return replace(node, flow=inner[0], on_error=Fallback(inner[1]))
        case Each() | Repeat() | Scope():
            return replace(node, flow=inner[0])
        case _:
            return node
