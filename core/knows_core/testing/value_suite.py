"""The contract of values: whatever can be recorded comes back the same from a backend, and all else is refused.

`ValueContract` stands beside the contract of backends, and needs `open_backend` as that does.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import Phase, given, settings
from pydantic_settings import BaseSettings, SettingsConfigDict

from knows_core import LocalEngine, RunStatus, WorkflowState, pipeline, step
from knows_core.testing.suite_opening import QUIET, OpensBackends
from knows_core.testing.value_strategy import recordable
from knows_core.testing.values import CODEC, SAMPLES, Known
from knows_core.values.sameness import same

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from knows_core import Run, WorkflowTemplate

_BATCH: Final = 50  # values that one step leaves, half of them as its result and half of them in the state
_STEPS: Final = 40  # in one run


class Amount(BaseSettings):
    """How many generated values are written to each backend: `KNOWS_TEST_VALUES`."""

    model_config = SettingsConfigDict(env_prefix="KNOWS_TEST_")

    values: int = 5000


class ValueContract(OpensBackends):
    """What every backend gives back of the values that were recorded in it."""

    def test_the_matrix_of_values_comes_back_or_is_refused(self, tmp_path: Path) -> None:
        """Every value of the matrix comes back as the same type and bits, or is refused; none is changed silently."""
        kept = [one for one in SAMPLES if one.becomes == "same"]
        refused = [one for one in SAMPLES if one.becomes != "same"]
        values = [one.make() for one in kept]
        with LocalEngine(self.open_backend(tmp_path)) as engine:
            found = _written_and_read(engine, values)
            ends = [(one.name, one.becomes, _end(engine, one.make())) for one in refused]
        changed = [one.name for one, was, now in zip(kept, values, found, strict=True) if not same(was, now)]
        assert changed == []
        assert [one for one in ends if one[1] != one[2]] == []
        self.tell(f"values of the matrix changed: 0 of {len(SAMPLES)} ({len(kept)} the same, {len(refused)} refused)")

    def test_generated_values_come_back_the_same(self, tmp_path: Path) -> None:
        """Whatever a step may return or store comes back as the same type and bits, and would be written the same."""
        values = generated_values(Amount().values)
        with LocalEngine(self.open_backend(tmp_path)) as engine:
            found = _written_and_read(engine, values)
        for was, now in zip(values, found, strict=True):
            assert same(was, now), f"{was!r} came back as {now!r}"
            assert _text(was) == _text(now), f"{was!r} is written in two ways"
        bound = f"bounds the rate below {3 / len(values):.3%}, 95 %"
        self.tell(f"generated values changed: 0 of {len(values)} ({bound})")


@functools.cache  # making them takes longer than storing them, and every backend may have the same
def generated_values(count: int) -> list[Any]:
    """So many values that can be recorded, other ones in each process."""
    values: list[Any] = []

    # Nothing is judged in here, so that there is nothing to shrink: the backend is asked for many at once.
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=QUIET,
    )
    @given(recordable())
    def gather(value: Any) -> None:
        values.append(value)

    while len(values) < count:
        gather()
    return values[:count]


def _written_and_read(engine: LocalEngine, values: Sequence[Any]) -> list[Any]:
    """What the journals in the engine's backend hold of the values after they were recorded there."""
    found: list[Any] = []
    for begin in range(0, len(values), _BATCH * _STEPS):
        share = values[begin : begin + _BATCH * _STEPS]
        run = engine.run(_leaving([share[at : at + _BATCH] for at in range(0, len(share), _BATCH)]))
        assert run.status is RunStatus.COMPLETED, run.error
        found += _read(engine, run)
    return found


def _leaving(batches: Sequence[Sequence[Any]]) -> WorkflowTemplate:
    """A template whose steps each leave a batch of values; an annotation of theirs declares the classes."""

    def leaving(number: int, batch: Sequence[Any]) -> Callable[..., Any]:
        def leave(_: Any, state: WorkflowState, known: Known | None = None) -> Any:  # noqa: ARG001 - declares the classes
            half = len(batch) // 2
            state.clear()
            # Under names of its own: what a key already holds is not recorded again.
            state.update({f"s{number}k{at}": value for at, value in enumerate(batch[half:])})
            return list(batch[:half])

        return leave

    steps = [step(leaving(number, one), name=f"s{number}") for number, one in enumerate(batches)]
    return pipeline(steps, name="values")


def _read(engine: LocalEngine, run: Run) -> list[Any]:
    found: list[Any] = []
    for entry in engine.history(run.id):
        if entry.kind == "StepDone":
            found += CODEC.decode(entry.content["result"])
            written: dict[str, Any] = entry.content.get("set", {})
            found += [CODEC.decode(value) for value in written.values()]
    return found


def _end(engine: LocalEngine, value: Any) -> str:
    """How a run ends whose step returns the value: the code of its error, or what is wrong with that end."""
    run = engine.run(_leaving([[value, None]]))
    error = dict(run.error or {})
    if "canary" in str(error):
        return "a secret was told"
    if any(entry.kind == "StepDone" for entry in engine.history(run.id)):
        return "the step counts as done"
    return str(error.get("code", "no error"))


def _text(value: Any) -> str:
    return json.dumps(CODEC.encode(value))
