"""`PipelineWorkflow` and `pipeline`: how a flow becomes a template with a name and a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.errors import ContractError
from knows_core.flow import Flow, Sequence, lift
from knows_core.template import NO_NAME, NO_VERSION, Definition
from knows_core.version import Requirement, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from knows_core.check import Problem
    from knows_core.flow import Step
    from knows_core.state import WorkflowState


class PipelineWorkflow:
    """A template made of steps that run one after the other, each a callable `step(result, state)` or a Step.

    `state` is a pydantic model of the state, `required_state` names further keys that must have a value. Without a name
    it is `pipeline` `0.0.0` and cannot be registered. Raises InvalidVersion.
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
    ) -> None:
        flow: Flow[Any, Any] = steps if isinstance(steps, Flow) else Sequence(tuple(map(lift, steps)))
        if isinstance(required_state, str):
            raise ContractError(f"required_state: expected a list of keys, found a text. Write [{required_state!r}].")
        declared = tuple(required_state)
        self.definition = Definition(Requirement(name).name, Version(version), flow, state, declared, summary)

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
        from knows_core.engine import execute  # defining a template needs no engine

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
) -> PipelineWorkflow:
    """Make a template of a flow: `pipeline(a | b, name="etch", version="1.0")`. Raises InvalidVersion."""
    steps = flow if isinstance(flow, Flow) else list(flow)
    return PipelineWorkflow(
        steps, name=name, version=version, state=state, required_state=required_state, summary=summary
    )
