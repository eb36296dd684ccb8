"""What generated flows declare for when something fails: policies, handlers, validators, compensation, approvals.

Everything fails and answers in a way that follows from its input, its path, and how many failures are recorded there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.context import StepContext  # noqa: TC001 - the steps' annotations are read
from knows_core.errors import PermanentError, TransientError
from knows_core.flows.building import approval, step
from knows_core.recovery import Continue, Done, Fail, Fallback, NotDone, Retry, Suspend
from knows_core.rules import Rules
from knows_core.state import WorkflowState  # noqa: TC001 - see StepContext
from knows_core.testing.world import weigh

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from knows_core.flow import Flow, Step
    from knows_core.recovery import ErrorContext, Handler, OnError, Verdict
    from knows_core.testing.world import World

_NEVER = 1e6  # seconds that are never over
_FAILURES = (TransientError, TransientError, ConnectionError, ValueError)


class Declaring:
    """Makes what a generated flow declares.

    `sure` are the names of acts whose look can tell whether they took place, `unsure` those that only a person can.
    """

    def __init__(self, chance: random.Random, number: Callable[[], int], world: World) -> None:
        self._chance = chance
        self._number = number
        self._world = world
        self.sure: set[str] = set()
        self.unsure: set[str] = set()

    def one_in(self, most: int) -> bool:
        """Whether it happens, once in so many times."""
        return self._chance.randrange(most) == 0

    def rules(self) -> Rules:
        """What the engine says."""
        handlers = (_handler(self._number(), 14),) if self.one_in(3) else ()
        return Rules(handlers=handlers, validators=(self._validator(),) if self.one_in(3) else ())

    def whole(self, depth: int = 0, flow: Callable[[int], Flow[Any, Any]] | None = None) -> dict[str, Any]:
        """The options of a scope or template."""
        answer = self.answer(depth, flow)
        return {"retry": self.retry(3, alone=False), "on_error": answer, "compensate": self.undo()}

    def retry(self, most: int, *, alone: bool) -> Retry | None:
        """Once in so many times one. What its limit does is the same however often power is lost.

        Only a step with nothing beside it gets a limit that is over after some pauses: those of others count as well.
        """
        if not self.one_in(most):
            return None
        chance = self._chance
        if alone and self.one_in(4):
            return Retry(exceptions=Exception, max_retries=3, delay=4, jitter=0, limit=10.25)
        if self.one_in(6):
            return Retry(max_retries=3, delay=3, limit=1)  # too short for one pause
        return Retry(
            exceptions=chance.choice([(Exception,), (TransientError,), (ConnectionError, ValueError)]),
            max_retries=chance.choice([None, 0, 1, 2, 3]),
            delay=chance.choice([0, 0, 0.5, 2]),
            backoff=chance.choice([1, 2]),
            jitter=chance.choice([0, 0.5, 1]),
            limit=chance.choice([None, _NEVER]),
        )

    def answer(
        self, depth: int, flow: Callable[[int], Flow[Any, Any]] | None = None, *, of_list: bool = False
    ) -> OnError | None:
        """Now and then what follows a failure; with `flow` also one to fall back on."""
        if not self.one_in(3):
            return None
        number = self._number()
        value = Fallback([1, 2] if of_list else number)
        kinds: list[OnError] = [value, Continue(), Continue(), Suspend("say why"), Fail(), _handler(number, 7)]
        if flow is not None and self.one_in(4):
            return Fallback(flow(depth))
        return self._chance.choice(kinds)

    def undo(self) -> Step[Any, Any] | None:
        """Now and then how something is undone; what it adds to the state does not depend on the order."""
        if not self.one_in(3):
            return None
        number, world, flaky = self._number(), self._world, self._chance.choice([0, 0, 0, 1, 2])
        fails = self.one_in(3)

        def undo(result: Any, state: WorkflowState, context: StepContext) -> Any:
            world.calls.append(context.step)
            told = weigh(number, result)
            state[f"undone{number}"] = state.get(f"undone{number}", 0) + told
            if world.failures[context.step] < flaky:
                raise TransientError("not now")
            if fails and told % 3 == 0:
                raise ValueError(f"undoing {number}")

        waits = Suspend() if self.one_in(8) else None
        return step(undo, name="undo", retry=self.retry(2, alone=False), on_error=waits)

    def fail(self) -> Callable[[str], None]:
        """What a step does first: it fails so many times, or never."""
        chance, world = self._chance, self._world
        flaky, kind = chance.choice([0, 0, 0, 0, 1, 2, 3]), chance.choice(_FAILURES)

        def fail(path: str) -> None:
            if world.failures[path] < flaky:
                raise kind(f"failure {world.failures[path]}")

        return fail

    def look(self, name: str, *, alone: bool) -> Callable[..., Any] | None:
        """The look of an act, if there is one; it tells the truth, or nothing.

        Beside others it always can tell: they go on, and perhaps fail, while a person is asked about a doubt.
        """
        kinds = ["told", "told", "none", "raises", "nothing"] if alone else ["told"]
        world, kind = self._world, self._chance.choice(kinds)
        (self.sure if kind == "told" else self.unsure).add(name)
        if kind == "nothing":
            return None

        def look(context: StepContext) -> Done | NotDone | None:
            if kind == "raises":
                raise OSError("nobody answers")
            if kind == "none":
                return None
            return Done(world.acts[context.step]) if context.step in world.acts else NotDone()

        return look

    def approval(self) -> Flow[Any, Any]:
        """A question."""
        number, chance = self._number(), self._chance
        options: dict[str, Any] = {
            "role": chance.choice([None, "engineer"]),
            "expires": chance.choice([None, 1000]),
            "payload": chance.choice([None, int]),
            "into": chance.choice([None, f"by{number}"]),
        }
        return approval(f"a{number}", **options)

    def _validator(self) -> Callable[[str, str, Any, Mapping[str, Any]], None]:
        number, sure, unsure = self._number(), self.sure, self.unsure

        def validate(when: str, path: str, value: Any, _state: Mapping[str, Any]) -> None:
            # What `look` tells of an act that took place counts, and no validator is asked about it.
            name, is_after = path.rpartition("/")[2], when == "after"
            of = 3 if is_after and name in unsure else 24
            if not (is_after and name in sure) and weigh(number, when, path, value) % of == 0:
                raise PermanentError(f"refused {when} {path}")

        return validate


def _handler(number: int, of: int) -> Handler:
    """A handler that says nothing most of the times; `of` is how often."""

    def handle(context: ErrorContext) -> Verdict | None:
        answers: list[Verdict | None] = [
            Fallback(number), Continue(), Suspend("handled"), Fail(), Retry(max_retries=2, delay=1, jitter=0),
        ]  # fmt: skip
        drawn = weigh(number, context.step, context.error["type"]) % of
        if drawn == len(answers):
            raise KeyError("no idea")
        return answers[drawn] if drawn < len(answers) else None

    return handle
