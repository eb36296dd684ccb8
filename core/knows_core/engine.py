"""The local engine: it runs templates in this process, with or without a journal, and resumes what was recorded."""

from __future__ import annotations

import contextlib
import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from knows_core.desk import Desk
from knows_core.drivers import adrive, drive
from knows_core.envelope import error_record
from knows_core.errors import ConfigError
from knows_core.events import Observers
from knows_core.execution import Execution, begin, order
from knows_core.limits import Limits
from knows_core.linking import linked
from knows_core.run import Run, RunStatus
from knows_core.state import ERROR_KEY
from knows_core.template import WorkflowTemplate, definition_of
from knows_core.threads import Pools, in_event_loop, in_own_thread
from knows_core.version import Requirement

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from pluggy import PluginManager

    from knows_core.backend import RunRow, StateBackend
    from knows_core.records import RunEnded
    from knows_core.run import Entry
    from knows_core.settings import WorkflowSettings
    from knows_core.state import WorkflowState
    from knows_core.template import Definition, Templates


def _now() -> datetime:
    return datetime.now(UTC)


class LocalEngine:
    """Runs templates in one process. With a backend every run is recorded and can be resumed; without, nothing is.

    `templates` finds templates that are named instead of given; `hooks` is a pluggy manager that knows the project's
    hooks; `clock` returns aware datetimes. An engine that was used with `arun` is closed, or used as a context manager.
    """

    def __init__(
        self,
        backend: StateBackend | None = None,
        *,
        templates: Templates | None = None,
        hooks: PluginManager | None = None,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.backend = backend if limits.state_persistence else None
        self.limits = limits
        self._templates = templates
        self._clock = clock
        self._observers = Observers(hooks)
        self._pools = Pools(limits.max_concurrent_workflows)

    @classmethod
    def from_settings(
        cls,
        settings: WorkflowSettings | None = None,
        *,
        templates: Templates | None = None,
        hooks: PluginManager | None = None,
    ) -> Self:
        """Make an engine as the settings say, with the backend at `state_backend`.

        Raises UnknownScheme for a scheme other than `memory:` that no plugin in `hooks` offers.
        """
        from knows_core.opening import open_backend  # only engines made from settings need these rooms
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
        """Run a template, given or named (`etch@^1.2`), to its end and return the run, completed or failed.

        `state` is copied. `reference` is remembered for whoever resumes the run. Raises ContractError when the
        template, input or state do not fit: then no run is made. Raises RunExists, BackendError, LeaseLost.
        """
        return self._drive(self._begin(template, input, state or {}, run_id, reference))

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
        return await self._adrive(await self._made(begin))

    def resume(self, run_id: str, template: WorkflowTemplate | None = None) -> Run:
        """Go on with a recorded run where its journal ends; a completed one answers with its recorded result.

        The template is the exact version the run is bound to, given or found. Raises UnknownRun, RunBusy,
        TemplateVersionMissing, ShapeChanged, ResumeRefused, RecordCorrupt.
        """
        return self._drive(self._go_on(run_id, template))

    async def aresume(self, run_id: str, template: WorkflowTemplate | None = None) -> Run:
        """Do as `resume` without blocking the event loop."""
        return await self._adrive(await self._made(functools.partial(self._go_on, run_id, template)))

    # ------------------------------------------------------------------ looking

    def status(self, run_id: str) -> RunStatus:
        """Where a recorded run stands. Raises UnknownRun."""
        return self._recorded().load(run_id)[0].status

    def result(self, run_id: str, template: WorkflowTemplate | None = None) -> Run:
        """A recorded run as it stands, without going on with it. Raises UnknownRun, RecordCorrupt.

        Values of classes that the template declares come back as such when it is given or found, as data otherwise.
        """
        from knows_core.viewing import view  # for recorded runs only

        return view(self._recorded(), self._templates, run_id, template)

    def history(self, run_id: str) -> Sequence[Entry]:
        """The records of a run, oldest first. Raises UnknownRun, RecordCorrupt."""
        from knows_core.viewing import history  # for recorded runs only

        return history(self._recorded(), run_id)

    def runs(self, status: RunStatus | None = None) -> list[RunRow]:
        """The recorded runs, newest first."""
        return self._recorded().rows(status)

    def close(self) -> None:
        """End the pools and close the backend."""
        self._pools.close()
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
    ) -> Execution:
        if isinstance(template, str):
            template = self._find(template)
        definition = linked(definition_of(template), self._templates)
        wanted = order(definition, value, state, self._clock, run_id, reference)
        if self.backend is None:
            return begin(wanted, self._clock)
        from knows_core.recorded import begin_recorded  # with the codec and the journal: for recorded runs only

        return begin_recorded(wanted, self.backend, self._clock)

    def _go_on(self, run_id: str, template: WorkflowTemplate | None) -> Execution | Run:
        from knows_core.recorded import go_on  # see _begin

        return go_on(self._recorded(), self._templates, run_id, template, self._clock)

    def _find(self, name: str) -> WorkflowTemplate:
        if self._templates is None:
            raise ConfigError(name="engine", expected=f"templates= to find {name} in", found=None)
        return self._templates.find(Requirement.parse(name))

    def _drive(self, execution: Execution | Run) -> Run:
        if isinstance(execution, Run):  # completed before
            return execution
        return execution.ended_as(self._drive_here(execution))

    def _drive_here(self, execution: Execution) -> RunEnded:
        if in_event_loop():  # an async step could not have a loop of its own in this thread
            return in_own_thread(lambda: self._drive_here(execution))
        desk = self._desk(execution)
        try:
            return drive(execution.machine, desk)
        finally:
            # Whatever ends the run, it is given up, so that it can be resumed at once.
            execution.machine.close()
            desk.close()

    async def _made(self, make: Callable[[], Execution | Run]) -> Execution | Run:
        """Create or claim a run in the pool. A cancel meanwhile waits for it: the run would keep an owner for ever."""
        import asyncio  # only the async driver pays for it

        loop, pool = asyncio.get_running_loop(), self._executor()
        made = loop.run_in_executor(pool, make)
        try:
            return await asyncio.shield(made)
        except asyncio.CancelledError:
            # Asked of the pool's own future, so that no further cancel can come between.
            made.add_done_callback(lambda done: _give_up(done, pool))
            await asyncio.wait([made])
            execution = None if made.exception() else made.result()
            if isinstance(execution, Execution):
                await loop.run_in_executor(pool, execution.recorder.release)
            raise

    async def _adrive(self, execution: Execution | Run) -> Run:
        import asyncio  # only the async driver pays for it

        if isinstance(execution, Run):  # completed before
            return execution
        loop, desk = asyncio.get_running_loop(), self._desk(execution)
        try:
            ended = await adrive(execution.machine, desk, loop, self._executor())
        finally:
            execution.machine.close()
            await asyncio.shield(loop.run_in_executor(self._executor(), desk.close))
        return execution.ended_as(ended)

    def _desk(self, execution: Execution) -> Desk:
        definition = execution.definition
        return Desk(execution.id, execution.recorder, self._observers, lambda: definition.codec, self._clock)

    def _executor(self) -> Executor:
        return self._pools.for_this_depth()


def _give_up(made: asyncio.Future[Execution | Run], pool: Executor) -> None:
    if not made.cancelled() and not made.exception():
        execution = made.result()
        if isinstance(execution, Execution):
            with contextlib.suppress(RuntimeError):  # a closed engine has given up everything
                pool.submit(execution.recorder.release)


def execute(definition: Definition, state: WorkflowState) -> Any:
    """Run a definition on the caller's own state, recording nothing; see PipelineWorkflow.execute."""
    engine = LocalEngine()
    given = {key: state[key] for key in state if key != ERROR_KEY}
    try:
        execution = begin(order(linked(definition, None), None, given, _now), _now)
    except Exception as error:
        state[ERROR_KEY] = error_record(error, _now(), None, None)
        raise
    ended = engine._drive_here(execution)
    run = execution.ended_as(ended)
    if ended.error is not None:
        state[ERROR_KEY] = run.error
        raise ended.error
    state.pop(ERROR_KEY, None)
    delta = execution.situation.delta
    for key in {*delta.written, *delta.dropped}:
        if key in run.state:
            state[key] = run.state[key]
        else:
            state.pop(key, None)
    return ended.result
