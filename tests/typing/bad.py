"""Seams that do not fit: each checker flags exactly the marked lines. Never executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core import Retry, approval, case, each, parallel, pipeline, repeat, scope, step, use
from tests.typing.steps import (
    Alarm,
    Pump,
    alone,
    either,
    heat,
    is_hot,
    join,
    judge,
    letters,
    measure,
    nothing,
    of_float,
    of_int,
    only_by_name,
    pair,
    plain,
    plain_async,
    plain_state,
    put_out,
    ring,
    slow,
    slow_and_async,
    start_alarm,
    warm_up,
    with_settings,
)

if TYPE_CHECKING:
    from knows_core import Flow

# ---------------------------------------------------------------- one after the other
judge | judge  # bad
judge | measure  # bad
heat | slow  # bad
alone | slow  # bad
only_by_name | with_settings  # bad
warm_up | judge  # bad
slow_and_async | slow  # bad
ring | judge  # bad
put_out | judge  # bad
start_alarm | put_out  # bad
heat | either  # bad
pair | join  # bad
judge | (heat | with_settings)  # bad
(measure | slow) | measure  # bad
judge | of_float  # bad
judge | of_int  # bad
heat | plain  # bad
heat | plain_async  # bad
heat | Pump().pressure  # bad
of_float | slow_and_async  # bad
of_int | slow  # bad
plain_state | with_settings  # bad
judge | [judge]  # bad
judge | [measure, with_settings]  # bad
judge.partial(context=None) | judge  # bad
heat | "a text"  # bad
taking: Flow[str, Any] = judge  # bad
giving: Flow[Any, int] = judge  # bad

# ---------------------------------------------------------------- step
step(3)  # bad
step(plain, timeout="3")  # bad
step(timeout="3")  # bad

# ---------------------------------------------------------------- side by side
judge | parallel(judge, measure)  # bad
judge | parallel(judge, heat)  # bad
judge | parallel(with_settings, judge)  # bad
judge | parallel(plain, judge)  # bad
heat | parallel(judge, measure) | judge  # bad
measure | parallel(measure, judge) | pair  # bad
heat | parallel(judge, measure, heat) | pair  # bad
parallel(judge, "a text")  # bad

# ---------------------------------------------------------------- over every item
judge | each(with_settings)  # bad
heat | each(judge)  # bad
judge | letters | each(with_settings)  # bad
with_settings | each(with_settings)  # bad
with_settings | each(plain)  # bad
with_settings | each(judge) | judge  # bad
with_settings | each(heat) | join  # bad
each(3)  # bad
each(judge, max_concurrency="2")  # bad

# ---------------------------------------------------------------- again and again
repeat(judge, until=is_hot)  # bad
judge | repeat(measure, until=is_hot)  # bad
heat | repeat(measure, until=is_hot) | with_settings  # bad
repeat(measure, until=len)  # bad

# ---------------------------------------------------------------- as a whole
judge | scope(judge)  # bad
judge | scope(of_float)  # bad
heat | scope(judge) | slow  # bad
scope(judge, timeout="3")  # bad

# ---------------------------------------------------------------- when something goes wrong
step(judge, retry=3)  # bad
step(judge, on_error="stop")  # bad
step(judge, effect=1)  # bad
step(judge, raises="ValueError")  # bad
step(judge, raises=[int])  # bad
step(raises=ValueError("a value"))  # bad
scope(judge, compensate=3)  # bad
Retry(max_retries="2")  # bad
approval("sign", expires="60")  # bad
judge | approval("sign", payload=Alarm) | measure  # bad
pipeline(judge, on_error=Retry())  # bad

# ---------------------------------------------------------------- one of several
judge | case((is_hot, judge), measure)  # bad
heat | case((is_hot, measure), judge) | measure  # bad
heat | case((is_hot, judge)) | with_settings  # bad
heat | case((is_hot, judge), with_settings)  # bad
heat | case((is_hot, judge), (is_hot, with_settings), nothing)  # bad
heat | case((is_hot, with_settings))  # bad
case((len, judge), measure)  # bad
case((is_hot, measure), default=3)  # bad

# ---------------------------------------------------------------- another template
use("cool", 3)  # bad
use("cool", keys=["limit"])  # bad
