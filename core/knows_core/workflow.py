"""`PipelineWorkflow` and `pipeline`: how a flow becomes a template with a name and a version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from knows_core.checking.seams import MODES
from knows_core.errors import ContractError
from knows_core.flow import Flow, Sequence, Use, lift
from knows_core.flows.building import scope
from knows_core.linking import given
from knows_core.template import NO_NAME, NO_VERSION, Definition
from knows_core.version import Requirement, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Unpack

    from pydantic import BaseModel

    from knows_core.checking.check import Problem
    from knows_core.flow import Step
    from knows_core.flows.migration import Migration
    from knows_core.signatures import Policies
    from knows_core.state import WorkflowState


class PipelineWorkflow:
    """A template made of steps that run one after the other, each a callable `step(result, state)` or a Step.

    `state` is a pydantic model of the state, `required_state` names further keys that must have a value. `migrations`
    take along runs of other versions. `retry`, `timeout`, `on_error` and `compensate` mean what they do in `scope`, for
    the whole flow. Without a name it is `pipeline` `0.0.0` and cannot be registered. Raises InvalidVersion,
    ContractError.
    """

    __slots__ = ("definition",)

    def __init__(
        self,
        steps: Iterable[Any] | Flow[Any, Any] = (),
        *,
        name: str = NO_NAME,
        version: str = NO_VERSION,
        state: type[BaseModel] | None = None,
        required_state: Iterable[str] = (),
        summary: str = "",
        types: str = "strict",
        migrations: Iterable[Migration] = (),
        **options: Unpack[Policies],
    ) -> None:
        flow: Flow[Any, Any] = steps if isinstance(steps, Flow) else Sequence(tuple(map(lift, steps)))
        if isinstance(required_state, str):
            raise ContractError(f"required_state: expected a list of keys, found a text. Write [{required_state!r}].")
        if types not in MODES:
            raise ContractError(f"types: expected one of {', '.join(MODES)}, found {types!r}")
        if any(one is not None for one in options.values()):
            flow = scope(flow, **options)
        declared = tuple(required_state)
        self.definition = Definition(
            Requirement(name).name,
            Version(version),
            given(flow),
            state,
            declared,
            summary,
            types,
            migrations=tuple(migrations),
        )

    @property
    def name(self) -> str:
        """The template's name."""
        return self.definition.name

    @property
    def version(self) -> str:
        """The template's version in its canonical text."""
        return str(self.definition.version)

    @property
    def summary(self) -> str:
        """What the template does, in a sentence."""
        return self.definition.summary

    @property
    def steps(self) -> list[Step[Any, Any]]:
        """The steps in order."""
        return [one for _, one in self.definition.steps]

    @property
    def flow(self) -> Flow[Any, Any]:
        """The tree of nodes."""
        return self.definition.flow

    def execute(self, state: WorkflowState) -> Any:
        """Run here and now, recording nothing, and return the last result.

        On success the writes appear in `state`; on failure only `state["error"]` does, and the error is raised.
        """
        from knows_core.driving.executing import execute  # defining a template needs no engine

        return execute(self.definition, state)

    def validate(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.check()

    def check(self) -> list[Problem]:
        """Everything that is wrong with it, at once."""
        return list(self.definition.problems)

    def get_required_state(self) -> list[str]:
        """The keys that must have a value before it runs."""
        return list(self.definition.required)

    def __repr__(self) -> str:
        return f"<PipelineWorkflow {self.definition}>"


def pipeline(
    flow: Flow[Any, Any] | Iterable[Any],
    *,
    name: str = NO_NAME,
    version: str = NO_VERSION,
    state: type[BaseModel] | None = None,
    required_state: Iterable[str] = (),
    summary: str = "",
    types: str = "strict",
    migrations: Iterable[Migration] = (),
    **options: Unpack[Policies],
) -> PipelineWorkflow:
    """Make a template of a flow: `pipeline(a | b, name="etch", version="1.0")`. Raises InvalidVersion."""
    steps = flow if isinstance(flow, Flow) else list(flow)
    return PipelineWorkflow(
        steps,
        name=name,
        version=version,
        state=state,
        required_state=required_state,
        summary=summary,
        types=types,
        migrations=migrations,
        **options,
    )


def compose(
    parts: Iterable[Any],
    *,
    name: str,
    version: str,
    keys: Mapping[str, Any] | None = None,
    state: type[BaseModel] | None = None,
    required_state: Iterable[str] = (),
    summary: str = "",
    types: str = "strict",
    migrations: Iterable[Migration] = (),
    **options: Unpack[Policies],
) -> PipelineWorkflow:
    """Make one template of several that run one after the other, each nested under its name on the shared state.

    A part is a template, a text (`"troubleshooting@^1.2"`), or a `use(...)`, which can give an alias where the same
    template comes twice. `keys` maps keys of all parts (`{"equipment_id": "pump_id"}`), or those of one part by its
    name (`{"troubleshooting": {"equipment_id": "pump_id"}}`; a text there is a name space). What an earlier part surely
    provides is not required any more. Raises ContractError, InvalidVersion.
    """
    uses = [_as_use(part) for part in parts]
    if not uses:
        raise ContractError("compose: expected templates, found none")
    named = {one.name for one in uses if isinstance(one, Use)}
    for_all = {key: to for key, to in (keys or {}).items() if key not in named and isinstance(to, str)}
    unknown = [key for key, to in (keys or {}).items() if key not in named and not isinstance(to, str)]
    if unknown:
        raise ContractError(f"compose: keys name {', '.join(unknown)}; the parts are {', '.join(sorted(named))}")
    flow: Flow[Any, Any] = Sequence(tuple(_with_keys(one, for_all, (keys or {}).get(one.first_name)) for one in uses))
    return PipelineWorkflow(
        flow,
        name=name,
        version=version,
        state=state,
        required_state=required_state,
        summary=summary,
        types=types,
        migrations=migrations,
        **options,
    )


def _as_use(part: Any) -> Flow[Any, Any]:
    if isinstance(part, str):
        return Use(Requirement.parse(part))
    return lift(part)


def _with_keys(part: Flow[Any, Any], for_all: Mapping[str, str], own: Any) -> Flow[Any, Any]:
    if not isinstance(part, Use) or not (for_all or own):
        return part
    if isinstance(own, str) or isinstance(part.keys, str):
        return replace(part, keys=own if own is not None else part.keys)
    return replace(part, keys={**for_all, **part.keys, **(own or {})})
