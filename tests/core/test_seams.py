"""Seams: every hand-over is judged before anything runs, and what was left open is checked when it happens."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from knows_core import (
    ContractError,
    DefinitionError,
    LocalEngine,
    MemoryBackend,
    RunStatus,
    SeamMismatch,
    case,
    compose,
    each,
    parallel,
    pipeline,
    repeat,
    step,
)
from knows_core.types import Fit


class Reading(BaseModel):
    value: float


def twin():
    """Another class of the same structure, as a second version of a plugin brings it."""

    class Reading(BaseModel):
        value: float

    return Reading


Twin: Any = twin()


class Login(BaseModel):
    user: str
    password: Annotated[SecretStr, Field(min_length=20)]


def gives(annotation, value=None, name="give"):
    def give():
        return value

    give.__annotations__["return"] = annotation
    return step(give, name=name)


def takes(annotation, name="take", back=None):
    def take(value):
        return value

    take.__annotations__ |= {"value": annotation} | ({} if back is None else {"return": back})
    return step(take, name=name)


def seams(flow):
    return {(one.produced.path, one.consumed.path): one.verdict.fit for one in pipeline(flow).definition.seams.seams}


@pytest.mark.parametrize(
    ("flow", "found"),
    [
        (gives(int) | takes(int), {("give", "take"): Fit.FITS}),
        (gives(str) | takes(int), {("give", "take"): Fit.DOES_NOT_FIT}),
        (gives(Any) | takes(int), {("give", "take"): Fit.RUN_TIME}),
        (gives(Twin) | takes(Reading), {("give", "take"): Fit.CONVERTS}),
        (gives(list[int]) | each(takes(int)), {("an item of give", "take[]/take"): Fit.FITS}),
        (gives(list[str]) | each(takes(int)), {("an item of give", "take[]/take"): Fit.DOES_NOT_FIT}),
        (gives(tuple[int, str]) | each(takes(int | str)), {("an item of give", "take[]/take"): Fit.FITS}),
        (gives(int) | each(takes(int)), {("give", "take[]"): Fit.DOES_NOT_FIT,
                                         ("an item of give", "take[]/take"): Fit.RUN_TIME}),
        (gives(list[int]) | each(takes(int, back=str)) | takes(list[str], "end"),
         {("an item of give", "take[]/take"): Fit.FITS, ("take[]", "end"): Fit.FITS}),
        (parallel(gives(int, name="a"), gives(str, name="b")) | takes(tuple[int, str]), {("a&b", "take"): Fit.FITS}),
        (parallel(gives(int, name="a"), gives(str, name="b")) | takes(tuple[int, int]),
         {("a&b", "take"): Fit.DOES_NOT_FIT}),
        (gives(int, name="x") | [gives(int, name="a"), gives(int, name="b")] | takes(list[int]),
         {("a&b", "take"): Fit.FITS}),
        (case((bool, gives(int, name="a")), gives(str, name="b")) | takes(int),
         {("a", "take"): Fit.FITS, ("b", "take"): Fit.DOES_NOT_FIT}),
        (gives(int) | case((bool, takes(int, "a", str))) | takes(str),
         {("give", "a"): Fit.FITS, ("a", "take"): Fit.FITS, ("give", "take"): Fit.DOES_NOT_FIT}),
        (gives(int) | repeat(takes(int, back=str), until=bool),
         {("give", "take[]/take"): Fit.FITS, ("take[]/take", "take[]/take"): Fit.DOES_NOT_FIT}),
        (gives(int) | gives(str, name="deaf") | takes(str), {("deaf", "take"): Fit.FITS}),
        (gives(int) | pipeline(takes(str), name="part", version="1.0"), {("give", "part/take"): Fit.DOES_NOT_FIT}),
    ],
)  # fmt: skip
def test_every_hand_over_has_a_verdict(flow, found):
    """Through sequences, branches, items, turns and parts each consumer is compared with all that may reach it."""
    assert seams(flow) == found


def test_a_bad_seam_names_both_ends_and_nothing_runs():
    """Template, version, step and type of either end."""
    part = pipeline(takes(int), name="part", version="1.2")
    template = compose([pipeline(gives(str), name="first", version="3.0"), part], name="whole", version="1.0")
    engine = LocalEngine(MemoryBackend())
    with pytest.raises(DefinitionError) as caught:
        engine.run(template)
    assert "first@3.0.0 first/give (str) does not fit part@1.2.0 part/take (int)" in str(caught.value)
    assert (caught.value.exit_code, engine.runs()) == (4, [])


@pytest.mark.parametrize(
    ("mode", "produced", "consumed", "problems"),
    [
        ("strict", int | None, int, 1),
        ("lenient", int | None, int, 0),
        ("lenient", str, int, 1),
        ("warn", str, int, 0),
        ("off", str, int, 0),
    ],
)  # fmt: skip
def test_a_mode_says_what_is_refused(mode, produced, consumed, problems):
    """lenient leaves what may fit to the run, warn leaves everything to it, off does not look at all."""
    template = pipeline(gives(produced, None) | takes(consumed), types=mode)
    assert len(template.check()) == problems
    if not problems:
        run = LocalEngine().run(template)
        assert run.status is (RunStatus.COMPLETED if mode == "off" else RunStatus.FAILED)
    with pytest.raises(ContractError, match="strict, lenient, warn, off"):
        pipeline(gives(int), types="loose")


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    ("flow", "where"),
    [
        (gives(int, "text"), "give"),
        (gives(None, 5), "give"),
        (gives(list[int], ["text"]), "give"),
        (gives(int, True), "give"),
        (gives(Any, "text") | takes(int), "take"),
        (gives(list[Any], [1, "text"]) | each(takes(int), max_concurrency=1), "take[1]/take"),
        (gives(Any, {"user": "x", "password": "hunter2"}) | takes(Login), "take"),
        (gives(Any, {"value": "1.5"}) | takes(Reading), "take"),
    ],
)
def test_a_wrong_value_fails_its_step_and_is_not_shown(flow, where):
    """A result that is not what the step declares is not recorded; the message has the place, not the value."""
    run = LocalEngine(MemoryBackend()).run(pipeline(flow, name="t", version="1.0"))
    assert (run.error["code"], run.error["step"]) == ("seam-mismatch", where)
    assert not any(secret in str(run.error) for secret in ("hunter2", "'1.5'"))
    assert where not in [one.content.get("path") for one in run.history if one.kind == "StepDone"]


def test_models_of_two_versions_convert():
    """A value of the other class is dumped and made anew; one of the own class passes as it is."""
    run = LocalEngine().run(pipeline(gives(Twin, Twin(value=1.5)) | takes(Reading)))
    assert (run.error, type(run.result), run.result) == (None, Reading, Reading(value=1.5))


def test_the_input_of_a_run_is_checked_before_it_begins():
    """Strictly, for every step that gets it: no run is made."""
    engine = LocalEngine(MemoryBackend())
    template = pipeline(parallel(takes(int, "a"), takes(int | str, "b")), name="t", version="1.0")
    assert engine.run(template, input=5).result == (5, 5)
    with pytest.raises(SeamMismatch, match=r"the input of t@1.0.0 for a: expected int, found str"):
        engine.run(template, input="5")
    assert len(engine.runs()) == 1


def test_what_pydantic_cannot_check_passes():
    """An annotation without a check of its own does not stand in the way."""

    class Odd:
        pass

    odd = Odd()
    assert LocalEngine().run(pipeline(gives(Odd, odd) | takes(Odd))).result is odd


def test_turns_of_turns_are_read_once():
    """A flow of many repeats inside each other is judged as fast as a flat one, and odd metadata does not disturb."""
    flow: Any = takes(int, back=int)
    for number in range(28):
        flow = repeat(flow, until=bool, name=f"r{number}")
    assert pipeline(gives(int) | flow).check() == []
    odd = Annotated[int, {"no": "hash"}]
    assert pipeline(case((bool, gives(odd, name="a")), gives(int, name="b")) | takes(int)).check() == []
