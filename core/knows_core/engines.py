"""The port of engines: what a caller can ask of any, the local one or one on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knows_core.run import Run, RunStatus
    from knows_core.template import WorkflowTemplate


@runtime_checkable
class Engine(Protocol):
    """Runs templates and keeps their runs. Run ids are the only handles: whoever has one may ask from anywhere."""

    def submit(
        self,
        template: WorkflowTemplate | str,
        *,
        input: Any = None,
        state: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Record a new run, durably, and return its id without waiting for its end.

        Raises ContractError when the template, input or state do not fit (then no run is made), RunExists,
        BackendError.
        """
        ...

    def status(self, run_id: str) -> RunStatus:
        """Where a run stands. Raises UnknownRun."""
        ...

    def result(self, run_id: str) -> Run:
        """A run as it stands; nobody goes on with it for that. Raises UnknownRun, RecordCorrupt."""
        ...

    def cancel(self, run_id: str) -> RunStatus:
        """Ask a run to stop; the status it has then. Raises UnknownRun, RunIsOver."""
        ...

    def resume(self, run_id: str) -> Run:
        """Go on with a run where its journal ends, to its end. Raises UnknownRun, RunBusy, ResumeRefused."""
        ...
