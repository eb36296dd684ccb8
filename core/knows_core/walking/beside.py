"""Calling a function that stands beside a step, and whose state changes nobody may take for the step's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knows_core.state import Attempt
from knows_core.walking.wishes import Call

if TYPE_CHECKING:
    from collections.abc import Generator

    from knows_core.flow import Step
    from knows_core.walking.situation import Place, Situation
    from knows_core.walking.wishes import Wish


def call_beside(
    step: Step[Any, Any], value: Any, path: str, attempt: int, now: Situation, place: Place
) -> Generator[Wish, Any, Any]:
    """Call it with a private view of the state, which is dropped. Raises what it raises."""
    state: Any = None
    if step.binding.takes_state:
        state = Attempt(place.seen(now.state))
        if place.typed is not None and step.takes_model:
            state = place.typed.working_copy(state)
    return (yield Call(step, value, state, path, attempt, step.timeout))
