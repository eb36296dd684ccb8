"""The local engine: it runs templates in this process, with or without a journal, and resumes what was recorded."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, Final, Self

from knows_core.driving.dispatcher import Dispatcher
from knows_core.driving.execution import Execution, begin, order
from knows_core.errors import ConfigError
from knows_core.errors.backend import RunBusy
from knows_core.limits import Limits
from knows_core.linking import linked
from knows_core.rules import rules_of, utc_now
from knows_core.run import FINISHED, Run, RunStatus
from knows_core.template import WorkflowTemplate, definition_of
from knows_core.version import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from pluggy import PluginManager

    from knows_core.backend import RunRow, StateBackend
    from knows_core.run import Entry
    from knows_core.settings import WorkflowSettings
    from knows_core.template import Templates


_PAUSE: Final = 0.1  # seconds between two tries to take up a run that somebody owns


class LocalEngine:
    """Runs templates in one process. With a backend every run is recorded and can be resumed; without, nothing is.

    `templates` finds templates that are named instead of given; `hooks` is a pluggy manager that knows the project's
    hooks; `clock` returns aware datetimes; `redactor` knows the secrets that its runs looked up. It is closed when it
    has done its work, or used as a context manager. `limits.max_concurrent_workflows` runs are driven at once at most.
    """

    def __init__(
        self,
        backend: StateBackend | None = None,
        *,
        templates: Templates | None = None,
        hooks: PluginManager | None = None,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.backend = backend if limits.state_persistence else None
        self.limits = limits
        self._templates, self._clock = templates, clock
        self._rules = rules_of(hooks, limits)
        self.redactor = self._rules.secrets.redactor
        self._dispatcher = Dispatcher(self.backend, hooks, limits, clock, self.redactor)

    @classmethod
    def from_settings(
        cls,
        settings: WorkflowSettings | None = None,
        *,
        templates: Templates | None = None,
        hooks: PluginManager | None = None,
    ) -> Self:
        """Make an engine as the settings say, with the backend at `state_backend`. Raises UnknownScheme."""
        from knows_core.journals.opening import open_backend  # only engines made from settings need these rooms
        from knows_core.settings import load_settings

        settings = settings or load_settings()
        url = settings.state_backend if settings.state_persistence else None
        backend = open_backend(url, hooks) if url is not None else None
        return cls(backend, templates=templates, hooks=hooks, limits=settings.limits())

    # ------------------------------------------------------------------ running

    def run(
        self,
        template: WorkflowTemplate | str,
        *,
        input: Any = None,
        state: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        reference: str | None = None,
    ) -> Run:
        """Run a template, given or named (`etch@^1.2`), to its end and return the run: completed, failed or cancelled.

        `state` is copied. `reference` is remembered for whoever resumes the run. Raises ContractError when the
        template, input or state do not fit: then no run is made. Raises RunExists, BackendError, LeaseLost.
        """
        return self._dispatcher.run(functools.partial(self._begin, template, input, state or {}, run_id, reference))

    def submit(
        self,
        template: WorkflowTemplate | str,
        *,
        input: Any = None,
        state: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        reference: str | None = None,
    ) -> str:
        """Record a run, `pending`, and return its id; a thread of this process drives it when its turn comes.

        `close` waits for it; it can be resumed where the process ends before. Raises as `run` does, and ConfigError for
        an engine without a backend.
        """
        self._recorded()
        execution = self._begin(template, input, state or {}, run_id, reference, RunStatus.PENDING)
        self._dispatcher.submit(execution)
        return execution.id

    async def arun(
        self,
        template: WorkflowTemplate | str,
        *,
        input: Any = None,
        state: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        reference: str | None = None,
    ) -> Run:
        """Do as `run` without blocking the event loop: sync steps and the backend work in a bounded pool."""
        begin = functools.partial(self._begin, template, input, state or {}, run_id, reference)
        return await self._dispatcher.arun(begin)

    def resume(
        self,
        run_id: str,
        template: WorkflowTemplate | None = None,
        *,
        wait: bool = False,
        accept_code_change: bool = False,
        from_step: str | None = None,
    ) -> Run:
        """Go on with a recorded run where its journal ends; a completed one answers with its recorded result.

        The template is the version the run is bound to, or one that declares a migration from it; given or found.
        `wait` waits for an owner that is alive. `accept_code_change` goes on although the template was edited, where
        all that is recorded is as it was. `from_step`, a recorded path, leaves the run as it is and begins a new one
        with everything recorded before that step; the new one's `origin` tells. A run that waits for a decision is
        given back as it stands. Raises UnknownRun, RunBusy, TemplateVersionMissing, ShapeChanged,
        MigrationFailed, RecoveryLimit, RunIsOver, ResumeRefused, RecordCorrupt.
        """
        make = functools.partial(self._go_on, run_id, template, accept_code_change, from_step)
        while True:
            try:
                return self._dispatcher.run(make)
            except RunBusy as busy:
                if not wait or busy.run != run_id:
                    raise
            time.sleep(_PAUSE)

    async def aresume(
        self,
        run_id: str,
        template: WorkflowTemplate | None = None,
        *,
        wait: bool = False,
        accept_code_change: bool = False,
        from_step: str | None = None,
    ) -> Run:
        """Do as `resume` without blocking the event loop."""
        import asyncio  # only the async driver pays for it

        make = functools.partial(self._go_on, run_id, template, accept_code_change, from_step)
        while True:
            try:
                return await self._dispatcher.arun(make)
            except RunBusy as busy:
                if not wait or busy.run != run_id:
                    raise
            await asyncio.sleep(_PAUSE)

    def decide(
        self,
        run_id: str,
        choice: str,
        *,
        by: str,
        role: str | None = None,
        value: Any = None,
        note: str = "",
        step: str | None = None,
        template: WorkflowTemplate | None = None,
    ) -> RunStatus:
        """Record what a person decided on a suspended run, and return its status: `pending` when it can be resumed.

        `choice` is `approve` or `reject` for an approval; `done`, `retry` or `reject` for a failure or an act in doubt.
        `value` is given along with `approve` or is the result that `done` tells of; `step` names the question where
        there are several. Raises UnknownRun, RunBusy, DecisionRefused, RoleMissing, ConfigError, StateMismatch.
        """
        from knows_core.resuming.deciding import Decision, decide  # for recorded runs only

        decision = Decision(choice, by, role, value, note, step)
        backend, release = self._recorded(), self._dispatcher.release
        return decide(backend, self._templates, run_id, decision, template, self._clock, release)

    def cancel(self, run_id: str) -> RunStatus:
        """Stop a run: its owner hears of it within its lease, within 0.1 s where it waits; ended at once without one.

        What is recorded is kept, and the run can be resumed. Returns the status it has now: `cancelled`, or still the
        owner's. Raises UnknownRun, RunIsOver.
        """
        from knows_core.resuming.ending import cancel  # for recorded runs only

        return cancel(self._recorded(), run_id, self._clock, self._dispatcher.release)

    def purge(
        self, *, older_than: float | None = None, statuses: Collection[RunStatus] = FINISHED, dry_run: bool = False
    ) -> list[RunRow]:
        """Delete the runs that ended longer ago than `older_than` seconds (default: `state_ttl`); return their rows.

        Nothing else ever deletes a run. Runs that can still be resumed are kept unless their status is named; one that
        somebody owns is never touched. `dry_run` deletes nothing.
        """
        from knows_core.resuming.ending import purge  # for recorded runs only

        age = self.limits.state_ttl if older_than is None else older_than
        return purge(self._recorded(), self._clock(), age, statuses, self._dispatcher.release, dry_run=dry_run)

    # ------------------------------------------------------------------ looking

    def status(self, run_id: str) -> RunStatus:
        """Where a recorded run stands. Raises UnknownRun."""
        return self._recorded().load(run_id)[0].status

    def result(self, run_id: str, template: WorkflowTemplate | None = None) -> Run:
        """A recorded run as it stands, without going on with it. Raises UnknownRun, RecordCorrupt.

        Values of classes that the template declares come back as such when it is given or found, as data otherwise.
        """
        from knows_core.resuming.viewing import view  # for recorded runs only

        return view(self._recorded(), self._templates, run_id, template)

    def history(self, run_id: str) -> Sequence[Entry]:
        """The records of a run, oldest first. Raises UnknownRun, RecordCorrupt."""
        from knows_core.resuming.viewing import history  # for recorded runs only

        return history(self._recorded(), run_id)

    def runs(self, status: RunStatus | None = None) -> list[RunRow]:
        """The recorded runs, newest first."""
        return self._recorded().rows(status)

    def close(self) -> None:
        """Wait for submitted runs, end what works beside them, and close the backend."""
        self._dispatcher.close()
        if self.backend is not None:
            self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ inside

    def _recorded(self) -> StateBackend:
        if self.backend is None:
            raise ConfigError(
                name="engine", expected="a backend (backend=..., or the setting state_backend)", found=None
            )
        return self.backend

    def _begin(
        self,
        template: WorkflowTemplate | str,
        value: Any,
        state: Mapping[str, Any],
        run_id: str | None,
        reference: str | None,
        status: RunStatus = RunStatus.RUNNING,
    ) -> Execution:
        if isinstance(template, str):
            template = self._find(template)
        definition = linked(definition_of(template), self._templates)
        wanted = order(definition, value, state, self._clock, run_id, reference)
        if self.backend is None:
            return begin(wanted, self._clock, rules=self._rules)
        from knows_core.resuming.recorded import begin_recorded  # with the codec and the journal: recorded runs only

        return begin_recorded(wanted, self.backend, self._clock, self._rules, status)

    def _go_on(self, run_id: str, template: WorkflowTemplate | None, accept: bool, step: str | None) -> Execution | Run:
        from knows_core.resuming.recorded import go_on  # see _begin

        known, clock, release = (self._recorded(), self._templates), self._clock, self._dispatcher.release
        make = functools.partial(go_on, rules=self._rules, accept=accept, release=release)
        if step is None:
            return make(*known, run_id, template, clock)
        from knows_core.resuming.restarting import restarted  # see _begin

        return restarted(known[0], run_id, step, clock, lambda new: make(*known, new, template, clock))

    def _find(self, name: str) -> WorkflowTemplate:
        if self._templates is None:
            raise ConfigError(name="engine", expected=f"templates= to find {name} in", found=None)
        return self._templates.find(Requirement.parse(name))
