"""Error handlers and validators: what plugins, and functions in a template, say of what a step did."""

from __future__ import annotations

import pytest

from knows_core import (
    Continue,
    Fail,
    Fallback,
    HandlerFailed,
    LocalEngine,
    MemoryBackend,
    Retry,
    RunStatus,
    Suspend,
    scope,
    step,
    use,
)
from tests.core.mending import AT_ONCE, Steps, hooked, kinds, made, ran

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


def saying(verdict, name=None, heard=None):
    """A handler that says the same of every failure."""

    def handler(context):
        if heard is not None:
            heard.append((name, context.step))
        return verdict

    return handler


# ------------------------------------------------------------------ who is asked, and when


@both_drivers
def test_a_handler_is_told_what_failed(driver):
    """Run, template, step, attempt, the error as data, the exception itself, and the state as the step saw it."""
    told = []

    @step(retry=AT_ONCE)
    def a(state):
        state["mine"] = 1
        raise ConnectionError("away")

    first = step(lambda state: state.update(level=[3]), name="first")
    run = ran(first | a, hooks=hooked(handlers=[told.append]), driver=driver)
    (context,) = told
    assert (context.run, context.template, context.step, context.attempt) == ("r", "it@1.0.0", "a", 3)
    assert context.error == {"type": "ConnectionError", "message": "away", "code": None, "cause": None}
    assert (type(context.exception), dict(context.state)) == (ConnectionError, {"level": [3]})
    assert run.status is RunStatus.FAILED


def test_what_a_handler_writes_to_the_state_is_dropped():
    """It sees a private view."""

    def handler(context):
        context.state["level"].append(4)
        context.state["more"] = 1
        return Continue()

    first = step(lambda state: state.update(level=[3]), name="first")
    run = ran(first | Steps().fails("a"), hooks=hooked(handlers=[handler]))
    assert (run.state["level"], "more" in run.state) == ([3], False)


def test_the_first_answer_wins():
    """As pluggy has it, the plugin that was registered last is asked first; None leaves it to the next."""
    heard = []
    handlers = [saying(Fallback(3), 3, heard), saying(Fallback(2), 2, heard), saying(None, 1, heard)]
    run = ran(Steps().fails("a", on_error=Fallback(4)), hooks=hooked(handlers=handlers))
    assert (run.result, heard) == (2, [(1, "a"), (2, "a")])


@pytest.mark.fault(74)
def test_handlers_of_plugins_come_before_what_the_template_says():
    """And where they leave it open, the step's own answer counts, then those around."""
    hooks = hooked(handlers=[saying(None)])
    assert ran(Steps().fails("a", on_error=Fallback(4)), hooks=hooks).result == 4
    assert ran(scope(Steps().fails("a"), on_error=Fallback(5)), hooks=hooks).result == 5
    assert ran(Steps().fails("a", on_error=Fallback(4)), hooks=hooked(handlers=[saying(Fail())])).status == "failed"


def test_a_handler_is_asked_once_for_each_failure():
    """Not for attempts that others follow, not again on the way out, and not when the run is resumed."""
    heard = []
    hooks = hooked(handlers=[saying(None, "plugin", heard)])
    own = saying(None, "own", heard)
    flow = scope(scope(Steps().fails("a", retry=AT_ONCE), name="in"), name="out", on_error=own)
    ran(flow, hooks=hooks)
    assert heard == [("plugin", "out/in/a"), ("own", "out/in/a")]
    heard.clear()
    part = use(made(Steps().fails("a")), alias="part")
    ran(scope(part, name="out", on_error=own), hooks=hooks)
    assert heard == [("plugin", "out/part/a"), ("own", "out/part")]


def test_functions_of_scopes_are_asked_from_the_inside_out():
    """The step's own, the inner scope's, the outer's, the template's."""
    heard = []
    flow = Steps().fails("a", on_error=saying(None, 1, heard))
    for number in (2, 3):
        flow = scope(flow, name=f"s{number}", on_error=saying(None, number, heard))
    run = ran(flow, on_error=saying(Fallback(5), 4, heard))
    assert (run.result, [name for name, _ in heard]) == (5, [1, 2, 3, 4])


def test_the_value_of_a_handler_stands_for_the_step():
    """Also where the handler is that of a scope: it answers for the step that failed, and the rest of it goes on."""
    steps = Steps()
    run = ran(scope(steps.fails("a") | steps.works("b"), on_error=saying(Fallback(5))))
    assert (run.result, steps.calls) == (5, ["a", "b"])


@both_drivers
def test_the_verdict_is_recorded(driver):
    """What a handler said stands: a resumed run does not ask again."""
    heard, backend, steps = [], MemoryBackend(), Steps()
    template = made(steps.fails("a") | steps.dies("b"))
    with LocalEngine(backend, hooks=hooked(handlers=[saying(Fallback(1), 1, heard)])) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.run(template, run_id="r")
        assert engine.resume("r", template).result == 1
    assert heard == [(1, "a")]


def test_suspend_may_be_a_verdict():
    """The reason of the handler is shown to whoever decides."""
    with LocalEngine(MemoryBackend(), hooks=hooked(handlers=[saying(Suspend("call ann"))])) as engine:
        run = engine.run(made(Steps().fails("a")), run_id="r")
        assert (run.status, run.waiting[0].reason) == (RunStatus.SUSPENDED, "call ann")


# ------------------------------------------------------------------ other attempts as a verdict


def test_retry_may_be_a_verdict():
    """A handler has a step tried again, whatever the class of its error; the policy of a step counts with it."""
    steps = Steps()
    hooks = hooked(handlers=[saying(Retry(max_retries=3, delay=0))])
    run = ran(steps.fails("a", times=3, error=ValueError), hooks=hooks)
    assert (run.status, len(steps.calls)) == (RunStatus.COMPLETED, 4)
    steps = Steps()
    assert ran(steps.fails("a", retry=AT_ONCE), hooks=hooks).error["attempt"] == 4


def test_each_attempt_that_a_handler_grants_begins_with_the_input_as_it_was():
    """As with a policy of the step."""
    seen = []

    def take(items):
        seen.append(list(items))
        items.clear()
        if len(seen) < 2:
            raise ValueError

    hooks = hooked(handlers=[saying(Retry(delay=0))])
    assert ran(step(lambda: [1, 2], name="a") | step(take), hooks=hooks).status is RunStatus.COMPLETED
    assert seen == [[1, 2]] * 2


def test_a_retry_whose_attempts_are_used_up_is_no_answer():
    """Then the next one is asked: the order goes on as after a policy of the step."""
    steps, heard = Steps(), []
    handlers = [saying(None, 2, heard), saying(Retry(max_retries=1, delay=0), 1, heard)]
    run = ran(steps.fails("a", on_error=Fallback(3)), hooks=hooked(handlers=handlers))
    assert (run.result, steps.calls) == (3, ["a", "a"])
    assert heard == [(1, "a"), (1, "a"), (2, "a")]


def test_a_retry_says_nothing_of_what_cannot_be_tried_again():
    """An act that is made once, and what is no step."""
    steps = Steps()
    hooks = hooked(handlers=[saying(Retry(max_retries=3, delay=0))])
    assert ran(steps.fails("a", effect="once", on_error=Fallback(3)), hooks=hooks).result == 3
    assert steps.calls == ["a"]


def test_a_retry_as_a_verdict_pauses_and_is_recorded():
    """It is a pause like that of a policy."""
    steps = Steps()
    run = ran(steps.fails("a", times=1), hooks=hooked(handlers=[saying(Retry(delay=0.001))]))
    assert kinds(run) == ["RunCreated", "StepFailed", "StepRetried", "StepDone", "RunEnded"]
    assert run.history[1].content["until"] > 0


# ------------------------------------------------------------------ handlers that fail


def broken(context):
    raise LookupError("no such pager")


@pytest.mark.fault(81)
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (broken, "raised LookupError: no such pager"),
        (saying("retry"), "answered with str: expected Retry, Fallback, Continue, Suspend, Fail or None"),
        (saying(Fallback), "answered with type"),
        (saying(Fallback(print)), "answered with a flow, which must be part of the template"),
        (saying(Fallback(step(print))), "answered with a flow"),
    ],
)
@pytest.mark.parametrize("where", ["plugin", "step", "scope"])
def test_a_handler_that_fails_keeps_the_failure_that_it_was_asked_about(handler, reason, where):
    """The run fails with HandlerFailed, whose cause is the original; no other answer counts then."""
    steps = Steps()
    flow = steps.fails("a", on_error=handler if where == "step" else None)
    flow = scope(flow, name="s", on_error=handler if where == "scope" else Fallback(1))
    run = ran(flow, hooks=hooked(handlers=[handler] if where == "plugin" else []), on_error=Fallback(2))
    assert (run.status, run.error["type"], run.error["code"]) == (RunStatus.FAILED, "HandlerFailed", "handler-failed")
    assert reason in run.error["message"]
    assert (run.error["cause"]["type"], run.error["step"]) == ("ConnectionError", "s/a")


def test_the_sentence_names_the_handler_the_step_and_the_failure():
    """Everything that somebody needs who knows nothing of the plugin."""
    error = HandlerFailed(handler="of plugin pager", step="a", reason="raised LookupError: no", error="a is away")
    assert str(error).startswith("the handler of plugin pager, asked about the failure of a, raised LookupError: no;")
    assert (
        ran(Steps().fails("a"), hooks=hooked(handlers=[broken]))
        .error["message"]
        .startswith("the handler of plugin number 0, asked about the failure of a, raised LookupError")
    )


@pytest.mark.fault(75)
def test_the_text_of_a_handlers_error_may_be_hostile():
    """An exception whose text raises is still told."""

    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError

    def handler(context):
        raise Hostile

    assert "raised Hostile: <its text could not be made" in ran(Steps().fails("a", on_error=handler)).error["message"]
