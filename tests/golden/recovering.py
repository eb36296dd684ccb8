"""Histories of runs that recover: pauses, acts made once, decisions, compensation, a run that another one began."""

from __future__ import annotations

from knows_core import (
    Continue,
    Done,
    Fail,
    Fallback,
    NotDone,
    Retry,
    Suspend,
    approval,
    pipeline,
    scope,
    step,
    use,
)
from knows_core.resuming.deciding import Decision
from tests.golden.histories import AWAY, Body, History, Stop, named


class Failing(Body):
    """A step that raises, where its mood is a list, its errors one after the other, and then no more."""

    def heed(self, result):
        mood = self.moods.get(self.name)
        if isinstance(mood, list):
            if mood:
                raise mood.pop(0)
        elif mood is not None:
            raise mood


class Look(Failing):
    """What answers for an act: that it was made, or not, or nothing."""

    def __call__(self, result, state):
        return self.moods.get(self.name)


class Undo(Failing):
    def __call__(self, result, state):
        self.heed(result)
        state["undone"] = [*state.get("undone", []), f"{self.name}({result})"]


def body(name, moods, **options):
    return step(Failing(name, moods), name=name, **options)


def retried(moods):
    policy = Retry(max_retries=3, delay=10)
    flow = body("a", moods) | body("b", moods, retry=policy) | body("c", moods)
    return pipeline(flow, name="retried", version="1.0")


def acts(moods):
    sent = body("send", moods, effect="once", look=Look("look", moods))
    confirmed = body("confirm", moods, effect="once")
    return pipeline(sent | confirmed | body("last", moods), name="acts", version="1.0")


def decided(moods):
    part = pipeline(body("inner", moods), name="piece", version="1.0")
    flow = (
        body("plan", moods)
        | approval("apply", role="engineer", expires=3600, payload=int, into="who")
        | body("noted", moods, on_error=Continue())
        | body("replaced", moods, on_error=Fallback("other"))
        | scope(use(part), name="box", on_error=Suspend("somebody should look"))
        | scope(body("inside", moods), name="whole", compensate=Undo("undo", moods))
        | body("last", moods)
    )
    return pipeline(flow, name="decided", version="1.0")


def given_up(moods):
    flow = scope(body("a", moods) | body("b", moods, on_error=Fail()), name="box", on_error=Continue())
    return pipeline(flow, name="given_up", version="1.0")


def compensated(moods):
    whole = scope(body("b", moods) | body("c", moods), name="box", compensate=Undo("unbox", moods))
    flow = body("a", moods, compensate=Undo("una", moods)) | whole | body("d", moods)
    return pipeline(flow, name="compensated", version="1.0")


ENGINEER = Decision("approve", "Ada", "engineer", 7, "looks good", "apply")
RECOVERIES = {
    "retried": History([retried], [{"b": [AWAY], "pause": Stop()}, {"b": [AWAY, AWAY], "c": Stop()}]),
    "pausing": History([retried], [{"b": [AWAY, AWAY], "pause": Stop()}]),
    "acts": History(
        [acts],
        [{"send": Stop()}, {"look": NotDone(), "confirm": Stop()}, {}, {"last": Stop()}],
        decisions={3: Decision("done", "Ada", value="confirmed by hand")},
    ),
    "looked_up": History([acts], [{"send": Stop()}, {"look": Done("sent"), "confirm": Stop()}]),
    "asked": History([decided], [{}]),
    "decided": History(
        [decided],
        [{}, {"noted": AWAY, "replaced": AWAY, "inner": AWAY}, {"last": Stop()}],
        decisions={1: ENGINEER, 2: Decision("done", "Ben", value="by hand", note="seen")},
    ),
    "given_up": History([given_up], [{"b": AWAY}]),
    "compensated": History([compensated], [{"d": AWAY}]),
    "undoing": History([compensated], [{"d": AWAY, "una": Stop()}]),
    "not_undone": History([compensated], [{"d": AWAY, "unbox": AWAY}]),
    "begun_from": History([named("1.0", "abc")], [{}, {"b": AWAY}], origin=("earlier", "b")),
}
