"""Templates made at run time: what a program registers, and what becomes a template by that."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from knows_core import ConfigError, PipelineWorkflow, Requirement, Version, pipeline, step
from knows_core.flow import Flow, Step
from knows_registry.discover import Offer
from knows_registry.loading import lacking

if TYPE_CHECKING:
    from knows_core import WorkflowState, WorkflowTemplate

_UNNAMED = ("pipeline", "0.0.0")  # what a PipelineWorkflow is called while nobody names it


def template_of(thing: Any, name: str | None, version: str | None) -> WorkflowTemplate:
    """What is meant by a thing that is registered: a template, an instance of a class of templates, or a flow.

    Raises ConfigError for anything else.
    """
    if isinstance(thing, type):
        return _instance(cast("type[Any]", thing))
    missing = lacking(thing)
    if not missing:
        return cast("WorkflowTemplate", thing)
    if callable(thing) and name and version:
        # A nameless function is named as its template is.
        thing = step(thing, name=None if getattr(thing, "__name__", "").isidentifier() else name)
    if isinstance(thing, Flow):
        flow = cast("Flow[Any, Any]", thing)
        return pipeline(flow, name=name or _UNNAMED[0], version=version or _UNNAMED[1], summary=_summary(flow))
    raise ConfigError(name="template", expected=f"an object with {', '.join(missing)}", found=cast("object", thing))


def offer_of_template(template: WorkflowTemplate, name: str | None, version: str | None) -> Offer:
    """The offer that a template makes under its own or another name. Raises ConfigError, InvalidVersion."""
    own = _own(template)
    name, version = name or own[0], version or own[1]
    if not (name and version) or (name, str(version)) == _UNNAMED:
        raise ConfigError(name="register", expected="a template with a name and a version", found=template)
    return Offer(Requirement(name).name, Version(str(version)))


def named(template: WorkflowTemplate, offer: Offer) -> WorkflowTemplate:
    """The template under the name and version it is offered by, so that its runs remember what finds it again."""
    if _own(template) == (offer.name, str(offer.version)):
        return template
    if not isinstance(template, PipelineWorkflow):
        return _Named(template, offer)
    other = copy(template)
    other.definition = replace(template.definition, name=offer.name, version=offer.version)
    return other


def _own(template: WorkflowTemplate) -> tuple[str | None, str | None]:
    return getattr(template, "name", None), getattr(template, "version", None)


def _instance(kind: type[Any]) -> WorkflowTemplate:
    """An instance of a class of templates."""
    missing = [method for method in ("execute", "validate", "get_required_state") if not hasattr(kind, method)]
    if missing:
        raise ConfigError(name="template", expected=f"a class with {', '.join(missing)}", found=kind)
    try:
        return cast("WorkflowTemplate", kind())
    except TypeError as error:
        expected = "a class that needs no arguments, or an object"
        raise ConfigError(name="template", expected=expected, found=kind) from error


def _summary(flow: Flow[Any, Any]) -> str:
    """The first line of what the only step says of itself."""
    text = flow.function.__doc__ if isinstance(flow, Step) else ""
    return (text or "").strip().partition("\n")[0]


class _Named:
    """A foreign template with the name and version that it was registered by."""

    def __init__(self, template: WorkflowTemplate, offer: Offer) -> None:
        self._template = template
        self.name = offer.name
        self.version = str(offer.version)

    def execute(self, state: WorkflowState) -> Any:
        """Run the foreign template."""
        return self._template.execute(state)

    def validate(self) -> bool:
        """Ask the foreign template whether it can run."""
        return self._template.validate()

    def get_required_state(self) -> list[str]:
        """Ask the foreign template which keys must have a value."""
        return self._template.get_required_state()
