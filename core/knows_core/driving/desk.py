"""What both drivers share: the run's recorder and observers, and how a step is called."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from knows_core.context import StepContext, is_coroutine
from knows_core.journals.records import Compensating, StepDone, StepIntended, StepStarted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from datetime import datetime

    from knows_core.driving.events import Observers
    from knows_core.journals.recorder import Recorder
    from knows_core.journals.records import Event, Record, StepProgress
    from knows_core.logs import RunLog
    from knows_core.secrecy.secrets import Secrets
    from knows_core.values.codec import Codec
    from knows_core.walking.brakes import Brakes
    from knows_core.walking.wishes import Call


class Desk:
    """Where the wishes of one run are granted."""

    def __init__(
        self,
        run: str,
        recorder: Recorder,
        observers: Observers,
        codec: Callable[[], Codec],
        clock: Callable[[], datetime],
        brakes: Brakes,
        *,
        secrets: Secrets,
        log: RunLog | None = None,
    ) -> None:
        self._run = run
        self._secrets = secrets
        self._log = log
        self._hears_steps = observers.watching or (log is not None and log.detailed)
        self._hears_records = observers.watching or log is not None
        self._observers = observers
        self._codec = codec
        self._clock = clock
        self._runner: asyncio.Runner | None = None
        self.recorder = recorder
        self.brakes = brakes

    def record(self, record: Record) -> None:
        """Keep a record and tell the observers. Raises NotStorable; Stopped where an act is not to be made any more."""
        if type(record) is not StepDone:  # by far the most are
            self._brake(record)
        self.recorder.add(record)
        if self._hears_records:
            self._tell(record)

    def _tell(self, event: Event) -> None:
        self._observers.tell(self._run, event)
        if self._log is not None:
            self._log.tell(event)

    def _brake(self, record: Record) -> None:
        if isinstance(record, StepIntended):
            self.brakes.heed_before_act(record.path)  # an act that is intended and not made would be in doubt
        elif isinstance(record, Compensating):
            self.brakes.is_on = True  # what a failed run still has to do is not stopped

    def context(self, call: Call) -> StepContext | None:
        """The context of a call, where the step takes one; the observers hear that the step begins."""
        if self._hears_steps:
            self._tell(StepStarted(call.path, call.attempt))
        if not call.step.binding.takes_context:
            return None
        deadline = None if call.limit is None else self._clock() + timedelta(seconds=call.limit)
        given_up = self._is_cancelled(call)
        return StepContext(
            self._run, call.path, call.attempt, deadline, self._progress, given_up, self._secrets.resolve
        )

    def _is_cancelled(self, call: Call) -> Callable[[], bool]:
        return lambda: call.given_up or self.brakes.is_pulled

    def _progress(self, event: StepProgress) -> None:
        if self._hears_steps:
            self._tell(event._replace(note=self._secrets.redactor.error(str(event.note))))

    def call(self, call: Call) -> Any:
        """Call a step in this thread, not in a process, and return its result; an async one in the run's own loop."""
        binding = call.step.binding
        # As `wants_context` and `begun` say it: the common way is spared their calls.
        context = self.context(call) if binding.takes_context or self._hears_steps else None
        answer = binding.invoke(call.value, call.state, context)
        if is_coroutine(answer):
            if self._runner is None:
                import asyncio  # only a flow with an async step pays for it

                self._runner = asyncio.Runner()
            return self._runner.run(answer)
        return answer

    def wants_context(self, call: Call) -> bool:
        """Whether somebody hears of the call: the step itself, or an observer."""
        return call.step.binding.takes_context or self._hears_steps

    def begun(self, call: Call, context: StepContext | None) -> Any:
        """What the step's function gives in this thread, or in a process of its own; maybe still to be awaited."""
        if call.step.isolation != "process":
            return call.step.binding.invoke(call.value, call.state, context)
        from knows_core.isolating.isolated import call_isolated  # only isolated steps pay for processes

        own = context or StepContext(self._run, call.path, call.attempt)
        return call_isolated(
            call.step,
            call.value,
            call.state,
            own,
            codec=self._codec(),
            timeout=call.limit,
            secrets=self._secrets,
            tell=self._progress,
            given_up=lambda: call.given_up,
        )

    def close(self) -> None:
        """End the run's own event loop, if it had one, and give up the run."""
        try:
            if self._runner is not None:
                self._runner.close()
        finally:
            self.recorder.release()
