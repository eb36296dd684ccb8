"""What a workflow template is: the protocol anyone can meet, and the frozen definition that the readers read."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from knows_core.binding import admits_none
from knows_core.check import Problem, problems_of
from knows_core.declared import Declared, declared_in
from knows_core.errors import DefinitionError, MissingInput, MissingState
from knows_core.flow import Flow, Step, lift
from knows_core.paths import steps_in
from knows_core.values import is_model_class
from knows_core.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from knows_core.codec import Codec
    from knows_core.contract import Fingerprint
    from knows_core.models import TypedState
    from knows_core.state import WorkflowState
    from knows_core.version import Requirement

NO_NAME = "pipeline"
NO_VERSION = "0.0.0"


@runtime_checkable
class WorkflowTemplate(Protocol):
    """Any object with these three methods is a template; to be registered it also has `name` and `version`."""

    def execute(self, state: WorkflowState) -> Any:
        """Run here and now on the state and return the result; raise what went wrong."""
        ...

    def validate(self) -> bool:
        """Tell whether the template can run at all."""
        ...

    def get_required_state(self) -> list[str]:
        """Name the keys that must have a value before it runs."""
        ...


class Templates(Protocol):
    """Where an engine finds templates by name and version: the registry, or a few lines in a test."""

    def find(self, requirement: Requirement) -> WorkflowTemplate:
        """Return the highest version inside the range. Raises TemplateNotFound, TemplateBroken, DuplicateTemplate."""
        ...


@dataclass(frozen=True, eq=False)
class Definition:
    """A template as data: its name, its version, its flow, and what it wants of the state."""

    name: str
    version: Version
    flow: Flow[Any, Any]
    model: type[BaseModel] | None = None
    declared: tuple[str, ...] = ()
    summary: str = ""
    rejected: bool = False  # a foreign template whose own validate() says no

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @functools.cached_property
    def steps(self) -> list[tuple[str, Step[Any, Any]]]:
        """Every step with its path, in order."""
        return steps_in(self.flow)

    @functools.cached_property
    def required(self) -> list[str]:
        """Keys that must have a value at the start: the declared ones, and the model's fields without default."""
        return list(dict.fromkeys([*self.declared, *(self.typed.required if self.typed is not None else ())]))

    @functools.cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with it, at once."""
        found = problems_of(self.name, self.steps, self.model, self.declared)
        if not found:  # with annotations that cannot be resolved there is nothing to look into
            remedy = "Import or define the name where the class is."
            found = [Problem(self.name, one, remedy) for one in self.classes.faults]
        if self.rejected:
            found.append(
                Problem(self.name, "its own validate() says that it cannot run", "Ask its author what it needs.")
            )
        return found

    @functools.cached_property
    def typed(self) -> TypedState | None:
        """How its state model takes part in a run."""
        if not is_model_class(self.model):
            return None
        from knows_core.models import TypedState  # the room that imports pydantic

        return TypedState(self.model, str(self))

    @functools.cached_property
    def fingerprint(self) -> Fingerprint:
        """What a recorded run is bound to."""
        from knows_core.contract import fingerprint_of  # for recorded runs only

        return fingerprint_of(self.steps, self.classes.outlines)

    @functools.cached_property
    def classes(self) -> Declared:
        """The dataclasses and models that the steps' annotations and the state model declare."""
        # A context is handed to a step, never returned or stored: its class is none of the template's.
        named = [one for _, step in self.steps for name, one in step.annotations.items() if name != "context"]
        return declared_in([*named, self.model])

    @functools.cached_property
    def codec(self) -> Codec:
        """The codec of its values."""
        from knows_core.codec import Codec  # for recorded runs only

        return Codec(self.classes.classes)

    @functools.cached_property
    def first_input(self) -> Any:
        """The annotation of the first step's input; None where it takes none or does not say."""
        first = self.steps[0][1] if self.steps else None
        if first is None or first.binding.input is None:
            return None
        return first.annotations.get(first.binding.input)

    def start(self, value: Any, state: Mapping[str, Any]) -> dict[str, Any]:
        """The state to begin with, defaults added.

        Raises DefinitionError, MissingState, MissingInput, StateMismatch: nothing has run then.
        """
        if self.problems:
            problems = "; ".join(str(one).rstrip(".") for one in self.problems)
            raise DefinitionError(template=self, problems=problems)
        missing = [key for key in self.required if key not in state]
        if missing:
            found = ", ".join(state) or "an empty state"
            raise MissingState(template=self, missing=", ".join(missing), found=found)
        if value is None and not admits_none(self.first_input):
            expected = getattr(self.first_input, "__name__", str(self.first_input))
            raise MissingInput(first=self.steps[0][0], template=self, expected=expected)
        return dict(state) if self.typed is None else self.typed.fill(state)


def definition_of(template: WorkflowTemplate) -> Definition:
    """The definition of any template; one that is not made of a flow becomes a single opaque step."""
    own = getattr(template, "definition", None)
    if isinstance(own, Definition) and _executes_it(template):
        return own
    return Definition(
        name=getattr(template, "name", None) or type(template).__name__,
        version=Version(str(getattr(template, "version", None) or NO_VERSION)),
        flow=lift(template),
        declared=tuple(template.get_required_state()),
        rejected=not template.validate(),
    )


def _executes_it(template: object) -> bool:
    """Whether `execute` means the definition: a subclass with an `execute` of its own means something else."""
    classes = type(template).__mro__
    providers = [next((one for one in classes if name in one.__dict__), None) for name in ("execute", "definition")]
    return providers[1] is None or providers[0] is providers[1]
