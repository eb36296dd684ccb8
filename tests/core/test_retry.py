"""Retries: what is tried again, how often, after which pause, and what a crash changes in that: nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knows_core import (
    ConfigError,
    Limits,
    LocalEngine,
    MemoryBackend,
    PermanentError,
    Retry,
    RunStatus,
    StepTimeout,
    TransientError,
    parallel,
    scope,
    step,
    use,
)
from knows_core.testing.simulator import Simulator
from tests.core.mending import AT_ONCE, Steps, hooked, kinds, made, ran

both_drivers = pytest.mark.parametrize("driver", ["sync", "async"])


@both_drivers
def test_a_step_is_called_again_until_it_works(driver):
    """Each failed attempt is recorded with when the next one begins; the run goes on as if nothing had been."""
    steps = Steps()
    run = ran(steps.works("a", 1) | steps.fails("b", times=2, retry=AT_ONCE), driver=driver)
    assert (run.status, run.result, run.error) == (RunStatus.COMPLETED, 1, None)
    assert steps.calls == ["a", "b", "b", "b"]
    assert kinds(run)[2:] == ["StepFailed", "StepRetried", "StepFailed", "StepRetried", "StepDone", "RunEnded"]
    assert [one.content["attempt"] for one in run.history if one.kind == "StepFailed"] == [1, 2]


def test_so_many_retries_follow_the_first_attempt_and_no_more():
    """`max_retries` counts attempts after the first one; the last failure ends the run."""
    steps = Steps()
    run = ran(steps.fails("a", retry=Retry(max_retries=3, delay=0)))
    assert (run.status, run.error["attempt"], steps.calls) == (RunStatus.FAILED, 4, ["a"] * 4)
    assert ran(steps.fails("b", retry=Retry(max_retries=0, delay=0))).error["attempt"] == 1


def test_without_a_policy_nothing_is_tried_again():
    """The limits are defaults of a policy, not a policy."""
    steps = Steps()
    assert ran(steps.fails("a")).status is RunStatus.FAILED
    assert steps.calls == ["a"]


def test_a_policy_takes_from_the_engine_what_it_leaves_open():
    """`Retry()` means the engine's `max_retries` and `retry_delay`."""
    steps = Steps()
    with LocalEngine(MemoryBackend(), limits=Limits(max_retries=5, retry_delay=0)) as engine:
        assert engine.run(made(steps.fails("a", retry=Retry()))).error["attempt"] == 6


@pytest.mark.parametrize("error", [TransientError, ConnectionError, TimeoutError, ConnectionResetError])
def test_what_may_pass_by_itself_is_tried_again_by_default(error):
    """Transient errors, connections and timeouts, with everything derived from them."""
    steps = Steps()
    assert ran(steps.fails("a", times=1, error=error, retry=AT_ONCE)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("error", [ValueError, PermanentError, OSError, RuntimeError])
def test_what_will_not_pass_by_itself_is_not_tried_again_by_default(error):
    """A wrong value stays wrong, and repeating it only hides that."""
    steps = Steps()
    assert ran(steps.fails("a", times=1, error=error, retry=AT_ONCE)).status is RunStatus.FAILED


def test_a_policy_names_its_exceptions():
    """One class, or any number in any collection."""
    for exceptions in (ValueError, [KeyError, ValueError], {ValueError}, (one for one in [ValueError])):
        policy = Retry(exceptions=exceptions, max_retries=1, delay=0)
        steps = Steps()
        assert ran(steps.fails("a", times=1, error=ValueError, retry=policy)).status is RunStatus.COMPLETED
        assert ran(steps.fails("b", times=1, retry=policy)).status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("errors", "works"), [([OSError(), TimeoutError()], False), ([TimeoutError(), ConnectionError()], True)]
)
def test_a_group_of_errors_is_tried_again_where_every_one_of_them_is(errors, works):
    """What a TaskGroup raises holds what its tasks raised."""
    failing = [True]

    @step(retry=AT_ONCE)
    def a():
        if failing:
            failing.clear()
            raise ExceptionGroup("several", errors)

    assert (ran(a).status is RunStatus.COMPLETED) is works


def test_a_step_that_was_too_slow_is_tried_again_with_all_its_time():
    """StepTimeout is a timeout, and `timeout` counts for each attempt."""
    steps = Steps()
    late = steps.fails("a", times=1, error=lambda _: StepTimeout(step="a", timeout=1), retry=AT_ONCE)
    assert ran(late).status is RunStatus.COMPLETED


@pytest.mark.fault(53)
def test_each_attempt_begins_with_the_input_and_state_as_they_were():
    """What a failed attempt did to its input or wrote is gone, as it would be after a crash."""
    seen = []

    @step(retry=AT_ONCE)
    def take(items, state):
        seen.append((list(items), dict(state)))
        state["taken"] = items.pop()
        if len(seen) < 3:
            raise ConnectionError
        return items

    run = ran(step(lambda: [1, 2], name="a") | take)
    assert seen == [([1, 2], {})] * 3
    assert (run.result, dict(run.state)) == ([1], {"taken": 2})


def test_the_policy_of_a_scope_is_the_default_of_the_steps_inside():
    """Only the step that failed is made again; one inside that has a policy of its own follows that."""
    steps = Steps()
    inner = steps.works("a") | steps.fails("b", times=2) | steps.fails("c", retry=Retry(max_retries=0))
    run = ran(scope(scope(inner, name="in"), name="out", retry=AT_ONCE))
    assert (run.error["step"], steps.calls) == ("out/in/c", ["a", "b", "b", "b", "c"])


def test_the_inner_policy_of_two_counts_and_a_template_has_one_too():
    """The nearest policy around a step is its default, up to the template's."""
    steps = Steps()
    flow = scope(steps.fails("a"), retry=Retry(max_retries=1, delay=0)) | steps.works("b")
    assert ran(flow, retry=Retry(max_retries=5, delay=0)).error["attempt"] == 2
    assert ran(steps.fails("c", times=5), retry=Retry(max_retries=5, delay=0)).status is RunStatus.COMPLETED


def test_a_policy_does_not_reach_into_a_template_that_is_used():
    """A used template says itself what of it may be repeated."""
    steps = Steps()
    part = made(steps.fails("a"))
    assert ran(steps.works("b") | use(part), retry=AT_ONCE).error["attempt"] == 1


def test_branches_have_attempts_of_their_own():
    """The retries of one branch do not use up those of another."""
    steps = Steps()
    run = ran(parallel(steps.fails("a", times=2, retry=AT_ONCE), steps.fails("b", times=2, retry=AT_ONCE)))
    assert (run.status, sorted(steps.calls)) == (RunStatus.COMPLETED, ["a"] * 3 + ["b"] * 3)


def test_a_new_budget_begins_where_somebody_resumes_a_failed_run():
    """Whoever resumes it by hand has seen to the cause; the number of the attempt goes on."""
    steps, backend = Steps(), MemoryBackend()
    template = made(steps.fails("a", times=4, retry=AT_ONCE))
    with LocalEngine(backend) as engine:
        assert engine.run(template, run_id="r").error["attempt"] == 3
        run = engine.resume("r", template)
        assert run.status is RunStatus.COMPLETED
        assert [one.content["attempt"] for one in run.history if one.kind == "StepDone"] == [5]


def test_a_crash_gives_no_attempt_back_and_takes_none():
    """Of three attempts one was under way when the process ended: the next is the third, and there is no fourth."""
    backend, attempts = MemoryBackend(), []

    @step(retry=AT_ONCE)
    def a(context):
        attempts.append(context.attempt)
        if len(attempts) == 2:
            raise KeyboardInterrupt
        raise ConnectionError

    with LocalEngine(backend) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.run(made(a), run_id="r")
        assert engine.resume("r", made(a)).status is RunStatus.FAILED
    assert attempts == [1, 2, 3, 4]  # the one that nobody knows the end of was no failure


@pytest.mark.fault(9)
def test_every_crash_point_of_a_retried_step_comes_to_the_same():
    """Losing power at any effect, pauses included, leaves the number of failures as it is."""
    template = made(Steps().works("a", 1) | Steps().fails("b", retry=Retry(max_retries=2, delay=60)))
    simulator = Simulator(template)
    whole = simulator.run()
    failures = [one.content["attempt"] for one in whole.run.history if one.kind == "StepFailed"]
    assert failures == [1, 2, 3]
    for crash in range(1, whole.effects + 1):
        again = simulator.run(crash)
        ends = kinds(again.run).count("RunEnded")  # two where it had ended, and was resumed as by hand
        assert kinds(again.run).count("StepFailed") == 3 * ends
        assert (again.run.status, again.again) == (RunStatus.FAILED, ())


# ------------------------------------------------------------------ pauses

LIMITS = Limits(max_retries=3, retry_delay=5)


def pauses(policy, count=4):
    return [policy.pause(number, LIMITS, "run step") for number in range(count)]


def test_each_pause_is_longer_than_the_one_before_up_to_an_hour():
    """delay, then `backoff` times as long each; never beyond an hour unless the delay itself is."""
    assert pauses(Retry(max_retries=4, delay=2, backoff=3, jitter=0)) == [2, 6, 18, 54]
    assert pauses(Retry(max_retries=10**6, delay=1, jitter=0), 2000)[-1] == 3600
    assert pauses(Retry(max_retries=4, delay=7200, jitter=0)) == [7200] * 4
    assert pauses(Retry(jitter=0), 4) == [5, 10, 20, None]


@given(jitter=st.floats(0, 1), chance=st.text(), number=st.integers(0, 60))
def test_chance_takes_at_most_its_part_away(jitter, chance, number):
    """A pause lies between delay * backoff**n less `jitter` of it and the whole; the same chance gives the same."""
    policy = Retry(max_retries=100, delay=3, jitter=jitter)
    whole: float = min(3 * 2.0**number, 3600)
    pause = policy.pause(number, LIMITS, chance)
    assert pause is not None
    assert whole * (1 - jitter) <= pause * (1 + 1e-9)
    assert pause <= whole
    assert pause == policy.pause(number, LIMITS, chance)


def test_runs_that_failed_together_do_not_come_back_together():
    """The pauses of a thousand runs are spread over half of the longest."""
    policy = Retry(delay=10)
    found = [policy.pause(0, LIMITS, f"run{number} step 0") for number in range(1000)]
    for tenth in range(10):
        assert 50 < sum(10 + tenth == int(one * 2) for one in found if one is not None) < 150


def test_no_attempt_begins_later_than_the_limit_allows():
    """`limit` counts from the first failure: a pause that would go beyond it is the end."""
    steps = Steps()
    run = ran(steps.fails("a", retry=Retry(max_retries=9, delay=60, limit=59, jitter=0)))
    assert (run.error["attempt"], run.error["type"]) == (1, "ConnectionError")


def test_a_pause_that_its_scope_has_no_time_for_is_not_begun():
    """The failure is told at once, as what it is, rather than the end of the scope later."""
    steps = Steps()
    flow = scope(steps.fails("a", retry=Retry(delay=60)), timeout=30)
    assert ran(flow).error["type"] == "ConnectionError"


@pytest.mark.fault(85)
@pytest.mark.parametrize("option", ["max_retries", "delay", "backoff", "jitter", "limit"])
@given(value=st.sampled_from([-1, -0.1, float("nan"), float("inf"), 1e300, "3", True, object()]))
def test_what_is_no_number_of_its_kind_is_refused_when_it_is_declared(option, value):
    """Overflow, negative and NaN name the option and what was expected."""
    with pytest.raises(ConfigError, match=f"Retry: {option}: expected a .*number") as refused:
        Retry(**{option: value})
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("exceptions", [[], 5, "ValueError", [ValueError, 3], KeyboardInterrupt, None])
def test_what_is_no_exception_is_refused_when_it_is_declared(exceptions):
    """Also one that no policy may answer: KeyboardInterrupt is not an Exception."""
    with pytest.raises(ConfigError, match="Retry: exceptions"):
        Retry(exceptions=exceptions)


def test_what_is_no_policy_is_refused_when_it_is_declared():
    """`retry=3` says neither what nor how long."""
    with pytest.raises(ConfigError, match=r"retry: expected a Retry\(\.\.\.\), found 3"):
        Steps().works("a", retry=3)


@pytest.mark.fault(76)
def test_interrupts_are_not_failures():
    """KeyboardInterrupt and SystemExit are not tried again, and leave the run resumable."""
    for error in (KeyboardInterrupt, SystemExit):
        steps, backend = Steps(), MemoryBackend()
        template = made(steps.fails("a", times=1, error=error, retry=AT_ONCE, compensate=lambda result: None))
        with LocalEngine(backend, hooks=hooked(handlers=[lambda _: pytest.fail("asked")])) as engine:
            with pytest.raises(error):
                engine.run(template, run_id="r")
            assert steps.calls == ["a"]
            assert engine.resume("r", template).status is RunStatus.COMPLETED
