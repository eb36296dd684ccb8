"""Seams that fit: no checker may say a word here. Read by the three checkers, never executed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, assert_type

from knows_core import (
    Continue,
    Fail,
    Fallback,
    PipelineWorkflow,
    Retry,
    Step,
    StepContext,
    approval,
    case,
    each,
    parallel,
    pipeline,
    repeat,
    scope,
    step,
    use,
)
from tests.typing.steps import (
    Oven,
    Pump,
    alone,
    by_name,
    context_and_state,
    either,
    heat,
    is_full,
    is_hot,
    join,
    judge,
    measure,
    nothing,
    of_int,
    only_by_name,
    only_context,
    or_nothing,
    pair,
    plain,
    plain_async,
    plain_by_name,
    plain_context,
    plain_state,
    put_out,
    ring,
    slow,
    slow_and_async,
    start_fire,
    state_and_value,
    warm_up,
    with_settings,
)

if TYPE_CHECKING:
    from knows_core import Flow

In = TypeVar("In")
Out = TypeVar("Out")


def ends(flow: Flow[In, Out]) -> tuple[In, Out]:
    """What a flow takes and what it gives."""
    raise NotImplementedError


# ---------------------------------------------------------------- which parameter is the input
assert_type(heat, Step[object, float])
assert_type(judge, Step[float, str])
assert_type(by_name, Step[float, str])
assert_type(only_by_name, Step[object, int])
assert_type(only_context, Step[object, int])
assert_type(context_and_state, Step[object, bool])
assert_type(nothing, Step[object, int])
assert_type(with_settings, Step[str, list[int]])
assert_type(measure, Step[float, int])
assert_type(warm_up, Step[object, Oven])
assert_type(slow, Step[int, str])
assert_type(slow_and_async, Step[str, float])
assert_type(alone, Step[object, str])
assert_type(step(plain, name="other"), Step[str, int])
assert_type(step(plain_async, timeout=1), Step[str, int])
assert_type(step(plain_state), Step[object, int])
assert_type(step(slow, name="again"), Step[int, str])
assert_type(with_settings.partial(limit=5), Step[str, list[int]])
assert_type(judge(1.0, Oven(2), StepContext("run", "step", 1)), str)
declared: Step[Any, float] = heat
step(lambda value: value, name="same")
step(lambda state: 1, name="one")

# ---------------------------------------------------------------- one after the other
assert_type(ends(heat | judge), tuple[object, str])
assert_type(ends(heat | judge | with_settings | heat), tuple[object, float])
assert_type(ends(measure | slow), tuple[float, str])
assert_type(ends(measure | judge), tuple[float, str])
assert_type(ends(judge | warm_up), tuple[float, Oven])
assert_type(ends(judge | nothing | slow), tuple[float, str])
assert_type(ends(start_fire | ring | or_nothing | either), tuple[object, list[int]])
assert_type(ends(start_fire | put_out | heat), tuple[object, float])
assert_type(ends(heat | or_nothing), tuple[object, int | str])
assert_type(ends(judge | plain), tuple[float, int])
assert_type(ends(judge | plain_async), tuple[float, int])
assert_type(ends(judge | plain_state | slow), tuple[float, str])
assert_type(ends(judge | plain_context | slow), tuple[float, str])
assert_type(ends(judge | plain_by_name), tuple[float, int])
assert_type(ends(judge | state_and_value), tuple[float, int])
assert_type(ends(judge | len | slow), tuple[float, str])
assert_type(ends(nothing | Pump().pressure), tuple[object, float])
assert_type(ends(nothing | Pump().run | judge), tuple[object, str])
assert_type(ends(plain | slow), tuple[str, str])
assert_type(ends(plain_async | slow), tuple[str, str])
assert_type(ends(plain_state | slow), tuple[object, str])
assert_type(ends(plain_by_name | slow), tuple[object, str])
assert_type(ends(of_int | judge), tuple[int, str])
assert_type(ends(judge | [slow_and_async, plain, [heat, plain_state]]), tuple[float, list[Any]])
assert_type(ends([heat, plain] | join), tuple[Any, str])
assert_type(ends(heat | use("cool", "^1.2") | judge), tuple[object, str])
assert_type(ends(heat | PipelineWorkflow([heat]) | judge), tuple[object, str])
judge | functools.partial(plain) | slow
pipeline(heat | judge, name="etch", version="1.0")
both = [slow_and_async, with_settings]
judge | both

# ---------------------------------------------------------------- side by side
assert_type(ends(heat | parallel(judge, measure) | pair), tuple[object, tuple[int, int]])
assert_type(ends(parallel(heat, judge)), tuple[float, tuple[float, str]])
assert_type(ends(parallel(heat, nothing)), tuple[object, tuple[float, int]])
assert_type(ends(parallel(judge, heat, measure, by_name)), tuple[float, tuple[str, float, int, str]])
assert_type(ends(parallel(judge, measure, judge, heat, heat)), tuple[float, tuple[str, int, str, float, float]])
assert_type(ends(parallel(judge, heat, heat, heat, heat, heat)), tuple[float, tuple[Any, ...]])
assert_type(ends(judge | parallel(plain, plain_state, with_settings)), tuple[float, tuple[Any, ...]])

# ---------------------------------------------------------------- over every item
assert_type(ends(pair | each(judge) | join), tuple[tuple[str, int], str])
assert_type(ends(with_settings | each(judge, max_concurrency=2) | join), tuple[str, str])
assert_type(ends(with_settings | each(heat)), tuple[str, list[float]])
assert_type(ends(with_settings | each(judge | plain)), tuple[str, list[int]])
assert_type(ends(with_settings | each(of_int)), tuple[str, list[float]])
assert_type(ends(with_settings | each(plain_state)), tuple[str, list[int]])
with_settings | each(plain_by_name)

# ---------------------------------------------------------------- again and again
assert_type(ends(repeat(measure, until=is_hot)), tuple[float, int])
assert_type(ends(heat | repeat(measure, until=is_hot) | slow), tuple[object, str])
assert_type(ends(judge | repeat(heat, until=is_full)), tuple[float, float])

# ---------------------------------------------------------------- as a whole
assert_type(ends(scope(heat | judge, timeout=3)), tuple[object, str])
assert_type(ends(scope(plain_async, timeout=3)), tuple[str, int])
assert_type(ends(scope(plain_state, name="it")), tuple[object, int])
judge | scope(plain_by_name)

# ---------------------------------------------------------------- when something goes wrong
assert_type(step(plain, retry=Retry(max_retries=2), on_error=Fallback(0), compensate=plain), Step[str, int])
assert_type(step(plain, raises=OSError), Step[str, int])
assert_type(step(raises=[OSError, ValueError])(plain), Step[str, int])
assert_type(step(plain, effect="once", look=plain), Step[str, int])
assert_type(ends(scope(heat | judge, on_error=Continue(), retry=Retry())), tuple[object, str])
assert_type(ends(judge | approval("sign", payload=Oven)), tuple[float, Oven])
judge | approval("sign", role="engineer", expires=60, into="signed") | slow
pipeline(judge, name="etch", version="1.0", retry=Retry(exceptions=OSError), on_error=lambda context: Fail())

# ---------------------------------------------------------------- one of several
assert_type(ends(heat | case((is_hot, measure), judge) | either), tuple[object, list[int]])
assert_type(ends(case((is_hot, measure), default=judge)), tuple[float, int | str])
assert_type(ends(case((is_hot, judge))), tuple[float, float | str])
assert_type(ends(case((is_hot, judge), (is_full, only_by_name), warm_up)), tuple[float, str | int | Oven])
assert_type(ends(case((is_hot, heat), (is_full, measure)) | judge), tuple[float, str])
heat | case((is_full, heat)) | judge
heat | case((is_full, heat), (is_hot, only_by_name)) | judge
heat | case((is_hot, plain_state), judge) | either
