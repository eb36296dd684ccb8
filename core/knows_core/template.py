"""What a workflow template is: the protocol anyone can meet, and the frozen definition that the readers read."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, runtime_checkable

from knows_core.binding import admits_none
from knows_core.checking.check import Problem, problems_of
from knows_core.checking.judgement import ANNOTATIONS, UNKNOWN
from knows_core.checking.keys import Keys, keys_of
from knows_core.checking.seams import Seams, on_copies, seams_of
from knows_core.errors import DefinitionError, MissingInput, MissingState
from knows_core.fitting.handover import check_of
from knows_core.flow import Flow, Part, Step, made
from knows_core.flows.approving import Approval
from knows_core.flows.paths import DEEPEST, placed, steps_in
from knows_core.values.declared import Declared, declared_in
from knows_core.values.traits import is_model_class
from knows_core.version import Version

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic import BaseModel

    from knows_core.checking.judgement import Judgement
    from knows_core.flows.migration import Migration
    from knows_core.journals.records import Fingerprint
    from knows_core.state import WorkflowState
    from knows_core.states.models import TypedState
    from knows_core.values.codec import Codec
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


@runtime_checkable
class Chooser(Protocol):
    """Templates that choose for a whole composition at once, so that no use of a template is served at another's cost.

    A `Templates` without this serves each use by itself: the first to name a template decides its version.
    """

    def composed(self, definition: Definition) -> Composed:
        """Choose for everything that a definition uses; the same object again for as long as the answer would be."""
        ...


class Composed(Protocol):
    """The templates of one composition."""

    def take(self, wanted: Requirement, alias: str, user: str) -> WorkflowTemplate:
        """Return what was chosen for a use in the template named `user`; `alias` is empty where it gives none."""
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
    types: str = "strict"  # how seams are checked: strict, lenient, warn, off
    rejected: bool = False  # a foreign template whose own validate() says no
    migrations: tuple[Migration, ...] = ()
    judgement: ClassVar[Judgement] = ANNOTATIONS

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @functools.cached_property
    def steps(self) -> list[tuple[str, Step[Any, Any]]]:
        """Every step with its path, in order."""
        return steps_in(self.flow)

    @functools.cached_property
    def parts(self) -> list[tuple[str, Part[Any, Any]]]:
        """Every template that it uses, with its path, in order."""
        return [(path, node) for path, node, _ in placed(self.flow) if isinstance(node, Part)]

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The keys of its state model with their annotations."""
        if not is_model_class(self.model):
            return {}
        # pydantic keeps the metadata of an annotation apart from it.
        fields: dict[str, Any] = self.model.__pydantic_fields__
        return {
            name: Annotated[(one.annotation, *one.metadata)] if one.metadata else one.annotation
            for name, one in fields.items()
        }

    @functools.cached_property
    def own_required(self) -> list[str]:
        """The keys that it declares to need, and the model's fields without default."""
        return list(dict.fromkeys([*self.declared, *(self.typed.required if self.typed is not None else ())]))

    @functools.cached_property
    def reduced(self) -> frozenset[str]:
        """The keys that several branches may write, since its state model says how their values become one."""
        return frozenset(self.typed.reducers if self.typed is not None else ())

    @functools.cached_property
    def required(self) -> list[str]:
        """Keys that must have a value at the start: its own, and what no earlier part surely provides."""
        return list(dict.fromkeys([*self.own_required, *self.keys.needs]))

    @functools.cached_property
    def keys(self) -> Keys:
        """The state keys of the whole flow."""
        return keys_of(self)

    @functools.cached_property
    def seams(self) -> Seams:
        """Every hand-over from one step to the next."""
        return seams_of(self)

    @functools.cached_property
    def checks(self) -> dict[Step[Any, Any], Any]:
        """What a run checks at its steps."""
        found = self.seams.checks(self.types)
        policies = (getattr(node, option, None) for _, node, _ in placed(self.flow) for option in ("retry", "on_error"))
        return on_copies(found, self.steps) if any(policies) else found

    @functools.cached_property
    def checks_on_copies(self) -> dict[Step[Any, Any], Any]:
        """The same for a run in which error handlers may have any step tried again, or gone on from."""
        return on_copies(self.checks, self.steps)

    @functools.cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with it, at once."""
        found = problems_of(self)
        if not found:  # with annotations that cannot be resolved there is nothing to look into
            remedy = "Import or define the name where the class is."
            found = [Problem(self.name, one, remedy) for one in self.classes.faults]
        if not self.has_depth:
            found += self.problems_of_seams(self.types)
            found += self.keys.problems
        return found

    @property
    def has_depth(self) -> bool:
        """Whether nodes lie deeper inside each other than a run would follow."""
        return any(depth >= DEEPEST for _, _, depth in placed(self.flow))

    def problems_of_seams(self, mode: str) -> list[Problem]:
        """The hand-overs that are not allowed: those inside a part by its own mode, all others by the given one."""
        remedy = "Convert the value in a step between them, or correct one of the annotations."
        own = {str(part.definition): part.definition.types for _, part in self.parts}
        return [
            Problem(seam.consumed.path, f"{seam.produced} does not fit {seam.consumed}: {seam.verdict.reason}", remedy)
            for seam in self.seams.seams
            if seam.is_refused(own.get(seam.inside, mode))
        ]

    @functools.cached_property
    def typed(self) -> TypedState | None:
        """How its state model takes part in a run."""
        if not is_model_class(self.model):
            return None
        from knows_core.states.models import TypedState  # the room that imports pydantic

        return TypedState(self.model, str(self))

    @functools.cached_property
    def fingerprint(self) -> Fingerprint:
        """What a recorded run is bound to."""
        from knows_core.contract import fingerprint_of  # for recorded runs only

        return fingerprint_of(self)

    @functools.cached_property
    def contract(self) -> dict[str, Any]:
        """What others rely on, as data: input, output, state keys, errors, decisions, used ranges."""
        from knows_core.contract import contract_of  # as above

        return contract_of(self)

    @functools.cached_property
    def classes(self) -> Declared:
        """The dataclasses and models that the steps' annotations and the state model declare."""
        # A context is handed to a step, never returned or stored: its class is none of the template's.
        named = [one for _, step in self.steps for name, one in step.annotations.items() if name != "context"]
        named += [node.payload for _, node, _ in placed(self.flow) if isinstance(node, Approval)]
        models = [part.definition.model for _, part in self.parts]
        return declared_in([*named, self.model, *models])

    @functools.cached_property
    def codec(self) -> Codec:
        """The codec of its values."""
        from knows_core.values.codec import Codec  # for recorded runs only

        return Codec(self.classes.classes)

    @property
    def first_input(self) -> Any:
        """The annotation of the input, by the first step that takes it; None where none does or says."""
        found = self.seams.input
        return None if found is UNKNOWN else found

    def start(
        self, value: Any, state: Mapping[str, Any], *, done: Collection[str] = (), had: Collection[str] = ()
    ) -> dict[str, Any]:
        """The state to begin with, defaults added.

        For a run that is under way: `done` are steps that the input is no matter of any more, `had` the keys that the
        run began with. Raises DefinitionError, MissingState, MissingInput, StateMismatch: nothing has run then.
        """
        if self.problems:
            problems = "; ".join(str(one).rstrip(".") for one in self.problems)
            raise DefinitionError(template=self, problems=problems)
        missing = [key for key in self.required if key not in state and key not in had]
        if missing:
            found, needs = ", ".join(state) or "an empty state", self.keys.needs
            named = [f"{key} (needed by {needs[key]})" if key in needs else key for key in missing]
            raise MissingState(template=self, missing=", ".join(named), found=found)
        self._check_input(value, done)
        return dict(state) if self.typed is None else self.typed.fill(state)

    def _check_input(self, value: Any, done: Collection[str]) -> None:
        for end in (end for _, end in self.seams.entries if end.path not in done):
            if value is None and not admits_none(end.annotation):
                expected = getattr(end.annotation, "__name__", str(end.annotation))
                raise MissingInput(first=end.path, template=self, expected=expected)
            check = check_of(end.annotation, f"the input of {self} for") if self.types != "off" else None
            if check is not None and value is not None:
                check(value, end.path)


def definition_of(template: WorkflowTemplate) -> Definition:
    """The definition of any template; one that is not made of a flow becomes a single opaque step."""
    own = getattr(template, "definition", None)
    if isinstance(own, Definition) and _executes_it(template):
        return own

    def opaque(state: Any) -> Any:
        return template.execute(state)

    return Definition(
        name=getattr(template, "name", None) or type(template).__name__,
        version=Version(str(getattr(template, "version", None) or NO_VERSION)),
        flow=made(opaque, getattr(template, "name", None) or type(template).__name__),
        declared=tuple(template.get_required_state()),
        rejected=not template.validate(),
    )


def _executes_it(template: object) -> bool:
    """Whether `execute` means the definition: a subclass with an `execute` of its own means something else."""
    classes = type(template).__mro__
    providers = [next((one for one in classes if name in one.__dict__), None) for name in ("execute", "definition")]
    return providers[1] is None or providers[0] is providers[1]
